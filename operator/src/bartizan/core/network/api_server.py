"""The cluster's API server as a peer: the way there, and the rights for it, from one line of a policy.

The way is every address and port under which clients or plugins may meet it: the Service's before rewriting, the endpoints'
after, IPv4 and IPv6. The rights are one Role of the policy's namespace with the rules as listed, bound to the policy's
ServiceAccount and to nobody else. Who may write such rules is the API server's to judge (guards `access` and `grants`).
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from bartizan.api.grants import CLOSED_GROUPS, CLOSED_RESOURCES
from bartizan.api.kinds import ROLE, ROLE_BINDING
from bartizan.api.names import KubeObject, api_access_name
from bartizan.api.v1alpha1.peers import ApiRule
from bartizan.core.emit import owned_by
from bartizan.core.model import WITHOUT_CLOCK, PolicyView, Snapshot
from bartizan.core.network.expiry import in_force
from bartizan.core.network.ports import PortRange
from bartizan.core.network.ranges import CLOSED, block_peer, inside, read_block
from bartizan.core.network.rules import egress_problem
from bartizan.core.network.verdicts import Draft, Edge, Grant
from bartizan.core.reasons import Reason

_RBAC: Final = "rbac.authorization.k8s.io"


def api_server_edge(draft: Draft, snapshot: Snapshot) -> Edge:
    """Return the edge with every way to the API server, each address on its own port only."""
    grants: list[Grant] = []
    for text, port in snapshot.ranges.api_server:
        block = read_block(text)
        if block is not None and not any(inside(block, closed) for closed in CLOSED):
            grants.append(Grant(block_peer(block, ()), frozenset({PortRange(port, port, "TCP")})))
    if not grants:
        note = "no address of the API server is known: Service default/kubernetes and its EndpointSlices tell none"
        return draft.denied(Reason.RANGES_UNKNOWN, note)
    ports = frozenset(port for grant in grants for port in grant.ports)
    also = f"also by {snapshot.carrier.object}" if snapshot.carrier.accepted else ""
    return Edge(draft.applied(ports, (), also).status, tuple(grants))


def access_objects(policy: PolicyView, now: datetime = WITHOUT_CLOCK) -> tuple[KubeObject, ...]:
    """Return the Role and the RoleBinding that the policy's rules come to at `now`; nothing if there are none that count."""
    rules = [_rule(rule) for rule in granted(policy, now)]
    if not rules:
        return ()
    meta = {"name": api_access_name(policy.name)}
    role = {"apiVersion": ROLE.api_version, "kind": ROLE.kind, "metadata": meta, "rules": rules}
    binding = {
        "apiVersion": ROLE_BINDING.api_version,
        "kind": ROLE_BINDING.kind,
        "metadata": meta,
        "roleRef": {"apiGroup": _RBAC, "kind": ROLE.kind, "name": meta["name"]},
        "subjects": [{"kind": "ServiceAccount", "name": policy.account, "namespace": policy.namespace}],
    }
    return (owned_by(policy, role), owned_by(policy, binding))


def granted(policy: PolicyView, now: datetime = WITHOUT_CLOCK) -> tuple[ApiRule, ...]:
    """Return the rules of a policy that count at `now`, sorted, each once; without a clock none that can end."""
    found = {rule.model_dump_json(): rule for rule in _declared(policy, now) if not _closed(rule)}
    return tuple(rule for _, rule in sorted(found.items()))


def _declared(policy: PolicyView, now: datetime) -> Iterator[ApiRule]:
    for rule in policy.spec.network.egress:
        if rule.to.kubernetes_api is not None and egress_problem(policy, rule) is None and in_force(rule, now):
            yield from rule.to.kubernetes_api.rules


def _closed(rule: ApiRule) -> bool:
    """Whether the rule names what no policy grants: the CRD refuses it, and it stays closed where the CRD was bypassed."""
    return bool(set(rule.api_groups) & set(CLOSED_GROUPS) or set(rule.resources) & set(CLOSED_RESOURCES))


def _rule(rule: ApiRule) -> KubeObject:
    names = {"resourceNames": sorted(set(rule.resource_names))} if rule.resource_names else {}
    return {
        "apiGroups": sorted(set(rule.api_groups)),
        "resources": sorted(set(rule.resources)),
        **names,
        "verbs": sorted(set(rule.verbs)),
    }
