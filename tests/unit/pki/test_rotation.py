"""Which authority to make, use, keep, drop or report as lost."""

import base64
from datetime import timedelta

import pytest

from bartizan.api.v1alpha1 import RotationStatus
from bartizan.core.pki.authority import Role
from bartizan.core.pki.evidence import Evidence
from bartizan.core.pki.rotation import LostAuthority, NewAuthority, plan_authorities
from bartizan.core.pki.rotation_phases import Step, advance
from bartizan.core.pki.status import plan_trust_domain
from bartizan.core.plan import Apply, Delete, Event
from unit.pki.builders import HOUR, NOW, RELEASE, SIGNER, a_pki, a_trust_domain, authority_secrets, with_data

DAY = 24 * HOUR
PKI = a_pki()
OTHER = a_pki()
ROOT, ISSUING = "bartizan-authority-default-root-1", "bartizan-authority-default-issuing-1"


def status_of(plan, now=NOW, step=None):
    """Return the TrustDomain's status that follows from a plan."""
    return plan_trust_domain(PKI.domain, plan, {}, now, namespace=RELEASE, step=step).status.item["status"]


STATUS = status_of(PKI.plan())


def test_first_comes_a_root():
    """A trust domain without anything gets root generation 1 first."""
    plan = plan_authorities(PKI.domain, [], {}, NOW)
    message = "make root authority generation 1: there is none in force"
    assert plan.create == NewAuthority(role=Role.ROOT, generation=1, root=None, message=message)
    assert (plan.signer, plan.bundle_pem, plan.lost) == (None, "", ())


def test_then_an_issuing_authority():
    """A root alone gets issuing generation 1, also when the controller died before it could write the status."""
    plan = plan_authorities(PKI.domain, authority_secrets([PKI.root]), {}, NOW)
    assert plan.create == NewAuthority(
        role=Role.ISSUING,
        generation=1,
        root=plan.roots[0],
        message="make issuing authority generation 1: there is none in force",
    )
    assert plan.roots[0].certificate == PKI.root.certificate


def test_settled():
    """With both at hand nothing is made, the issuing authority signs, and only the root is in the bundle."""
    plan = PKI.plan()
    assert (plan.create, plan.lost, plan.removable) == (None, (), ())
    assert (plan.signer.id, plan.bundle) == (PKI.issuing.id, (PKI.root.certificate,))


def test_order_of_secrets_does_not_matter():
    """The plan is the same in whatever order the Secrets are listed."""
    assert plan_authorities(PKI.domain, PKI.secrets[::-1], STATUS, NOW) == plan_authorities(
        PKI.domain, PKI.secrets, STATUS, NOW
    )


def test_next_issuing_at_half_life():
    """The next issuing generation is made at half of the last one's life, not before."""
    half = PKI.issuing.half_life
    early = half - timedelta(seconds=1)
    assert advance(PKI.domain, PKI.plan(early), Evidence(), early).record == RotationStatus()
    record = advance(PKI.domain, PKI.plan(half), Evidence(), half).record
    assert record == RotationStatus(
        phase="Prepared", role="Issuing", from_=(PKI.issuing.id,), cause="HalfLife", since=half
    )
    assert PKI.plan(half).create is None, "nothing is made before it is written down"
    message = "make issuing authority generation 2: a rotation has begun (HalfLife)"
    create = plan_authorities(
        PKI.domain, PKI.secrets, status_of(PKI.plan(half), half, Step(record=record)), half
    ).create
    assert create == NewAuthority(role=Role.ISSUING, generation=2, root=PKI.plan().roots[0], message=message)


def test_expired_generations_go():
    """An expired generation is deleted, never the newest of its role; the number is not used again."""
    late = PKI.issuing.not_after + HOUR
    plan = PKI.plan(late)
    assert (plan.create.generation, plan.removable, plan.signer) == (2, (), None)
    newer = SIGNER.make_issuing(PKI.domain, PKI.root, generation=2, now=late)
    secrets = authority_secrets([PKI.root, PKI.issuing, newer])
    after = plan_authorities(PKI.domain, secrets, STATUS, late)
    assert [one.id for one in after.removable] == [PKI.issuing.id]
    plan = plan_trust_domain(PKI.domain, after, STATUS, late, namespace=RELEASE)
    assert [(one.ref.namespace, one.ref.name, one.uid) for one in plan.deletes] == [
        (RELEASE, ISSUING, f"uid-{ISSUING}")
    ]


def test_number_of_a_deleted_generation_is_not_used_again():
    """The status remembers the highest generation, so a new one never takes the name of an expired one."""
    late = PKI.issuing.not_after + HOUR
    assert plan_authorities(PKI.domain, authority_secrets([PKI.root]), STATUS, late).create.generation == 2


