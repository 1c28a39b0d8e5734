"""What the queue holds: which thing deserves a look. A key says where, never what happened."""

from dataclasses import dataclass
from enum import StrEnum

from bartizan.core.model import PolicyKey


class Subject(StrEnum):
    """What kind of thing a key is about; each has its own reconcile."""

    POLICY = "policy"
    NAMESPACE = "namespace"
    TRUST_DOMAIN = "trustdomain"
    SERVING = "serving"
    TIERS = "tiers"
    POD_CERTIFICATE = "podcertificate"


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """One thing to reconcile."""

    subject: Subject
    namespace: str
    name: str

    def __str__(self) -> str:
        """Say it as `policy shop/orders`."""
        place = "/".join(part for part in (self.namespace, self.name) if part)
        return f"{self.subject} {place}".rstrip()


def policy_key(key: PolicyKey) -> Key:
    """Return the key of a policy."""
    return Key(Subject.POLICY, *key)


def namespace_key(name: str) -> Key:
    """Return the key of a namespace."""
    return Key(Subject.NAMESPACE, "", name)


def trust_domain_key(name: str) -> Key:
    """Return the key of a trust domain."""
    return Key(Subject.TRUST_DOMAIN, "", name)


def pod_certificate_key(namespace: str, name: str) -> Key:
    """Return the key of a node's request for a pod's certificate."""
    return Key(Subject.POD_CERTIFICATE, namespace, name)


SERVING_KEY = Key(Subject.SERVING, "", "webhook")
"""The webhook's serving certificate, of which there is one."""
TIERS_KEY = Key(Subject.TIERS, "", "cluster")
"""What holds for all governed namespaces above and below their NetworkPolicies."""
SINGLE_KEYS = (SERVING_KEY, TIERS_KEY)
"""Keys that are always there, once."""


def rank(key: Key) -> int:
    """Return a key's place: trust domains and namespaces before policies, which need their authorities and access.

    Pods that cannot start before they have a certificate come before what only has to be kept right.
    """
    order = (
        Subject.TRUST_DOMAIN,
        Subject.POD_CERTIFICATE,
        Subject.SERVING,
        Subject.NAMESPACE,
        Subject.POLICY,
        Subject.TIERS,
    )
    return order.index(key.subject)
