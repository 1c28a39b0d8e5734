"""The four kinds of the API group: which models make them up, and what only the whole object can say (names, columns)."""

from dataclasses import dataclass
from typing import Final

from bartizan.api.kinds import POLICY, POLICY_INDEX, SECURITY_BASELINE, TRUST_DOMAIN, Kind
from bartizan.api.names import DEFAULT_NAME, GROUP, KubeObject
from bartizan.api.v1alpha1 import (
    ApiModel,
    PolicyIndexSpec,
    PolicyStatus,
    SecurityBaselineSpec,
    ServiceSecurityPolicySpec,
    TrustDomainSpec,
    TrustDomainStatus,
)
from bartizan.api.v1alpha1.common import OBJECT_NAME, OBJECT_NAME_MAX, CelRule, cel


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column that `kubectl get` prints."""

    name: str
    path: str
    type: str = "string"
    description: str = ""
    wide: bool = False
    """Only with `-o wide`."""

    def render(self) -> KubeObject:
        """Return the column as it stands in a CRD."""
        return {
            "name": self.name,
            "type": self.type,
            "jsonPath": self.path,
            **({"description": self.description} if self.description else {}),
            **({"priority": 1} if self.wide else {}),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One kind of ours: its models and what only the whole object can say."""

    kind: Kind
    singular: str
    description: str
    spec: type[ApiModel]
    status: type[ApiModel] | None = None
    short_names: tuple[str, ...] = ()
    columns: tuple[Column, ...] = ()
    rules: tuple[CelRule, ...] = ()
    """CEL rules on the whole object, such as on its name."""

    @property
    def crd_name(self) -> str:
        """The name of the CustomResourceDefinition."""
        return f"{self.kind.plural}.{GROUP}"


def _short_name(derived: str) -> CelRule:
    """Return the rule that keeps an object's name short enough for names derived from it."""
    return cel(
        f"self.metadata.name.size() <= {OBJECT_NAME_MAX} && self.metadata.name.matches('{OBJECT_NAME}')",
        f"metadata.name must be a DNS label (lower case letters, digits, inner hyphens) of at most {OBJECT_NAME_MAX}"
        f" characters: {derived} are named after it",
    )


_READY: Final = Column(
    name="Ready",
    path='.status.conditions[?(@.type=="Ready")].status',
    description="Whether all that was asked for holds.",
)
_AGE: Final = Column(name="Age", type="date", path=".metadata.creationTimestamp")

RESOURCES: Final = (
    Resource(
        kind=POLICY,
        singular="servicesecuritypolicy",
        description="ServiceSecurityPolicy declares the security posture of one microservice.",
        spec=ServiceSecurityPolicySpec,
        status=PolicyStatus,
        short_names=("ssp",),
        columns=(
            Column(name="Mode", path=".status.mode", description="How the namespace is governed."),
            _READY,
            Column(name="Edges", type="integer", path=".status.summary.edges", description="Declared edges."),
            Column(name="Applied", type="integer", path=".status.summary.applied", description="Edges written."),
            Column(
                name="Enforced",
                type="integer",
                path=".status.summary.enforced",
                description="Edges that probes have proven.",
            ),
            Column(
                name="Pending",
                type="integer",
                path=".status.summary.pending",
                description="Edges that wait for the other side's consent.",
            ),
            Column(name="Gaps", type="integer", path=".status.summary.gaps", description="Holes found."),
            # Not of type date: kubectl prints how long ago a date was, and `<invalid>` for one to come.
            Column(
                name="Cert-Expires",
                path=".status.certificate.notAfter",
                description="When the certificate in force ends.",
            ),
            _AGE,
        ),
        rules=(_short_name("the objects bartizan makes"),),
    ),
    Resource(
        kind=SECURITY_BASELINE,
        singular="securitybaseline",
        description="SecurityBaseline holds what the platform team knows of the cluster, and floors no policy may lower.",
        spec=SecurityBaselineSpec,
        columns=(_AGE,),
        rules=(
            cel(
                f"self.metadata.name == '{DEFAULT_NAME}'",
                f"metadata.name must be {DEFAULT_NAME}: a cluster has one baseline",
            ),
        ),
    ),
    Resource(
        kind=TRUST_DOMAIN,
        singular="trustdomain",
        description="TrustDomain is a certificate authority behind workload identities.",
        spec=TrustDomainSpec,
        status=TrustDomainStatus,
        columns=(
            Column(name="Domain", path=".spec.domain", description="The SPIFFE trust domain."),
            _READY,
            Column(
                name="Phase",
                path=".status.rotation.phase",
                description="How far the rotation of its authorities is; nothing where an external issuer signs.",
            ),
            _AGE,
        ),
        rules=(_short_name("the Secrets of its authorities"),),
    ),
    Resource(
        kind=POLICY_INDEX,
        singular="policyindex",
        description="PolicyIndex is what the admission policies of one namespace read. Only the controller writes it.",
        spec=PolicyIndexSpec,
        columns=(_AGE,),
    ),
)
"""The kinds of the API group, in the order they are printed."""
