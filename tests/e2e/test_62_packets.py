"""Packets decide: a published application of twelve services beside the shop, every way tried all the time, through a rollout.

Each of fifteen pods calls all others on three ports, TCP and UDP, from a new socket each time. What is declared must arrive, all
of it; what is not must be dropped, all of it: before, while the pods are replaced and policies change, and after.
"""

import threading
import time
from dataclasses import dataclass

import pytest

from packets import manifests
from packets.boutique import ADDED, AFTER, BEFORE, BOUTIQUE, NAMESPACE, REMOVED, SHOP, SHOP_EDGES, every_way
from packets.reading import Attempt, Moments, Record, during, lost, passed, read, seldom, switched_once, told
from waiting import eventually

pytestmark = [pytest.mark.node, pytest.mark.timeout(420)]
SERVICES = (*BOUTIQUE, *SHOP)
NAMESPACES = sorted({service.namespace for service in SERVICES})
WAYS = every_way(SERVICES)
STABLE = (BEFORE & AFTER) | SHOP_EDGES
FORBIDDEN = WAYS - STABLE - {ADDED, REMOVED}
LOOK = 20
"""Seconds of looking before and after: more than two rounds of everything."""
ENFORCED_WITHIN = 5
"""Seconds from the end of the change until every node must have it in its filter."""
IN_FLIGHT = 9
"""Seconds within which every attempt has written its line."""


@dataclass(frozen=True)
class Observed:
    """All that was seen."""

    attempts: tuple[Attempt, ...]
    before: tuple[Record, ...]
    after: tuple[Record, ...]
    at: Moments


@pytest.fixture(scope="module")
def observed(shop):
    """The application, watched through a rolling restart and a change of three policies."""
    try:
        yield _watch(shop)
    finally:
        for namespace in ("shop", "finance"):
            shop.kubectl("delete", "deploy,svc,cm", "-n", namespace, "-l", manifests.LABEL, "--wait=false")
        shop.kubectl("delete", "namespace", NAMESPACE, "--wait=false")


def _watch(shop) -> Observed:
    controller = shop.items("deployments", "bartizan-system", "app.kubernetes.io/component=controller")[0]
    _start(shop, controller["spec"]["template"]["spec"]["containers"][0]["image"])
    first = _pods(shop)
    logs = Followed(shop)
    settled = time.time() + ENFORCED_WITHIN
    time.sleep(ENFORCED_WITHIN + LOOK)
    change = time.time()
    _change(shop)
    changed = time.time() + ENFORCED_WITHIN
    second = _pods(shop)
    time.sleep(ENFORCED_WITHIN + LOOK + IN_FLIGHT)
    at = Moments(settled, change, changed, time.time() - IN_FLIGHT)
    before = _records(logs.ended(), first)
    after = _records(_logs(shop), second)
    return Observed(tuple(one for record in (*before, *after) for one in record.attempts), before, after, at)


def _start(shop, image) -> None:
    labels = {"bartizan.dev/enforcement": "enforce"}
    shop.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": labels}})
    shop.apply(*manifests.accounts(BOUTIQUE), *manifests.policies(BOUTIQUE, BEFORE))
    shop.apply(*manifests.settings(SERVICES, WAYS, STABLE | {ADDED, REMOVED}))
    _ready(shop)
    shop.apply(*manifests.pods(SERVICES, image))
    for namespace in NAMESPACES:
        shop.kubectl("wait", "deploy", "-n", namespace, "-l", manifests.LABEL, "--for=condition=Available",
                     "--timeout=150s")  # fmt: skip


def _change(shop) -> None:
    """Restart every pod, and meanwhile take one edge away and add another."""
    for namespace in NAMESPACES:
        shop.kubectl("rollout", "restart", "deploy", "-n", namespace, "-l", manifests.LABEL)
    touched = {end.partition("/")[2] for edge in (ADDED, REMOVED) for end in (edge.source, edge.target)}
    shop.apply(*manifests.policies([service for service in BOUTIQUE if service.name in touched], AFTER))
    _ready(shop)
    for namespace in NAMESPACES:
        shop.kubectl("rollout", "status", "deploy", "-n", namespace, "-l", manifests.LABEL, "--timeout=150s")
    eventually(lambda: len(_pods(shop)) == len(SERVICES), within=90, every=1)


def _ready(shop) -> None:
    """Wait until every policy is Ready as it is written now."""

    def written() -> bool:
        return all(
            condition["status"] == "True" and condition["observedGeneration"] == item["metadata"]["generation"]
            for item in shop.items("ssp", NAMESPACE)
            for condition in item.get("status", {}).get("conditions", [{"type": "Ready", "status": "none"}])
            if condition["type"] == "Ready"
        )

    eventually(written, within=60, every=1)


