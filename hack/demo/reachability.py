"""Who can reach whom, probed with real connections from inside the pods.

A denied connection must time out or be refused: a name that does not resolve or a server that is down would look the same
and prove nothing, so both count as a failure of the probe.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import permutations

import cluster as harness


@dataclass(frozen=True)
class Service:
    """One service of the example, by where it runs and listens."""

    namespace: str
    name: str
    port: int

    @property
    def address(self) -> str:
        """The Service's full name, so that no search path decides."""
        return f"{self.name}.{self.namespace}.svc.cluster.local:{self.port}"


@dataclass(frozen=True)
class Probe:
    """One attempt and what came of it."""

    source: Service
    target: Service
    expected: bool
    outcome: str

    @property
    def allowed(self) -> bool:
        """Whether the connection was made."""
        return self.outcome == "connected"

    @property
    def holds(self) -> bool:
        """Whether it came out as the policies say."""
        return self.allowed if self.expected else self.outcome in {"timeout", "refused"}


SHOP = (Service("shop", "web", 8080), Service("shop", "orders", 8080), Service("finance", "payments", 8443))
SETTLING = 4
EDGES = {("web", "orders"), ("orders", "payments")}


def connect(target: harness.Cluster, source: Service, address: str) -> str:
    """Return `connected`, `timeout`, `refused`, `dns` or the probe's own words.

    A Service refuses for a moment after its pods became ready, until every node knows them; a refusal counts when it lasts.
    """
    for _ in range(SETTLING):
        outcome = _attempt(target, source, address)
        if outcome != "refused":
            return outcome
        time.sleep(1)
    return "refused"


def _attempt(target: harness.Cluster, source: Service, address: str) -> str:
    result = target.kubectl(
        "exec", "--namespace", source.namespace, f"deploy/{source.name}", "--",
        "/agnhost", "connect", "--timeout=3s", address, check=False,
    )  # fmt: skip
    if result.returncode == 0:
        return "connected"
    words = (result.stderr + result.stdout).strip()
    known = {"TIMEOUT": "timeout", "REFUSED": "refused", "DNS": "dns"}
    return next((outcome for word, outcome in known.items() if words.startswith(word)), words[:120])


def probe_all(target: harness.Cluster) -> list[Probe]:
    """Try every service from every other."""
    return [
        Probe(source, end, (source.name, end.name) in EDGES, connect(target, source, end.address))
        for source, end in permutations(SHOP, 2)
    ]
