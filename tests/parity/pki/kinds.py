"""Every kind of certificate and chain that bartizan makes, in one table: whoever adds a kind adds it here, and all judges see it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from cryptography import x509

from bartizan.core.pki.pem import read_certificates, to_pem
from bartizan.core.pki.serving import ServingAuthority
from bartizan.signers.certificates import authority_builder, authority_name, key_pem, new_key, self_signed, validity
from unit.pki.builders import HOUR, SIGNER, a_pki

NOW = datetime.now(UTC).replace(microsecond=0)
DOMAIN = "prod.example.com"
HOST = "orders.shop.svc"
ID = f"spiffe://{DOMAIN}/ns/shop/sa/orders"
WEBHOOK = "bartizan-webhook.bartizan-system.svc"
LONGEST_DOMAIN = ".".join(["d" * 63, "e" * 63, "f" * 63, "g" * 61])
"""253 characters, the most a TrustDomain may have: the host of a URI is no longer (RFC 1034 §3.1), though SPIFFE allows 255."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One certificate, what is sent after it, and the bundle its peers hold."""

    name: str
    chain: str
    """PEM, the certificate first."""
    roots: str
    """PEM."""
    key: str = ""
    """PEM; empty for an authority."""
    host: str = ""
    """The DNS name it must serve; empty where it has none."""
    id: str = ""
    """The SPIFFE ID it must prove; empty where it must prove none."""
    servant: bool = True
    """Whether it serves; an authority does not."""
    client: bool = True
    """Whether it authenticates clients too."""

    @property
    def domain(self) -> str:
        """The trust domain of its identity."""
        return self.id.removeprefix("spiffe://").partition("/")[0]

    @property
    def certificates(self) -> tuple[x509.Certificate, ...]:
        """The chain, read."""
        return read_certificates(self.chain)


def every_kind() -> tuple[Kind, ...]:
    """Return all kinds, signed just now."""
    return tuple(kind for make in MAKERS for kind in make())


def workloads() -> tuple[Kind, ...]:
    """Certificates of workloads, by what their profile says."""
    pki = a_pki(NOW)
    profiles = {
        "a workload behind a Service": pki.profile,
        "a workload behind no Service": replace(pki.profile, dns_names=()),
        "a workload with a name outside": replace(pki.profile, dns_names=(HOST, "pay.bank.example")),
        "a workload with a wildcard": replace(pki.profile, dns_names=("*.pay.bank.example", HOST)),
        "a workload of the shortest life": replace(pki.profile, lifetime=HOUR),
        "a workload with an Ed25519 key": replace(pki.profile, key_algorithm="Ed25519"),
        "a workload with a common name": replace(pki.profile, common_name="orders@shop"),
        "a workload with Ed25519, a common name and no Service": replace(
            pki.profile, key_algorithm="Ed25519", common_name="o" * 64, dns_names=()
        ),
    }
    return tuple(_leaf(name, pki, profile=profile) for name, profile in profiles.items())


def generations() -> tuple[Kind, ...]:
    """Authorities of two generations, and workloads under each."""
    pki = a_pki(NOW)
    roots = {1: pki.root, 2: SIGNER.make_root(pki.domain, generation=2, now=NOW)}
    both = to_pem(root.certificate for root in roots.values())
    issuing = {
        (of, generation): SIGNER.make_issuing(pki.domain, root, generation=generation, now=NOW)
        for of, root in roots.items()
        for generation in (1, 2)
    }
    return (
        *(_authority(f"root {number}", to_pem((root.certificate,)), both) for number, root in roots.items()),
        *(
            _authority(f"issuing authority {generation} of root {of}", to_pem((one.certificate,)), both)
            for (of, generation), one in issuing.items()
        ),
        *(
            _leaf(f"a workload under issuing authority {generation} of root {of}", pki, authority=one, roots=both)
            for (of, generation), one in issuing.items()
        ),
    )


