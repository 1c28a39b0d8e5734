"""Rules that are written with an end that has already passed.

In an edit that is a slip of the pen, so it is refused. In a policy that is made anew it is as likely a restore from a backup or
from a repository, and a refusal would leave the service without any policy at all; the rule opens nothing, so there it is said.
"""

from collections.abc import Iterator
from datetime import datetime

from bartizan.api.v1alpha1 import Decision, EgressRule, IngressRule
from bartizan.core.model import PolicyView
from bartizan.core.network.expiry import spoken


def late_rules(old: PolicyView | None, new: PolicyView, now: datetime) -> tuple[str, ...]:
    """Return a sentence for each rule of `new` whose `until` is not after `now` and does not stand in `old` already."""
    known = {moment for _, moment in _moments(old)} if old else set()
    return tuple(
        f"{path}.until is {spoken(moment)}, which has passed (it is {spoken(now)}): the rule opens nothing; set a later time"
        for path, moment in _moments(new)
        if moment <= now and moment not in known
    )


def _moments(policy: PolicyView) -> Iterator[tuple[str, datetime]]:
    network = policy.spec.network
    fields: tuple[tuple[str, tuple[IngressRule | EgressRule | Decision, ...]], ...] = (
        ("ingress", network.ingress),
        ("egress", network.egress),
        ("decisions", network.decisions),
    )
    for field, rules in fields:
        for index, rule in enumerate(rules):
            if rule.until is not None:
                yield f"spec.network.{field}[{index}]", rule.until
