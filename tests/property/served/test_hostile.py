"""Nothing that a server or a probe pod can say makes reading it fail in another way than told."""

import base64
import contextlib
import json
import ssl

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from bartizan.core.network.probe_wire import UnreadableProbeError, read_answer, read_orders
from bartizan.core.served.leaf import ServedLeaf, read_served
from bartizan.core.served.records import shown_certificate
from unit.pki.builders import a_pki

RECORD = st.builds(
    lambda kind, minor, body, lie: bytes([kind, 3, minor]) + (len(body) + lie).to_bytes(2) + body,
    st.sampled_from([20, 21, 22, 23, 24]),
    st.integers(0, 4),
    st.one_of(
        st.binary(max_size=200),
        st.builds(
            lambda kind, body: bytes([kind]) + len(body).to_bytes(3) + body,
            st.sampled_from([2, 11]),
            st.binary(max_size=90),
        ),
    ),
    st.integers(0, 3),
)
STREAM = st.one_of(st.binary(max_size=400), st.lists(RECORD, max_size=6).map(b"".join))


@given(STREAM)
def test_any_bytes_of_a_server_have_a_meaning(stream):
    """Reading what a server sent ends in a certificate's bytes or one of three words."""
    found = shown_certificate(stream)
    assert (isinstance(found, bytes) and found in stream) or found in {"plain", "unfinished", "hidden"}


@given(STREAM, st.data())
def test_more_bytes_never_take_a_certificate_back(stream, data):
    """What was found in a beginning is found in the whole: the dialogue may end at the first certificate."""
    cut = data.draw(st.integers(0, len(stream)))
    early, late = shown_certificate(stream[:cut]), shown_certificate(stream)
    assert early in {late, "unfinished"}


@given(STREAM)
@settings(max_examples=200)
def test_the_library_takes_any_bytes(stream):
    """Whatever is fed to the TLS library, it answers with the errors that the dialogue knows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    theirs = ssl.MemoryBIO()
    tls = context.wrap_bio(theirs, ssl.MemoryBIO())
    theirs.write(stream)
    with contextlib.suppress(ssl.SSLError, ValueError):
        tls.do_handshake()


PEM = base64.b64decode(a_pki().issue()["data"]["tls.crt"])
DER = x509.load_pem_x509_certificates(PEM)[0].public_bytes(Encoding.DER)
EDITED = st.lists(st.tuples(st.integers(0, len(DER) - 1), st.integers(0, 255)), max_size=4).map(
    lambda edits: bytes(dict(edits).get(place, byte) for place, byte in enumerate(DER))
)


@given(st.one_of(EDITED, st.binary(max_size=300), st.integers(0, len(DER)).map(lambda n: DER[:n])))
@settings(max_examples=600)
def test_any_bytes_in_a_certificate_s_place_are_read_or_not(der):
    """A certificate with a few bytes changed, or none at all: read or None, never an error."""
    found = read_served(der)
    assert found is None or (isinstance(found, ServedLeaf) and len(found.fingerprint) == 64)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=50),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["alive", "outcomes", "served", "leaves"]), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(JUNK, st.integers(0, 3))
def test_any_answer_is_read_or_refused(junk, looks):
    """A probe pod's last words are an answer or an error that says so."""
    for text in (json.dumps(junk), json.dumps({"alive": True, "outcomes": [], "served": junk, "leaves": junk})):
        with contextlib.suppress(UnreadableProbeError):
            read_answer(text, targets=0, looks=looks)
        with contextlib.suppress(UnreadableProbeError):
            read_orders(text)
