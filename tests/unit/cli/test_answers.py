"""`bartizan requests`, `approve` and `deny`, against a cluster in memory: what is written, by whom, and what is left alone."""

import pytest
import yaml

from bartizan.api.kinds import POLICY
from bartizan.api.names import KubeObject
from bartizan.cli.answer import answer
from bartizan.cli.requests import listed, table
from bartizan.core.decisions import MANAGER, DecisionError, approval, read_key, read_until, refusal
from bartizan.core.model import ObjectRef
from bartizan.kube.errors import ConflictError
from bartizan.testing import FakeKube, a_policy
from unit.network.test_requests import NOW

HTTP, GRPC = {"name": "http", "port": 8080}, {"name": "grpc", "port": 9090}
PAYMENTS, ANALYTICS = ("finance", "payments"), ("bi", "analytics")
REQUEST = {"from": "bi/analytics", "ports": ["http"], "reason": "reports", "since": "2026-01-01T00:00:00Z"}
REF = ObjectRef(api_version=POLICY.api_version, kind=POLICY.kind, namespace="finance", name="payments")


def payments(*requests: KubeObject, **network: object) -> KubeObject:
    """Return the policy that is asked, with the requests that its status tells of."""
    item = a_policy("payments", "finance", network={"ports": [HTTP, GRPC], **network})
    return {**item, "status": {"requests": list(requests)}}


async def approve(kube, consumer=ANALYTICS, *, write=True, **words):
    """Approve a caller as the command does."""
    return await answer(
        kube, PAYMENTS, consumer, lambda policy, asked: approval(policy, consumer, asked=asked, **words), write=write
    )


async def deny(kube, consumer=ANALYTICS, reason=None, *, write=True):
    """Deny a caller as the command does."""
    return await answer(kube, PAYMENTS, consumer, lambda policy, _: refusal(policy, consumer, reason), write=write)


async def decisions(kube):
    """Return the decisions that stand in the policy."""
    return (await kube.get(REF))["spec"]["network"].get("decisions", [])


async def test_an_approval_is_one_decision_for_what_was_asked():
    """Without ports the approval names those the caller waits for, and nothing else of the policy is written."""
    rules = [{"from": {"service": "web"}}]
    kube = FakeKube(payments(REQUEST, ingress=rules))
    assert await approve(kube, reason="for the audit") == "finance/payments admits bi/analytics on http"
    (write,) = kube.writes
    assert (write.verb, write.manager, write.ref) == ("apply", MANAGER, REF)
    held = (await kube.get(REF))["spec"]["network"]
    assert held["decisions"] == [
        {
            "service": "analytics",
            "namespace": "bi",
            "verdict": "Approved",
            "ports": ["http"],
            "reason": "for the audit",
        }
    ]
    assert (held["ports"], held["ingress"]) == ([HTTP, GRPC], rules)


async def test_who_did_not_ask_is_approved_only_by_port():
    """In advance the ports must be named, and the answer says that nothing opens yet."""
    kube = FakeKube(payments())
    with pytest.raises(DecisionError, match=r"does not wait for finance/payments; .* name the ports"):
        await approve(kube)
    assert (await approve(kube, ports=["grpc"])).endswith("nothing opens until its egress lists finance/payments")


async def test_answers_to_several_callers_stand_side_by_side():
    """A second answer keeps the first, and a later answer to the same caller takes the place of the earlier one."""
    kube = FakeKube(payments(REQUEST))
    await approve(kube)
    await deny(kube, ("bi", "other"), "no")
    await deny(kube, reason="changed my mind")
    assert sorted(await decisions(kube), key=lambda one: one["service"]) == [
        {"service": "analytics", "namespace": "bi", "verdict": "Denied", "reason": "changed my mind"},
        {"service": "other", "namespace": "bi", "verdict": "Denied", "reason": "no"},
    ]


async def test_approving_more_keeps_what_was_approved():
    """A caller approved on one port that asks for another gets both: the first edge does not close."""
    kube = FakeKube(payments(REQUEST))
    await approve(kube, ports=["grpc"])
    await approve(kube)
    assert [one["ports"] for one in await decisions(kube)] == [["grpc", "http"]]


async def test_whoever_applies_the_rest_keeps_neither_more_nor_less():
    """A repository that applies its manifest again, with force, leaves the decision, and the next answer leaves its rules."""
    kube = FakeKube(payments(REQUEST))
    manifest = a_policy("payments", "finance", network={"ports": [HTTP], "ingress": [{"from": {"service": "web"}}]})
    del manifest["metadata"]["uid"], manifest["metadata"]["generation"]
    await approve(kube)
    await kube.apply(manifest, manager="kustomize-controller", force=True)
    assert [one["verdict"] for one in await decisions(kube)] == ["Approved"]
    await deny(kube)
    assert (await kube.get(REF))["spec"]["network"]["ingress"] == [{"from": {"service": "web"}}]


