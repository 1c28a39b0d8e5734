"""PolicyIndex: what the API server's own admission policies read, one object per governed namespace.

Its size is paid for on every pod that is created, so entries are lean: compiled selectors and demands, no prose, and what is
empty is left out. Only the controller writes it (a guard in the API server sees to that).
"""

from typing import Literal

from pydantic import ConfigDict, Field

from bartizan.api.v1alpha1.common import ApiModel, Requirement


class PodCertificateDemand(ApiModel):
    """What a pod's own certificate is asked for with; its node makes the key."""

    signer: str
    """The signer's name: the policy's trust domain."""
    key_type: str
    """The kind of key, as Kubernetes calls it."""
    seconds: int
    """The longest lifetime."""


class IndexEntry(ApiModel):
    """What one policy selects and demands of its pods."""

    name: str
    """The policy."""
    account: str
    """The ServiceAccount its pods run."""
    level: Literal["baseline", "restricted"] | None = None
    """The level of the Pod Security Standards that holds its pods; left out: baseline."""
    version: int | None = None
    """The minor version of Kubernetes whose rules of that level hold; left out: the newest."""
    labels: dict[str, str] = Field(default_factory=dict)
    """`matchLabels` of its selector, without the label of its bucket."""
    expressions: tuple[Requirement, ...] = ()
    """`matchExpressions` of its selector."""
    annotations: dict[str, str] = Field(default_factory=dict)
    """Annotations its pods must carry: the injection."""
    identity: str | None = None
    """The Secret mounted into its pods; left out: none is."""
    pod_certificate: PodCertificateDemand | None = None
    """The certificate that each of its pods gets for itself, instead of a Secret; left out: none does."""


class PolicyIndexSpec(ApiModel):
    """The policies of one namespace, found by one of their labels."""

    # One writer, one value: an entry that somebody adds must not outlive the next apply as a field of its own.
    model_config = ConfigDict(json_schema_extra={"x-kubernetes-map-type": "atomic"})

    level: Literal["baseline", "restricted"] | None = None
    """The level that holds pods which not exactly one policy selects; left out: baseline."""
    version: int | None = None
    """The minor version of Kubernetes whose rules of that level hold; left out: the newest."""
    buckets: dict[str, tuple[IndexEntry, ...]] = Field(default_factory=dict)
    """Entries by one `label=value` that their pods must carry."""
    rest: tuple[IndexEntry, ...] = ()
    """Entries whose selector has no `matchLabels`."""
    accounts: dict[str, str] = Field(default_factory=dict)
    """ServiceAccount to the policies that name it, joined by commas."""
    identities: dict[str, str] = Field(default_factory=dict)
    """Certificate Secret to the policies whose pods mount it, joined by commas."""
