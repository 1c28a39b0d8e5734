"""ServiceSecurityPolicy: the whole security posture of one microservice, in one object."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from bartizan.api.pod_security import LONGEST_VERSION, NEWEST_VERSION, VERSION_PATTERN
from bartizan.api.v1alpha1.common import ApiModel, DnsSubdomain, LabelSelector, cel, cel_rules
from bartizan.api.v1alpha1.identity import Identity, Mtls
from bartizan.api.v1alpha1.network import Network
from bartizan.api.v1alpha1.secrets import Secrets

PodSecurityVersion = Annotated[str, Field(pattern=VERSION_PATTERN, max_length=LONGEST_VERSION)]
"""A version of the Pod Security Standards, such as `v1.37`."""


class PodSecurity(ApiModel):
    """Which rules of the Pod Security Standards hold the pods."""

    level: Literal["baseline", "restricted"] = "restricted"
    """What is asked of the pods. There is no `privileged`. A level below the SecurityBaseline's is raised to it."""
    version: PodSecurityVersion = NEWEST_VERSION
    """Whose rules: those of this Kubernetes version, whatever version runs. It is set when the policy is made and stays, so
    that no upgrade changes what is refused. A version older than the SecurityBaseline's is raised to it."""


class Workload(ApiModel):
    """Which pods are this service."""

    selector: LabelSelector
    """The pods' labels. A pod of a governed namespace must be selected by exactly one policy."""
    service_account_name: DnsSubdomain | None = None
    """The ServiceAccount the pods run as; left out: the policy's own name. Selected pods must run it, and a pod that runs it
    must be selected by a policy that names it."""
    pod_security: PodSecurity = PodSecurity()
    """Which rules of the Pod Security Standards hold the pods."""


class ServiceSecurityPolicySpec(ApiModel):
    """The declared posture."""

    model_config = ConfigDict(
        json_schema_extra=cel_rules(
            cel(
                "!has(self.mtls.onRotation.confirm.port) || "
                "self.network.ports.exists(p, p.name == self.mtls.onRotation.confirm.port)",
                "confirm names a port that network.ports does not have",
                fieldPath=".mtls",
            )
        )
    )

    workload: Workload
    """Which pods are this service."""
    network: Network = Network()
    """Who may call it and whom it may call."""
    identity: Identity = Identity()
    """Who vouches for it."""
    mtls: Mtls = Mtls()
    """Its certificate."""
    secrets: Secrets = Secrets()
    """Its secrets at run time."""

    def account(self, policy_name: str) -> str:
        """Return the ServiceAccount the policy's pods run as."""
        return self.workload.service_account_name or policy_name

    def secret_name(self, policy_name: str) -> str:
        """Return the name of the certificate Secret."""
        return self.mtls.secret.name or f"{policy_name}-tls"
