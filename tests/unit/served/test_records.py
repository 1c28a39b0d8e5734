"""What the first bytes of a server tell."""

import pytest

from bartizan.core.served.records import shown_certificate

DER = b"0\x82certificate"
LIST = len(DER).to_bytes(3) + DER + b"\x00\x00\x01X"
BODY = len(LIST).to_bytes(3) + LIST


def message(kind: int, body: bytes) -> bytes:
    """A handshake message."""
    return bytes([kind]) + len(body).to_bytes(3) + body


def record(kind: int, body: bytes, minor: int = 3) -> bytes:
    """A TLS record."""
    return bytes([kind, 3, minor]) + len(body).to_bytes(2) + body


HELLO = message(2, bytes(40))
WHOLE = HELLO + message(11, BODY)
STREAMS = {
    "nothing": (b"", "unfinished"),
    "one record": (record(22, WHOLE), DER),
    "a record each": (record(22, HELLO) + record(22, message(11, BODY)), DER),
    "a message over three records": (b"".join(record(22, WHOLE[n : n + 30]) for n in range(0, len(WHOLE), 30)), DER),
    "the oldest version": (record(22, WHOLE, 0), DER),
    "the hello only": (record(22, HELLO), "unfinished"),
    "half a record": (record(22, WHOLE)[:-4], "unfinished"),
    "half a header": (b"\x16\x03", "unfinished"),
    "encrypted after the hello": (record(22, HELLO) + record(20, b"\x01") + record(23, bytes(50)), "hidden"),
    "no certificate in the list": (record(22, HELLO + message(11, bytes(3))), "hidden"),
    "a list that promises more than it holds": (
        record(22, HELLO + message(11, b"\x00\x00\x09\x00\x00\x09x")),
        "hidden",
    ),
    "an alert": (record(21, b"\x02\x28"), "unfinished"),
    "text": (b"HTTP/1.1 400", "plain"),
    "a letter": (b"H", "plain"),
    "SSH": (b"SSH-2.0-x", "plain"),
    "application data first": (record(23, b"x"), "plain"),
    "a version that never was": (bytes([22, 3, 9, 0, 1, 0]), "plain"),
    "an empty record": (record(22, b""), "plain"),
    "a record too long": (bytes([22, 3, 3, 255, 255]), "plain"),
    "text after the hello": (record(22, HELLO) + b"HTTP/1.1", "hidden"),
}


@pytest.mark.parametrize(("stream", "found"), STREAMS.values(), ids=STREAMS)
def test_the_certificate_is_found_or_it_is_said_why_not(stream, found):
    """Each beginning of a conversation has one meaning."""
    assert shown_certificate(stream) == found