def bridges() -> tuple[Kind, ...]:
    """The certificates that join two roots, and workloads whose chains go over them."""
    pki = a_pki(NOW)
    new = SIGNER.make_root(pki.domain, generation=2, now=NOW, old=pki.root)
    issuing = SIGNER.make_issuing(pki.domain, new, generation=2, now=NOW)
    old_root, new_root = to_pem((pki.root.certificate,)), to_pem((new.certificate,))
    over_new = to_pem((new.certificate, new.old_by_new))
    over_bridge = (issuing.certificate, new.bridge)
    return (
        _authority("the new root certified by the old", to_pem((new.bridge,)), old_root),
        _authority("the old root certified by the new", to_pem((new.old_by_new,)), new_root),
        _authority("the new issuing authority over the bridge", to_pem(over_bridge), old_root),
        _leaf("a new workload before a peer of the old root", pki, authority=issuing, sent=over_bridge, roots=old_root),
        _leaf(
            "a new workload before a peer of both", pki, authority=issuing, sent=over_bridge, roots=old_root + over_new
        ),
        _leaf("a new workload before a peer of the new root", pki, authority=issuing, sent=over_bridge, roots=new_root),
        _leaf("an old workload before a peer of the new root", pki, roots=over_new),
    )


def limits() -> tuple[Kind, ...]:
    """The longest trust domain, the longest names, and a certificate that its authority's end cuts short."""
    pki = a_pki(NOW, domain=LONGEST_DOMAIN)
    long_id = f"spiffe://{LONGEST_DOMAIN}/ns/{'n' * 63}/sa/{'.'.join(['a' * 63] * 3)}.{'b' * 61}"
    names = tuple(f"{'s' * 63}.{'n' * 63}{rest}" for rest in ("", ".svc", ".svc.cluster.local"))
    profile = replace(pki.profile, spiffe_id=long_id, dns_names=names)
    near = a_pki(NOW - 2160 * HOUR + 2 * HOUR)
    return (
        _authority("the root of the longest trust domain", to_pem((pki.root.certificate,)), pki.plan(NOW).bundle_pem),
        _authority(
            "the issuing authority of the longest trust domain",
            to_pem((pki.issuing.certificate,)),
            pki.plan(NOW).bundle_pem,
        ),
        _leaf("a workload of the longest names", pki, profile=profile, host=names[0]),
        _leaf("a workload that ends with its authority", near),
    )


def serving() -> tuple[Kind, ...]:
    """The webhook's serving certificate under an authority as bartizan would make it for itself."""
    key = new_key()
    subject = authority_name("bartizan-webhook-ca")
    times = validity(NOW, lifetime=87600 * HOUR, backdate=HOUR)
    builder = authority_builder(key, subject=subject, domain=DOMAIN, path_length=0, times=times)
    authority = ServingAuthority(certificate=self_signed(builder, key, subject), key_pem=key_pem(key))
    issued = SIGNER.sign_serving((WEBHOOK,), authority, now=NOW)
    roots = to_pem((authority.certificate,))
    return (
        Kind(
            name="the webhook's server",
            chain=issued.chain_pem,
            roots=roots,
            key=issued.key_pem,
            host=WEBHOOK,
            client=False,
        ),
    )


def _leaf(name, pki, *, profile=None, authority=None, sent=None, roots="", host=None) -> Kind:
    profile = profile or pki.profile
    issued = SIGNER.sign_leaf(profile, authority or pki.issuing, now=NOW, chain=sent)
    return Kind(
        name=name,
        chain=issued.chain_pem,
        roots=roots or pki.plan(NOW).bundle_pem,
        key=issued.key_pem,
        host=(HOST if HOST in profile.dns_names else "") if host is None else host,
        id=profile.spiffe_id,
    )


def _authority(name, chain, roots) -> Kind:
    return Kind(name=name, chain=chain, roots=roots, servant=False, client=False)


MAKERS: tuple[Callable[[], tuple[Kind, ...]], ...] = (workloads, generations, bridges, limits, serving)
