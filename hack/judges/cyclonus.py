"""Cyclonus: whether single flows pass a set of NetworkPolicies.

Facts about it that callers must know: every policy must spell out its `policyTypes`, a pod's traffic with itself is judged
like any other, and a `NotIn` expression does not hold for a pod that lacks the label.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from judges.program import JudgeError, Program


@dataclass(frozen=True)
class Flow:
    """A flow between two places in a list of ends."""

    source: int
    destination: int
    port: int
    protocol: str


def pod(namespace: str, ip: str, labels: Mapping[str, str], namespace_labels: Mapping[str, str]) -> dict[str, Any]:
    """Return the end that is a pod."""
    return {"namespace": namespace, "ip": ip, "labels": dict(labels), "namespaceLabels": dict(namespace_labels)}


def outside(ip: str) -> dict[str, Any]:
    """Return the end that is an address outside the cluster."""
    return {"ip": ip}


class Cyclonus(Program):
    """One running Cyclonus."""

    name = "cyclonus"

    def allowed(
        self, policies: Sequence[dict[str, Any]], ends: Sequence[dict[str, Any]], flows: Sequence[Flow]
    ) -> list[bool]:
        """Return for each flow whether it passes.

        Raises:
            JudgeError: it refuses one of the policies or addresses.
        """
        question = {"policies": list(policies), "ends": list(ends), "flows": [asdict(flow) for flow in flows]}
        answer = self.ask(question)
        if answer.get("error"):
            raise JudgeError(f"cyclonus refuses the case: {answer['error']}")
        verdicts: list[bool] = answer["allowed"] or []
        return verdicts