def unlabelled(secret):
    """Return a Secret whose labels were removed, as listed by name."""
    return {**secret, "metadata": {**secret["metadata"], "labels": {}}}


ROOT_SECRET, ISSUING_SECRET = PKI.secrets
NONSENSE = base64.b64encode(b"nonsense").decode()
SECOND_ROOT = SIGNER.make_root(PKI.domain, generation=1, now=NOW)
IMPOSTOR, IMPOSTOR_ID = authority_secrets([SECOND_ROOT])[0], SECOND_ROOT.id
ELSEWHERE = authority_secrets([SIGNER.make_root(a_trust_domain(domain="other.example"), generation=1, now=NOW)])[0]
UNSIGNED = authority_secrets([OTHER.issuing])[0]
PROBLEM_PAIR = "does not hold one certificate in tls.crt and a key in tls.key"
LOST_CASES = [
    ("root deleted", [ISSUING_SECRET], STATUS, ROOT, f"with {PKI.root.id} is gone"),
    ("issuing deleted", [ROOT_SECRET], STATUS, ISSUING, f"with {PKI.issuing.id} is gone"),
    ("root's key emptied", [with_data(ROOT_SECRET, tls_key=""), ISSUING_SECRET], STATUS, ROOT, PROBLEM_PAIR),
    (
        "root's certificate overwritten, no status yet",
        [with_data(ROOT_SECRET, tls_crt=NONSENSE)],
        {},
        ROOT,
        PROBLEM_PAIR,
    ),
    (
        "root's key exchanged",
        [with_data(ROOT_SECRET, tls_key=IMPOSTOR["data"]["tls.key"]), ISSUING_SECRET],
        STATUS,
        ROOT,
        "holds a key that is not the certificate's",
    ),
    (
        "labels removed",
        [ROOT_SECRET, unlabelled(ISSUING_SECRET)],
        STATUS,
        ISSUING,
        "has labels that do not agree with its name",
    ),
    (
        "root of another trust domain",
        [ELSEWHERE],
        {},
        ROOT,
        "speaks for spiffe://other.example, not for spiffe://prod.example.com",
    ),
    (
        "root exchanged for another",
        [IMPOSTOR],
        STATUS,
        ROOT,
        f"holds another authority ({IMPOSTOR_ID}) than the one in use ({PKI.root.id})",
    ),
    (
        "issuing of an unknown root, no status",
        [ISSUING_SECRET],
        {},
        ISSUING,
        "holds an issuing authority that no root at hand has signed",
    ),
    (
        "issuing exchanged for a foreign one",
        [ROOT_SECRET, UNSIGNED],
        {},
        ISSUING,
        "holds an issuing authority that no root at hand has signed",
    ),
]


@pytest.mark.parametrize(("case", "secrets", "status", "name", "problem"), LOST_CASES, ids=[c[0] for c in LOST_CASES])
def test_lost(case, secrets, status, name, problem):
    """A lost or spoilt authority is reported, and nothing is made or deleted in its place."""
    plan = plan_authorities(PKI.domain, secrets, status, NOW)
    assert LostAuthority(secret_name=name, problem=problem) in plan.lost
    assert (plan.create, plan.removable) == (None, ())


def test_lost_stays_lost():
    """The status written after a loss still lists the lost authority: a second look does not make a new one."""
    status, seen = STATUS, []
    for _ in range(3):
        plan = plan_authorities(PKI.domain, [ISSUING_SECRET], status, NOW)
        status = status_of(plan)
        seen.append((plan.create, [one.secret_name for one in plan.lost]))
    assert seen == [(None, [ROOT])] * 3
    assert [one["secretName"] for one in status["authorities"]] == [ROOT, ISSUING]


def test_signing_goes_on_without_the_root_key():
    """While the root's key is lost, the issuing authority signs on, and the root stays trusted from the status."""
    plan = plan_authorities(PKI.domain, [ISSUING_SECRET], STATUS, NOW)
    assert (plan.signer.id, plan.bundle) == (PKI.issuing.id, (PKI.root.certificate,))


def test_a_planted_issuing_authority_is_not_used():
    """An issuing authority that our root has not signed is neither used to sign nor accepted."""
    planted = SIGNER.make_issuing(OTHER.domain, OTHER.root, generation=2, now=NOW)
    plan = plan_authorities(PKI.domain, [*PKI.secrets, *authority_secrets([planted])], STATUS, NOW)
    assert ([one.id for one in plan.issuing], plan.signer.id) == ([PKI.issuing.id], PKI.issuing.id)
    assert [one.secret_name for one in plan.lost] == ["bartizan-authority-default-issuing-2"]