def _pods(shop) -> dict[str, str]:
    """Return every prober's pod with its service."""
    return {
        item["metadata"]["name"]: f"{namespace}/{item['metadata']['labels']['prober']}"
        for namespace in NAMESPACES
        for item in shop.items("pods", namespace, manifests.LABEL)
    }


class Followed:
    """Follows the pods that are there now until they end: with a pod go its logs."""

    def __init__(self, shop) -> None:
        self._shop = shop
        self._said: dict[str, str] = {}
        self._threads = [threading.Thread(target=self._read, args=(name,), daemon=True) for name in NAMESPACES]
        for thread in self._threads:
            thread.start()

    def _read(self, namespace: str) -> None:
        self._said[namespace] = _log(self._shop, namespace, "--follow")

    def ended(self) -> str:
        """Return everything they said."""
        for thread in self._threads:
            thread.join(timeout=60)
        return "".join(self._said[namespace] for namespace in NAMESPACES)


def _logs(shop) -> str:
    return "".join(_log(shop, namespace) for namespace in NAMESPACES)


def _log(shop, namespace: str, *more: str) -> str:
    return shop.kubectl("logs", "-n", namespace, "-l", manifests.LABEL, "--prefix", "--tail=-1",
                        "--max-log-requests=20", *more).stdout  # fmt: skip


def _records(text: str, pods: dict[str, str]) -> tuple[Record, ...]:
    """Read lines of the form `[pod/NAME/prober] LINE`."""
    lines: dict[str, list[str]] = {pod: [] for pod in pods}
    for line in text.splitlines():
        where, _, said = line.partition(" ")
        lines[where.split("/")[1]].append(said)
    return tuple(read(pod, pods[pod], said) for pod, said in lines.items())


def test_every_pod_was_replaced_and_nothing_it_tried_is_missing(observed) -> None:
    """Fifteen pods ended, fifteen others came, and those that ended wrote a line for every attempt they made."""
    before, after = ({record.pod for record in records} for records in (observed.before, observed.after))
    assert len(before) == len(after) == len(SERVICES) == 15
    assert not before & after
    assert [record.complaints for record in (*observed.before, *observed.after) if record.complaints] == []
    assert [(record.pod, len(record.attempts)) for record in observed.before] == [
        (record.pod, record.announced) for record in observed.before
    ]


def test_everything_was_tried_before_and_after(observed) -> None:
    """Every way, declared or not, was tried at least twice before the change by the old pods and twice after it by the new."""
    earlier = during(observed.attempts, observed.at.settled, observed.at.change)
    later = during(observed.attempts, observed.at.changed, observed.at.end)
    assert len(WAYS) == 15 * 14 * 6
    assert seldom(earlier, WAYS, 2) == {}
    assert seldom(later, WAYS, 2) == {}


def test_no_declared_connection_is_lost(observed) -> None:
    """Whatever both sides declare arrives, TCP and UDP, at every moment of the rollout too."""
    seen = during(observed.attempts, observed.at.settled, observed.at.end)
    assert {way.protocol for way in STABLE} == {"TCP", "UDP"}
    assert seldom(seen, STABLE, 50) == {}
    assert told(lost(seen, STABLE), observed.at) == []


def test_nothing_undeclared_passes(observed) -> None:
    """Whatever is not declared is dropped, both directions, TCP and UDP, at every moment of the rollout too."""
    seen = during(observed.attempts, observed.at.settled, observed.at.end)
    assert told(passed(seen, FORBIDDEN), observed.at) == []


def test_a_changed_edge_changes_and_changes_once(observed) -> None:
    """The removed edge is open until it is closed, the added one closed until it is open, and neither flickers."""
    at = observed.at
    for edge, allowed_before in ((REMOVED, True), (ADDED, False)):
        attempts = [attempt for attempt in observed.attempts if attempt.way == edge]
        # Who begins to try just before the way opens tries again until it does: that is no packet that passed before.
        earlier = during(attempts, at.settled, at.change if allowed_before else at.change - IN_FLIGHT)
        later = during(attempts, at.changed, at.end)
        open_way, closed_way = (earlier, later) if allowed_before else (later, earlier)
        assert open_way
        assert closed_way
        assert told(lost(open_way, frozenset({edge})), at) == []
        assert told(passed(closed_way, frozenset({edge})), at) == []
        whole = during(attempts, at.settled, at.end)
        assert switched_once(whole), told(whole, at)
