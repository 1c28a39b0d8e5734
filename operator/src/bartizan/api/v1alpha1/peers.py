"""The parts of peers that need more than a name: DNS names outside the cluster, and rights at the cluster's own API.

What a policy may grant is a closed set. Whoever may write policies must not get from bartizan what Kubernetes would not let
them grant: Secrets, tokens, shells in pods and RBAC itself are out of reach, and everything else the author must hold.
"""

from typing import Annotated, Final, Literal

from pydantic import ConfigDict, Field

from bartizan.api.grants import CLOSED_GROUPS, CLOSED_RESOURCES, RESOURCE
from bartizan.api.v1alpha1.common import ApiModel, cel, cel_rules

Fqdn = Annotated[
    str,
    Field(
        pattern=r"^(\*\.)?([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\.)+[a-z]([-a-z0-9]{0,61}[a-z0-9])?$",
        min_length=3,
        max_length=253,
    ),
]
"""A DNS name of at least two labels (RFC 1123), or `*.` and such a name: any one or more labels below it."""

CLUSTER_NAMES: Final = (".cluster.local", ".svc")
"""Names inside the cluster end so; they have policies, not addresses."""

ApiVerb = Literal["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"]
_MOST: Final = 8


def _listed(values: tuple[str, ...]) -> str:
    return "[" + ", ".join(f"'{value}'" for value in values) + "]"


class ApiRule(ApiModel):
    """What may be done with which resources of the policy's namespace, as in an RBAC rule without wildcards."""

    model_config = ConfigDict(
        json_schema_extra=cel_rules(
            cel(
                f"!self.apiGroups.exists(g, g in {_listed(CLOSED_GROUPS)})",
                f"a policy grants nothing in {', '.join(CLOSED_GROUPS)}: write a Role by hand",
                fieldPath=".apiGroups",
            ),
            cel(
                f"!self.resources.exists(r, r in {_listed(CLOSED_RESOURCES)})",
                "a policy grants no access to secrets: list them under spec.secrets",
                fieldPath=".resources",
            ),
        )
    )

    api_groups: tuple[
        Annotated[
            str, Field(pattern=r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*)?$", max_length=253)
        ],
        ...,
    ] = Field(min_length=1, max_length=_MOST)
    """API groups; the empty string is the core group. No wildcards."""
    resources: tuple[Annotated[str, Field(pattern=RESOURCE, max_length=80)], ...] = Field(
        min_length=1, max_length=_MOST
    )
    """Resources by their plural, or a resource's `log`, `scale` or `status`. No wildcards."""
    resource_names: tuple[Annotated[str, Field(pattern=r"^[a-zA-Z0-9][-a-zA-Z0-9._:]*$", max_length=253)], ...] = Field(
        default=(), max_length=_MOST
    )
    """Only objects of these names; left out: every object."""
    verbs: tuple[ApiVerb, ...] = Field(min_length=1, max_length=_MOST)
    """What may be done."""


class KubernetesApiPeer(ApiModel):
    """The cluster's API server: the way to it, and rights for the policy's ServiceAccount in the policy's namespace."""

    rules: tuple[ApiRule, ...] = Field(default=(), max_length=_MOST)
    """The rights. Whoever writes them must hold them; left out: the way only."""
