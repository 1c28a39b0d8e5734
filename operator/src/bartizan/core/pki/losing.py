"""What is said of authorities whose keys are gone: how each may come back, and the way on where it cannot.

The way on must not be the deletion of a TrustDomain where less will do: that exchanges every root at once, and a rotation that
begins with `spec.rotation.distrust` brings the new one into the bundles first.
"""

from collections.abc import Iterable
from dataclasses import replace

from bartizan.api.names import KubeObject
from bartizan.core.model import TrustDomainView
from bartizan.core.pki.authority import Role, authority_labels, authority_selector
from bartizan.core.pki.rotation import AuthorityPlan


def with_unlabelled(plan: AuthorityPlan, trust_domain: str, present: Iterable[KubeObject]) -> AuthorityPlan:
    """Return the plan that says of lost Secrets which are `present`, by name, that they lack their labels.

    They are listed by these labels, and a backup that was put in again by hand may have none.
    """
    held = {item["metadata"]["name"]: item["metadata"].get("labels") or {} for item in present}
    problems = {}
    for entry in plan.remembered:
        labels = authority_labels(trust_domain, Role(entry.role), entry.generation)
        missing = [
            f"{key}={value}" for key, value in labels.items() if held.get(entry.secret_name, {}).get(key) != value
        ]
        if entry.secret_name in held and missing:
            problems[entry.secret_name] = f"exists and lacks labels; label it {' '.join(missing)}"
    lost = (replace(one, problem=problems.get(one.secret_name, one.problem)) for one in plan.lost)
    return replace(plan, lost=tuple(lost))


def lost_message(view: TrustDomainView, plan: AuthorityPlan, signs: str, namespace: str) -> str:
    """Return what is lost, what goes on meanwhile (`signs`; empty: nothing), and what to do."""
    secrets = "; ".join(f"Secret {namespace}/{one.secret_name} {one.problem}" for one in plan.lost)
    meanwhile = f"Meanwhile {signs}." if signs else "No certificate can be issued meanwhile."
    return (
        f"{secrets}. Restore it from a backup: a key that certificates in use rest on is never made again silently. "
        f"{meanwhile} Without a backup, {_way_on(view, plan, namespace)}"
    )


def _way_on(view: TrustDomainView, plan: AuthorityPlan, namespace: str) -> str:
    ids = {entry.secret_name: entry.id for entry in plan.remembered}
    if all(one.secret_name in ids for one in plan.lost):
        named = ", ".join(ids[one.secret_name] for one in plan.lost)
        minutes = view.spec.rotation.emergency_deadline.total_seconds() / 60
        return (
            f"put {named} into spec.rotation.distrust of TrustDomain {view.name}: a new root is made, brought into every "
            f"bundle and signs, and the old one goes after {minutes:g} minutes (spec.rotation.emergencyDeadline)"
        )
    return (
        f"start anew (every workload gets a new root): delete TrustDomain {view.name} and the Secrets labelled "
        f"{authority_selector(view.name)} in {namespace}, then create the TrustDomain again"
    )
