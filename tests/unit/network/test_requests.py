"""Who waits: callers that ask for more than they are admitted to, with the time they have been waiting."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bartizan.core.network.requests import first_seen, open_requests
from unit.network.building import GRPC, HTTP, a_policy, a_world

NOW = datetime(2026, 6, 1, 12, 0, 0, 500, tzinfo=UTC)
STAMP = "2026-06-01T12:00:00Z"
SECOND = timedelta(seconds=1)


def caller(key, *rules):
    """Return a policy that calls finance/payments by each of the rules."""
    to = {"service": "payments", "namespace": "finance"}
    return a_policy(key, egress=[{"to": to, **rule} for rule in rules or ({},)])


def waiting(*callers, known=None, now=NOW, **network):
    """Return the requests at finance/payments as they stand in its status."""
    provider = a_policy("finance/payments", ports=[HTTP, GRPC], **network)
    world = replace(a_world(provider, *callers), now=now)
    found = open_requests(provider, world, known or {})
    return [request.model_dump(by_alias=True, exclude_none=True, mode="json") for request in found]


def test_a_caller_that_is_not_admitted_waits_for_every_port():
    """Without ports of its own the caller waits for all there are, by the called side's names."""
    asked = caller("bi/analytics", {"reason": "reporting", "until": "2027-01-01T00:00:00Z"})
    assert waiting(asked) == [
        {
            "from": "bi/analytics",
            "ports": ["grpc", "http"],
            "reason": "reporting",
            "since": STAMP,
            "until": "2027-01-01T00:00:00Z",
        }
    ]


def test_only_what_is_not_admitted_is_waited_for():
    """A caller admitted on one of two ports it names waits for the other."""
    asked = caller("bi/analytics", {"ports": [{"name": "http"}, {"port": 9090}]})
    rule = {"from": {"service": "analytics", "namespace": "bi"}, "ports": ["http"]}
    assert waiting(asked, ingress=[rule]) == [{"from": "bi/analytics", "ports": ["grpc"], "since": STAMP}]


def test_who_is_content_does_not_wait():
    """Admitted as asked, admitted on some where none was named, asking for what isn't there, ended: nobody waits."""
    rule = {"from": {"service": "analytics", "namespace": "bi"}, "ports": ["http"]}
    content = [
        (caller("bi/analytics", {"ports": [{"name": "http"}]}), [rule]),
        (caller("bi/analytics"), [rule]),
        (caller("bi/analytics", {"ports": [{"name": "admin"}]}), []),
        (caller("bi/analytics", {"until": STAMP}), []),
        (a_policy("bi/analytics"), [rule]),
    ]
    assert [waiting(asked, ingress=rules) for asked, rules in content] == [[]] * len(content)


def test_who_was_denied_does_not_wait():
    """A denial is an answer."""
    decisions = [{"service": "analytics", "namespace": "bi", "verdict": "Denied"}]
    provider = a_policy("finance/payments", ports=[HTTP])
    network = {**provider.spec.network.model_dump(by_alias=True), "decisions": decisions}
    spec = provider.spec.model_validate({**provider.spec.model_dump(by_alias=True), "network": network})
    denied = replace(provider, spec=spec)
    assert open_requests(denied, a_world(denied, caller("bi/analytics")), {}) == ()


def test_consent_that_ended_is_waited_for_again():
    """When the called side's rule ends, its caller stands among the requests."""
    rule = {"from": {"service": "analytics", "namespace": "bi"}, "until": STAMP}
    assert waiting(caller("bi/analytics"), ingress=[rule], now=NOW - SECOND) == []
    assert [one["from"] for one in waiting(caller("bi/analytics"), ingress=[rule])] == ["bi/analytics"]


def test_the_longest_waiting_come_first_and_keep_their_time():
    """What the status said before is when a request was first seen, however often it is told again."""
    known = first_seen(
        [{"from": "bi/late", "since": "2026-05-02T00:00:00Z"}, {"from": "bi/early", "since": "2026-05-01T00:00:00Z"}]
    )
    found = waiting(caller("bi/late"), caller("bi/early"), caller("a/new"), known=known)
    assert [(one["from"], one["since"]) for one in found] == [
        ("bi/early", "2026-05-01T00:00:00Z"),
        ("bi/late", "2026-05-02T00:00:00Z"),
        ("a/new", STAMP),
    ]


def test_a_spoiled_status_makes_requests_new():
    """Somebody's edit of the status is no reason to fail."""
    assert first_seen([{"from": "a/b", "since": "soon"}, {"from": "a/c", "since": "2026-05-01T00:00:00"}, {}]) == {}


def test_counted_callers_are_the_same_as_those_looked_for():
    """The controller's count of who names whom gives the same requests as looking through every policy."""
    provider, asked = a_policy("finance/payments", ports=[HTTP]), caller("bi/analytics")
    world = a_world(provider, asked, a_policy("bi/other"))
    counted = replace(world, callers={("finance", "payments"): frozenset({("bi", "analytics")})})
    assert open_requests(provider, counted, {}) == open_requests(provider, world, {}) != ()
