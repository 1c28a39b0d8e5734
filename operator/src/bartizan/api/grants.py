"""What a policy may grant at the cluster's API, as plain words: the CRD, the compiler and the guards all judge by them.

By each of what is closed here one can get rights that were never granted: Secrets hold tokens, RBAC and admission make
rules, certificates make users. Shells and token requests are subresources, of which only harmless ones are open.
"""

from typing import Final

VERBS: Final = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
"""All of the verbs on objects; none of escalate, bind, impersonate, approve, sign and the like."""
CLOSED_GROUPS: Final = (
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "apiregistration.k8s.io",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "bartizan.dev",
    "certificates.k8s.io",
    "rbac.authorization.k8s.io",
)
"""API groups in which no policy grants anything."""
CLOSED_RESOURCES: Final = ("secrets",)
"""Resources that no policy grants, of whatever group: Secrets reach a service by `secrets`, one by one."""
RESOURCE: Final = r"^[a-z][-a-z0-9]*(/(log|scale|status))?$"
"""A resource, or one of the subresources that open neither shells nor tokens."""
