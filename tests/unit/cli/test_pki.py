"""How `bartizan pki` reads a cluster in memory and writes into it: what is missing is named, and nobody's field is taken."""

import json

import pytest

from bartizan.api.kinds import CONFIG_MAP, POD, POLICY, TRUST_DOMAIN
from bartizan.cli.pki import standing
from bartizan.cli.pki_reading import observe
from bartizan.cli.pki_writing import Progress, confirm, write
from bartizan.core.model import ObjectRef
from bartizan.core.pki import asking
from bartizan.core.pki.asking import AskingError
from bartizan.core.pki.ledger import LedgerRow, Segment, segment_object
from bartizan.core.pki.remembered import rotation_of
from bartizan.kube.errors import ForbiddenError
from bartizan.testing import FakeKube, a_pod
from unit.pki.builders import HOUR, NOW, RELEASE
from unit.pki.telling import told
from unit.pki.test_asking import an_item
from unit.pki.test_consumers import a_holder

TRUST = ObjectRef(api_version=TRUST_DOMAIN.api_version, kind=TRUST_DOMAIN.kind, namespace="", name="default")
CHART = {"apiVersion": TRUST.api_version, "kind": TRUST.kind, "metadata": {"name": "default"}}


def a_cluster(story=None, *items):
    """Return a cluster with a trust domain at rest and whatever else."""
    return FakeKube(an_item(story or told()), *items)


def a_ledger(story, *ends):
    """Return the ConfigMap of a ledger with a certificate of the issuing authority for each end."""
    rows = tuple(
        LedgerRow(
            trust_domain="default",
            serial=format(number + 1, "x"),
            authority=story.id("Issuing", 1),
            subject="shop/orders",
            holder="",
            not_after=end,
        )
        for number, end in enumerate(ends)
    )
    since = NOW - 400 * HOUR
    return segment_object(Segment(trust_domain="default", number=1, since=since, rows=rows), namespace=RELEASE)


async def look(kube, *, pods=True, name="default"):
    """Read what may be read."""
    return await observe(kube, name, release=RELEASE, pods=pods, now=NOW)


async def ask(kube, decide):
    """Write a wish."""
    return await write(kube, "default", decide)


def root(item):
    """Ask for another root."""
    return asking.request(item, "Root", "TICKET-7", NOW)


async def test_everything_is_read_once():
    """The trust domain, its policies, the ledger, and pods of the policies' namespaces; nothing of other trust domains."""
    story = told()
    other = {**a_holder(identity={"trustDomain": "other"}), "metadata": {"namespace": "else", "name": "other"}}
    kube = a_cluster(story, a_holder(), other, a_pod(), a_ledger(story, NOW + HOUR, NOW - HOUR))
    kube.calls.clear()
    seen = await look(kube)
    assert [(str(call), call.namespace) for call in kube.calls] == [
        ("get TrustDomain default", ""),
        ("list ServiceSecurityPolicy", ""),
        (f"list ConfigMap {RELEASE}", RELEASE),
        ("list Pod shop", "shop"),
    ]
    assert (len(seen.policies), len(seen.pods), seen.unseen) == (1, 1, ())
    assert seen.book.counts(NOW) == {story.id("Issuing", 1): 1}


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (CONFIG_MAP, "the ledger of issued certificates (no right to list ConfigMaps in namespace bartizan-system)"),
        (POD, "pods of shop (no right to list them): whether they load new certificates"),
    ],
    ids=["the ledger", "pods"],
)
async def test_what_may_not_be_read_is_named(kind, words):
    """And everything else is said all the same."""
    story = told()
    kube = a_cluster(story, a_holder(), a_pod(), a_ledger(story, NOW + HOUR))
    kube.fail_next(ForbiddenError("no"), matching=lambda call: call.kind == kind)
    seen = await look(kube)
    assert seen.unseen == (words,)
    assert f"not seen: {words}" in standing(seen, NOW, output="text")


async def test_policies_that_may_not_be_read_are_named():
    """The trust domain's own status is shown without them."""
    kube = a_cluster(None, a_holder())
    kube.fail_next(ForbiddenError("list ServiceSecurityPolicy: no"), matching=lambda call: call.kind == POLICY)
    seen = await look(kube)
    assert (seen.policies, seen.unseen[0]) == ((), "policies and their certificates (list ServiceSecurityPolicy: no)")
    assert json.loads(standing(seen, NOW, output="json"))["policies"]["total"] == 0