async def test_a_decision_that_somebody_else_keeps_is_theirs():
    """What a repository decided is not taken over; the message says where to change it."""
    kept = {"service": "analytics", "namespace": "bi", "verdict": "Denied"}
    kube = FakeKube(payments(REQUEST))
    manifest = a_policy("payments", "finance", network={"ports": [HTTP], "decisions": [kept]})
    del manifest["metadata"]["uid"], manifest["metadata"]["generation"]
    await kube.apply(manifest, manager="kustomize-controller", force=True)
    with pytest.raises(DecisionError, match="kustomize-controller"):
        await approve(kube)
    assert await decisions(kube) == [kept]


async def test_a_change_in_between_is_seen():
    """If the policy changes between look and write, the answer is decided anew on what it is then."""

    class Busy(FakeKube):
        asked = 0

        async def apply(self, item, **more):
            if more["manager"] == MANAGER and not (asked := self.asked):
                self.asked = asked + 1
                raise ConflictError("the object has been modified")
            return await super().apply(item, **more)

    kube = Busy(payments(REQUEST))
    await approve(kube)
    assert (kube.asked, len(await decisions(kube))) == (1, 1)


async def test_yaml_is_what_to_commit_and_writes_nothing():
    """`--output yaml` prints an ingress rule for an approval and a decision for a denial."""
    kube = FakeKube(payments(REQUEST))
    until = read_until("72h", NOW)
    assert yaml.safe_load(await approve(kube, until=until, reason="audit", write=False)) == {
        "spec": {
            "network": {
                "ingress": [
                    {
                        "from": {"service": "analytics", "namespace": "bi"},
                        "ports": ["http"],
                        "until": "2026-06-04T12:00:00Z",
                        "reason": "audit",
                    }
                ]
            }
        }
    }
    assert yaml.safe_load(await deny(kube, write=False)) == {
        "spec": {"network": {"decisions": [{"service": "analytics", "namespace": "bi", "verdict": "Denied"}]}}
    }
    assert kube.writes == []


IMPOSSIBLE = {
    "a port that is not there": (
        ANALYTICS,
        {"ports": ["admin"]},
        "finance/payments has no port admin; it has grpc, http",
    ),
    "itself": (PAYMENTS, {}, "is the policy itself"),
}


@pytest.mark.parametrize("case", IMPOSSIBLE)
async def test_an_impossible_answer_says_why(case):
    """Nothing is written, and the message says what would be possible."""
    consumer, words, says = IMPOSSIBLE[case]
    kube = FakeKube(payments(REQUEST))
    with pytest.raises(DecisionError, match=says):
        await approve(kube, consumer, **words)
    assert kube.writes == []


async def test_a_policy_that_is_not_there_is_named():
    """The message names it."""
    with pytest.raises(DecisionError, match="no ServiceSecurityPolicy finance/payments exists"):
        await approve(FakeKube())


@pytest.mark.parametrize("text", ["payments", "finance/", "/payments", "a/b/c", "Finance/payments", ""])
def test_a_policy_is_given_as_namespace_and_name(text):
    """Anything else is refused with an example."""
    with pytest.raises(DecisionError, match="NAMESPACE/NAME"):
        read_key(text, "--from")


@pytest.mark.parametrize(
    "text", ["2026-05-01T00:00:00Z", "0s", "2027-01-01", "2027-01-01T00:00:00", "next week", "-1h"]
)
def test_an_end_must_be_a_moment_to_come(text):
    """The past, a time without zone, and words are refused."""
    with pytest.raises(DecisionError, match="--until is"):
        read_until(text, NOW)


@pytest.mark.parametrize(
    ("text", "meant"),
    [("2027-01-01T02:00:00+02:00", "2027-01-01T00:00:00+00:00"), ("1h30m", "2026-06-01T13:30:00+00:00")],
)
def test_an_end_is_a_time_or_a_duration(text, meant):
    """Both are read, to the second."""
    assert read_until(text, NOW).isoformat() in {meant, "2027-01-01T02:00:00+02:00"}


async def test_requests_of_all_policies_are_listed():
    """The longest waiting come first; one policy or namespace can be picked; nobody waiting is said in words."""
    other = {**a_policy("ledger", "bank"), "status": {"requests": [{"from": "a/b", "since": "2025-01-01T00:00:00Z"}]}}
    kube = FakeKube(payments(REQUEST), other, a_policy())
    assert table(await listed(kube, "", "")).splitlines() == [
        "POLICY            FROM          PORTS  SINCE                 UNTIL  REASON",
        "bank/ledger       a/b           -      2025-01-01T00:00:00Z  -      -",
        "finance/payments  bi/analytics  http   2026-01-01T00:00:00Z  -      reports",
    ]
    assert [one["from"] for one in await listed(kube, "finance/payments", "")] == ["bi/analytics"]
    assert [one["from"] for one in await listed(kube, "", "bank")] == ["a/b"]
    assert table(await listed(kube, "shop/orders", "")) == "nobody waits for consent"