def test_clock_set_back_makes_nothing():
    """With a clock before the authorities' beginning nothing is signed and nothing is made."""
    plan = PKI.plan(NOW - 2 * DAY)
    assert (plan.create, plan.signer, plan.lost) == (None, None, ())


def test_status_says_all():
    """The status of a settled trust domain, whole."""
    plan = plan_trust_domain(PKI.domain, PKI.plan(), {}, NOW, namespace=RELEASE)
    item = {
        "apiVersion": "bartizan.dev/v1alpha1",
        "kind": "TrustDomain",
        "metadata": {"name": "default"},
        "status": {
            "observedGeneration": 3,
            "conditions": [
                {
                    "type": "Ready",
                    "status": "True",
                    "observedGeneration": 3,
                    "lastTransitionTime": "2026-03-01T12:00:00Z",
                    "reason": "Applied",
                    "message": "Issuing authority generation 1 signs until 2026-05-30T12:00:00Z",
                }
            ],
            "authorities": [
                {
                    "id": PKI.root.id,
                    "role": "Root",
                    "generation": 1,
                    "secretName": ROOT,
                    "notAfter": "2036-02-27T12:00:00Z",
                    "state": "Active",
                },
                {
                    "id": PKI.issuing.id,
                    "role": "Issuing",
                    "generation": 1,
                    "secretName": ISSUING,
                    "notAfter": "2026-05-30T12:00:00Z",
                    "state": "Active",
                },
            ],
            "rotation": {"phase": "Stable", "from": [], "distrusted": [], "waitingFor": []},
            "generations": {"root": 1, "issuing": 1},
            "bundle": PKI.plan().bundle_pem,
        },
    }
    assert plan.status == Apply(item=item, manager="bartizan/status", status=True)
    assert (plan.deletes, plan.requeue_after) == ((), PKI.issuing.half_life - NOW)
    assert [one.reason for one in plan.events] == ["AuthorityMade", "AuthorityMade"]


def test_loss_is_told_once_with_the_way_out():
    """A loss becomes one warning event and a condition that name the Secret, what goes on, and what to do."""
    lost = plan_authorities(PKI.domain, [ISSUING_SECRET], STATUS, NOW)
    plan = plan_trust_domain(PKI.domain, lost, STATUS, NOW, namespace=RELEASE)
    message = (
        f"Secret bartizan-system/{ROOT} with {PKI.root.id} is gone. Restore it from a backup: a key that certificates in use "
        "rest on is never made again silently. Meanwhile issuing authority generation 1 signs until 2026-05-30T12:00:00Z. "
        f"Without a backup, put {PKI.root.id} into spec.rotation.distrust of TrustDomain default: a new root is made, brought "
        "into every bundle and signs, and the old one goes after 15 minutes (spec.rotation.emergencyDeadline)"
    )
    ready = plan.status.item["status"]["conditions"][0]
    assert (ready["status"], ready["reason"], ready["message"]) == ("False", "CAKeyLost", message)
    (event,) = plan.events
    assert (type(event), event.type, event.reason, event.message) == (Event, "Warning", "CAKeyLost", message)
    again = plan_trust_domain(PKI.domain, lost, plan.status.item["status"], NOW + HOUR, namespace=RELEASE)
    assert again.events == ()
    assert again.status.item["status"]["conditions"][0]["lastTransitionTime"] == "2026-03-01T12:00:00Z"


def test_status_of_another_version_is_understood():
    """An entry with a field this version does not know still counts: its authority can still be lost."""
    entries = [{**one, "algorithm": "Ed25519"} for one in STATUS["authorities"]]
    plan = plan_authorities(PKI.domain, [ISSUING_SECRET], {**STATUS, "authorities": [*entries, "junk", {}]}, NOW)
    assert [one.secret_name for one in plan.lost] == [ROOT]


def test_deletes_name_what_was_seen():
    """A delete carries the uid of the Secret observed, so that one made meanwhile is safe."""
    late = PKI.issuing.not_after + HOUR
    newer = SIGNER.make_issuing(PKI.domain, PKI.root, generation=2, now=late)
    plan = plan_authorities(PKI.domain, authority_secrets([PKI.root, PKI.issuing, newer]), STATUS, late)
    (delete,) = plan_trust_domain(PKI.domain, plan, STATUS, late, namespace=RELEASE).deletes
    assert (type(delete), delete.uid) == (Delete, f"uid-{ISSUING}")