async def test_a_trust_domain_that_is_not_there():
    """Its name, and how another is named."""
    with pytest.raises(AskingError, match="no TrustDomain prod exists; name one with --trust-domain"):
        await look(a_cluster(), name="prod")


async def test_a_ledger_elsewhere_is_not_taken_for_none():
    """Without a segment of the trust domain the counts are unknown, not zero."""
    story = told()
    item = a_ledger(story, NOW + HOUR)
    kube = a_cluster(story, {**item, "metadata": {**item["metadata"], "namespace": "elsewhere"}})
    seen = await look(kube)
    assert seen.book is None
    assert "--release-namespace names another" in seen.unseen[0]


async def test_a_request_takes_nothing_of_the_chart():
    """The chart's fields stay the chart's, whatever it applies later stays possible, and ours stays ours."""
    kube = FakeKube()
    applied = {**CHART, "spec": {"domain": "prod.example.com", "lifetimes": {"root": "87600h", "issuing": "2160h"}}}
    await kube.apply(applied, manager="bartizan/defaults", force=True)
    await kube.apply({**CHART, "status": told().status}, manager="bartizan/status", status=True)
    written = await ask(kube, root)
    await kube.apply(applied, manager="bartizan/defaults", force=True)
    item = await kube.get(TRUST)
    assert item["spec"] == {**applied["spec"], "rotation": {"request": {"id": "TICKET-7", "role": "Root"}}}
    assert (written.request, written.generation) == ("TICKET-7", item["metadata"]["generation"])


async def test_a_field_that_a_repository_keeps_is_left_alone():
    """The manager is named, nothing is written, and the way out is said."""
    kube = FakeKube()
    theirs = {"domain": "prod.example.com", "rotation": {"request": {"id": "old", "role": "Issuing"}}}
    await kube.apply({**CHART, "spec": theirs}, manager="argocd")
    status = {**told().status, "rotation": {"phase": "Stable", "request": "old"}}
    await kube.apply({**CHART, "status": status}, manager="bartizan/status", status=True)
    with pytest.raises(AskingError) as refused:
        await ask(kube, root)
    assert "somebody else keeps .spec.rotation.request" in str(refused.value)
    assert "argocd" in str(refused.value)
    assert "--output yaml prints the lines" in str(refused.value)
    assert (await kube.get(TRUST))["spec"] == theirs


async def test_each_wish_leaves_the_others_standing():
    """Distrust does not take back a request, and a second distrust not the first."""
    story = told()
    kube = a_cluster(story)
    await ask(kube, root)
    ids = story.id("Root", 1), story.id("Issuing", 1)
    for one in ids:
        await ask(kube, lambda item, one=one: asking.distrust(item, (one,)))
    rotation = (await kube.get(TRUST))["spec"]["rotation"]
    assert (rotation["request"]["id"], rotation["distrust"]) == ("TICKET-7", [*ids])


def test_nobody_can_be_asked_without_a_terminal(monkeypatch, tmp_path):
    """Then --yes is demanded; with it nothing is asked."""
    with (tmp_path / "empty").open("w+") as nothing:
        monkeypatch.setattr("sys.stdin", nothing)
        confirm("Rotate?", yes=True)
        with pytest.raises(AskingError, match="add --yes"):
            confirm("Rotate?", yes=False)


def test_progress_says_each_phase_once(capsys):
    """On a terminal the line below is rewritten with what is waited for; elsewhere there is none."""
    said = []
    story = told()
    for live in (False, True):
        progress = Progress(said.append, live=live)
        record = rotation_of(
            {"rotation": {"phase": "Publishing", "since": "2026-03-01T12:00:00Z", "waitingFor": ["a Secret"]}}
        )
        progress.tell(record, NOW)
        progress.tell(record, NOW)
        progress.tell(rotation_of(story.status), NOW)
    assert (
        said
        == [
            "2026-03-01T12:00:00Z  Publishing  the new root joins every bundle; the old one signs",
            "2026-03-01T12:00:00Z  Stable      nothing rotates",
        ]
        * 2
    )
    printed = capsys.readouterr()
    assert (printed.out, printed.err.count("waits: a Secret")) == ("", 2)
