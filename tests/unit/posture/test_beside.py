"""What stands beside a NetworkPolicy, in whole plans: in which order it is written and taken away."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bartizan.core.capabilities import Capabilities
from bartizan.core.isolation import PolicyObserved
from bartizan.core.network.backends.plan import carried
from bartizan.core.network.compile import compile_network
from bartizan.core.observations import certificate
from bartizan.core.plan import LOOK_AGAIN
from bartizan.core.posture import CertificateOutcome, plan_policy
from bartizan.core.reasons import Mode, Reason
from bartizan.testing import a_policy, a_policy_view, a_snapshot

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
ISSUED = CertificateOutcome(observation=certificate("True", Reason.ISSUED, "Secret orders-tls holds a certificate"))
NETWORK = {"egress": [{"to": {"fqdn": "*.example.com"}, "ports": [{"port": 443}]}]}
CALLER, SILENT = a_policy_view(network=NETWORK), a_policy_view()


def a_world(policy, mode=Mode.ENFORCE):
    """A snapshot of a cluster with Cilium."""
    return replace(a_snapshot(policy, namespaces={"shop": mode}), capabilities=Capabilities(cilium=True))


def plan(policy, mode=Mode.ENFORCE, **observed):
    """The plan for a policy."""
    return plan_policy(
        policy,
        snapshot=a_world(policy, mode),
        observed=PolicyObserved(item=a_policy(), **observed),
        certificate=None if mode is Mode.NOT_GOVERNED else ISSUED,
        now=NOW,
    )


def stored(item):
    """The object as the API server holds it."""
    return {**item, "metadata": {**item["metadata"], "uid": "its-own"}}


(OBJECT,) = compile_network(CALLER, carried(CALLER, a_world(CALLER), None)).beside
FOREIGN = {"kind": "CiliumNetworkPolicy", "metadata": {"name": "ssp-orders", "namespace": "shop", "uid": "theirs"}}


def kinds(found):
    """The kinds applied and deleted, in order."""
    return [apply.item["kind"] for apply in found.applies], [delete.ref.kind for delete in found.deletes]


def test_what_only_adds_is_written_first():
    """Before the NetworkPolicy that isolates, so that a name declared before and after is not cut in between."""
    assert kinds(plan(CALLER)) == (["CiliumNetworkPolicy", "NetworkPolicy"], [])


@pytest.mark.parametrize("mode", [Mode.AUDIT, Mode.WARN, Mode.NOT_GOVERNED])
def test_it_is_not_written_where_nothing_is_enforced_and_goes_from_there(mode):
    """Beside no NetworkPolicy there is nothing to add to."""
    assert kinds(plan(CALLER, mode)) == ([], [])
    assert kinds(plan(CALLER, mode, cilium=stored(OBJECT))) == ([], ["CiliumNetworkPolicy"])
    assert kinds(plan(CALLER, mode, cilium=FOREIGN)) == ([], [])


def test_it_goes_with_the_edge_after_the_network_policy_is_written():
    """Deletions come after the applies of a plan."""
    assert kinds(plan(SILENT, cilium=stored(OBJECT))) == (["NetworkPolicy"], ["CiliumNetworkPolicy"])


def test_somebody_elses_network_policy_keeps_it_away():
    """Where the policy does not isolate its pods itself it adds nothing to what does."""
    theirs = {"kind": "NetworkPolicy", "metadata": {"name": "ssp-orders", "namespace": "shop", "uid": "theirs"}}
    assert kinds(plan(CALLER, network_policy=theirs)) == ([], [])


def test_somebody_elses_object_is_looked_at_again():
    """Nothing tells when it goes."""
    found = plan(CALLER, cilium=FOREIGN)
    assert (kinds(found), found.requeue_after) == ((["NetworkPolicy"], []), LOOK_AGAIN)
