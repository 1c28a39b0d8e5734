"""Prometheus' own reader of alerting rules, the one behind `promtool check rules`.

It judges expressions, durations, names of labels, and that templates call functions that exist. That a template names a label
which the expression yields it does not: a missing one is an empty text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from judges.program import Program


@dataclass(frozen=True)
class Selector:
    """One place in an alert's expression where series are chosen."""

    alert: str
    metric: str
    labels: Mapping[str, str] = field(hash=False)
    """Those compared with `=`."""


@dataclass(frozen=True)
class RulesRead:
    """What Prometheus makes of a file of rules."""

    errors: tuple[str, ...]
    selectors: tuple[Selector, ...]


class Alerts(Program):
    """One running reader of rules."""

    name = "alerts"

    def read(self, groups: Sequence[Mapping[str, Any]]) -> RulesRead:
        """Return what Prometheus finds wrong with groups of rules, and which series their expressions choose."""
        answer = self.ask({"rules": json.dumps({"groups": list(groups)})})
        return RulesRead(
            errors=tuple(answer["errors"]),
            selectors=tuple(Selector(**one) for one in answer["selectors"]),
        )
