"""How authorities stand, read from the TrustDomain's status."""

from datetime import UTC, datetime

import pytest

from bartizan.core.pki.standing import (
    AuthorityStanding,
    DomainStanding,
    authority_standings,
    domain_standing,
)

END = datetime(2026, 6, 1, tzinfo=UTC)
ENTRY = {
    "id": "0a1b",
    "role": "Issuing",
    "generation": 2,
    "secretName": "bartizan-authority-default-issuing-2",
    "notAfter": "2026-06-01T00:00:00Z",
}
READY = {"type": "Ready", "status": "True", "reason": "Applied"}


def a_domain(**status):
    """Return a TrustDomain with this status."""
    return {"metadata": {"name": "default"}, "status": status}


def test_authorities_are_those_of_the_status():
    """Each authority of the status is told with what the ledger counts for it; what is no entry is passed over."""
    items = [a_domain(authorities=[ENTRY, {**ENTRY, "id": "ffff", "generation": 1}, {"id": 7}]), a_domain()]
    assert authority_standings(items, {"0a1b": 12, "other": 3}) == tuple(
        AuthorityStanding(
            trust_domain="default", id=name, role="Issuing", generation=generation, not_after=END, leaves=leaves
        )
        for name, generation, leaves in (("0a1b", 2, 12), ("ffff", 1, 0))
    )


@pytest.mark.parametrize(
    ("case", "status", "stands"),
    [
        ("never looked at", {}, (False, "", "Stable", None)),
        ("ready", {"conditions": [READY]}, (True, "Applied", "Stable", None)),
        (
            "lost",
            {"conditions": [{**READY, "status": "False", "reason": "CAKeyLost"}]},
            (False, "CAKeyLost", "Stable", None),
        ),
        (
            "rotating",
            {"conditions": [READY], "rotation": {"phase": "Draining", "since": "2026-06-01T00:00:00Z"}},
            (True, "Applied", "Draining", END),
        ),
        ("a moment that is none", {"rotation": {"phase": "Draining", "since": "soon"}}, (False, "", "Draining", None)),
        ("a moment without a zone", {"rotation": {"since": "2026-06-01T00:00:00"}}, (False, "", "Stable", None)),
    ],
)
def test_domain_standing(case, status, stands):
    """A trust domain stands as its condition and its rotation say, whatever else is in its status."""
    ready, reason, phase, since = stands
    assert domain_standing(a_domain(**status)) == DomainStanding(
        name="default", ready=ready, reason=reason, phase=phase, since=since
    ), case
