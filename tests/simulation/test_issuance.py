"""The controller's issuance budget: what waits for it, in which order, and what does not."""

import itertools
from collections import Counter
from datetime import timedelta

from bartizan.api.kinds import NETWORK_POLICY, POLICY, SECRET
from bartizan.controller.keys import policy_key
from bartizan.core.model import ObjectRef
from bartizan.core.pki.secret import read_certificate
from bartizan.testing import a_namespace, a_policy

PORTS = {"ports": [{"name": "http", "port": 8080}]}
NAMES = [f"svc-{number:02d}" for number in range(12)]

WAITS = (
    "there is no Secret svc-39-tls yet; it waits for its turn to be issued: "
    "BARTIZAN_ISSUANCE_RATE limits how many are a second"
)


def issued(cluster):
    """Return the names of the policies whose Secret was written, in order, and forget the writes."""
    return [place.removeprefix("shop/").removesuffix("-tls") for _, kind, place, _ in cluster.said() if kind == "Secret"
            and place.startswith("shop/")]  # fmt: skip


def at(kind, name):
    """Return where an object of the namespace is."""
    return ObjectRef(api_version=kind.api_version, kind=kind.kind, namespace="shop", name=name)


def ready(cluster, name):
    """Return status, reason and message of CertificateReady."""
    conditions = cluster.kube.peek(at(POLICY, name)).get("status", {}).get("conditions", [])
    return next(
        ((one["status"], one["reason"], one["message"]) for one in conditions if one["type"] == "CertificateReady"),
        None,
    )


async def test_a_budget_of_one_a_second_is_kept_and_nothing_else_waits(rig):
    """With one certificate a second twelve policies are signed for in twelve seconds; their NetworkPolicies are there at once."""
    async with rig(a_namespace(), *(a_policy(name, network=PORTS) for name in NAMES), issuance_rate=1) as cluster:
        made = [len([name for name in NAMES if cluster.kube.peek(at(SECRET, f"{name}-tls"))])]
        assert all(cluster.kube.peek(at(NETWORK_POLICY, f"ssp-{name}")) for name in NAMES)
        for _ in range(14):
            await cluster.settle(1)
            made.append(len([name for name in NAMES if cluster.kube.peek(at(SECRET, f"{name}-tls"))]))
        assert all(after - before <= 1 for before, after in itertools.pairwise(made))
        assert made[-1] == len(NAMES)
        assert {ready(cluster, name)[1] for name in NAMES} == {"Issued"}


async def test_who_waits_long_is_told_why(rig):
    """A policy without a certificate says that it waits once it has for more than ten seconds, and not before."""
    names = [f"svc-{number:02d}" for number in range(40)]
    async with rig(a_namespace(), *(a_policy(name) for name in names), issuance_rate=1) as cluster:
        last = policy_key(("shop", names[-1]))
        cluster.controller.queue.add(last)
        await cluster.settle(1)
        assert ready(cluster, names[-1]) is None
        await cluster.settle(11)
        cluster.controller.queue.add(last)
        await cluster.settle(1)
        assert ready(cluster, names[-1]) == (
            "False",
            "Pending",
            WAITS,
        )


async def test_renewals_go_by_what_ends_first(rig):
    """When all are due at once, those whose certificate ends first are renewed first, and their conditions never change."""
    lifetimes = {name: f"{24 + number * 7 % 12}h" for number, name in enumerate(NAMES)}
    policies = [a_policy(name, mtls={"lifetime": lifetimes[name]}) for name in NAMES]
    async with rig(a_namespace(), *policies, issuance_rate=2) as cluster:
        await cluster.settle(10)
        before = {name: read_certificate(cluster.kube.peek(at(SECRET, f"{name}-tls"))) for name in NAMES}
        told = {name: ready(cluster, name) for name in NAMES}
        cluster.leadership.take()
        await cluster.settle(1)
        cluster.clock.shift(timedelta(hours=20))
        cluster.said()
        cluster.leadership.give()
        await cluster.settle(15)
        assert issued(cluster) == sorted(NAMES, key=lambda name: before[name].not_after)
        assert {name: ready(cluster, name) for name in NAMES} == told


async def test_another_kind_of_key_is_waited_for_in_silence(rig):
    """When all are to have another kind of key, who waits keeps a certificate that peers accept, and its condition."""
    names = [f"svc-{number:02d}" for number in range(20)]
    ed25519 = {"key": {"algorithm": "Ed25519"}}
    async with rig(a_namespace(), *(a_policy(name) for name in names), issuance_rate=1) as cluster:
        await cluster.settle(25)
        told = {name: ready(cluster, name) for name in names}
        for name in names:
            item = cluster.kube.peek(at(POLICY, name))
            cluster.kube.put({**item, "spec": {**item["spec"], "mtls": ed25519}})
        await cluster.settle(12)
        for name in names:
            cluster.controller.queue.add(policy_key(("shop", name)))
        await cluster.settle(1)
        assert {name: ready(cluster, name) for name in names} == told
        await cluster.settle(10)
        kinds = {read_certificate(cluster.kube.peek(at(SECRET, f"{name}-tls"))).key_algorithm for name in names}
        assert kinds == {"Ed25519"}


async def test_what_all_wait_for_comes_first_at_a_start(rig):
    """At a start every namespace has access to its Secrets before any policy is told of, however many policies there are."""
    places = [f"team-{number}" for number in range(8)]
    policies = [a_policy(name, place) for place in places for name in NAMES]
    async with rig(*(a_namespace(place, "warn") for place in places), *policies) as cluster:
        kinds = [kind for _, kind, _, _ in cluster.said()]
        assert kinds.count("RoleBinding") == len(places)
        last = len(kinds) - 1 - kinds[::-1].index("RoleBinding")
        assert last < kinds.index(POLICY.kind)


async def test_a_name_is_asked_for_once_and_only_before_it_is_written(rig):
    """However long a policy waits for its turn, the API server is asked once whether its Secret's name is taken."""
    async with rig(a_namespace(), issuance_rate=1) as cluster:
        asked, get = Counter(), cluster.kube.get

        async def counted(ref):
            asked.update([ref.name] if (ref.kind, ref.namespace) == ("Secret", "shop") else [])
            return await get(ref)

        cluster.kube.get = counted
        for name in NAMES:
            cluster.kube.put(a_policy(name))
        await cluster.settle(14)
        assert asked == {f"{name}-tls": 1 for name in NAMES}
