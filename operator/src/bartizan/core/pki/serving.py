"""The webhook's own certificate: the same rules, another authority and another Secret.

The chart makes a long-lived authority for the webhook alone (Secret `bartizan-webhook-ca`), so that the API server's trust in
the webhook does not hang on a TrustDomain; the short-lived certificate under it is issued and renewed here.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509

from bartizan.api.names import MANAGED_BY, MANAGED_BY_LABEL, KubeObject
from bartizan.core.emit import sealed
from bartizan.core.pki.decide import Decision, Issue, Keep, Refuse
from bartizan.core.pki.examine import Expectation, IssueReason, examine
from bartizan.core.pki.leaf import renewal_time
from bartizan.core.pki.pem import (
    BUNDLE_KEY,
    CERTIFICATE_KEY,
    PRIVATE_KEY,
    data_of,
    encoded,
    fits,
    read_certificates,
    to_pem,
)
from bartizan.core.pki.secret import SECRET_TYPE, read_certificate
from bartizan.core.reasons import Reason

SERVING_LIFETIME: Final = timedelta(hours=24)
"""Short: the processes reload it without a restart, and renewal is exercised every half day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingAuthority:
    """The chart's authority for the webhook; RSA as Helm's `genCA` makes it, or EC."""

    certificate: x509.Certificate
    key_pem: bytes = field(repr=False)


def read_serving_authority(secret: KubeObject) -> ServingAuthority | None:
    """Return the authority in the chart's Secret, or None where it cannot be read or key and certificate don't fit."""
    certificates = read_certificates(data_of(secret, CERTIFICATE_KEY))
    key_pem = data_of(secret, PRIVATE_KEY)
    if not certificates or key_pem is None or not fits(certificates[0], key_pem):
        return None
    return ServingAuthority(certificate=certificates[0], key_pem=key_pem)


def decide_serving(
    secret: KubeObject | None,
    authority: ServingAuthority,
    *,
    namespace: str,
    name: str,
    dns_names: tuple[str, ...],
    now: datetime,
) -> Decision:
    """Return what to do about the webhook's certificate in Secret `namespace/name` for exactly `dns_names`."""
    if secret is None:
        return Issue(reason=IssueReason.SECRET_MISSING, message=f"there is no Secret {name} yet", force=False)
    if secret.get("type") != SECRET_TYPE or secret.get("immutable"):
        message = (
            f"Secret {namespace}/{name} must be mutable and of type {SECRET_TYPE}: delete it, a new one is made at once"
        )
        return Refuse(reason=Reason.SECRET_NOT_OURS, message=message)
    leaf = read_certificate(secret)
    if leaf is None:
        message = "tls.crt or tls.key of the Secret is missing or unreadable"
        return Issue(reason=IssueReason.UNREADABLE, message=message, force=True)
    expected = Expectation(
        namespace=namespace,
        name=name,
        uris=(),
        dns_names=dns_names,
        lifetime=SERVING_LIFETIME,
        chains=((authority.certificate,),),
        now=now,
    )
    if finding := examine(expected, leaf):
        return Issue(reason=finding[0], message=finding[1], force=True)
    chain_pem = to_pem((leaf.certificate, authority.certificate))
    return Keep(
        leaf=leaf,
        next_renewal=renewal_time(leaf, namespace=namespace, name=name),
        desired=serving_secret(chain_pem, leaf.key_pem, authority, namespace=namespace, name=name),
    )


def serving_secret(
    chain_pem: str, key_pem: str | bytes, authority: ServingAuthority, *, namespace: str, name: str
) -> KubeObject:
    """Return the Secret the webhook's pods mount; the hash in it leaves the key out."""
    public = sealed(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"namespace": namespace, "name": name, "labels": {MANAGED_BY_LABEL: MANAGED_BY}},
            "type": SECRET_TYPE,
            "data": {CERTIFICATE_KEY: encoded(chain_pem), BUNDLE_KEY: encoded(to_pem((authority.certificate,)))},
        }
    )
    return {**public, "data": {**public["data"], PRIVATE_KEY: encoded(key_pem)}}
