"""What may be asked of a rotation: what is written, under which field manager, and what is refused with which words."""

from datetime import timedelta

import pytest

from bartizan.core.pki.asking import (
    AskingError,
    abort,
    authority,
    distrust,
    given_back,
    read_deadline,
    read_role,
    request,
)
from unit.pki.builders import NOW
from unit.pki.telling import told


def an_item(story=None, **rotation):
    """Return a TrustDomain as the API server would hold it, with what its specification says of rotations."""
    tale = story or told()
    spec = tale.domain.spec.model_dump(mode="json", by_alias=True, exclude_unset=True)
    meta = {"name": "default", "uid": "domain-uid", "generation": 3, "resourceVersion": "7"}
    return {
        "apiVersion": "bartizan.dev/v1alpha1",
        "kind": "TrustDomain",
        "metadata": meta,
        "spec": {**spec, **({"rotation": rotation} if rotation else {})},
        "status": tale.status,
    }


def rotating(phase="Publishing", **record):
    """Return a TrustDomain whose root rotates as request a wants."""
    item = an_item(request={"id": "a", "role": "Root"})
    fields = {"phase": phase, "role": "Root", "cause": "Requested", "request": "a", **record}
    return {**item, "status": {**item["status"], "rotation": fields}}


def test_a_request_is_written_on_the_version_that_was_read():
    """One field, one manager, one version: nothing else of the TrustDomain is touched."""
    wish = request(an_item(), "Root", "TICKET-7", NOW)
    assert wish.manager == "bartizan/rotate"
    assert wish.item(an_item()) == {
        "apiVersion": "bartizan.dev/v1alpha1",
        "kind": "TrustDomain",
        "metadata": {"name": "default", "resourceVersion": "7"},
        "spec": {"rotation": {"request": {"id": "TICKET-7", "role": "Root"}}},
    }
    assert wish.lines() == {"spec": {"rotation": {"request": {"id": "TICKET-7", "role": "Root"}}}}


def test_a_request_without_an_id_says_what_and_when():
    """So that the next one has another id."""
    assert request(an_item(), "Issuing", "", NOW).rotation == {
        "request": {"id": "issuing-20260301T120000Z", "role": "Issuing"}
    }


@pytest.mark.parametrize(
    ("item", "name", "words"),
    [
        (
            rotating(),
            "b",
            "Publishing, as request 'a' wants; give it up with bartizan pki rotate --abort --trust-domain default",
        ),
        (rotating("Draining"), "b", "Draining, as request 'a' wants; wait for its end"),
        (rotating("Publishing", cause="Emergency"), "b", "because of distrust; wait for its end"),
        (rotating("Stable"), "a", "--id is 'a', which was begun before"),
        (an_item(abort="b"), "b", "is given up in spec.rotation.abort"),
        (an_item(request={"id": "x", "role": "Root"}), "b", "request 'x' (Root) is waiting to be begun"),
        (an_item(), "a b", "--id is 'a b'; allowed: letters, digits"),
        (an_item(), "a" * 64, "at most 63"),
    ],
    ids=[
        "one is under way and can be given up",
        "one is under way and cannot",
        "an emergency cannot be given up",
        "the id was used",
        "the id is given up",
        "another one waits",
        "no name",
        "too long",
    ],
)
def test_requests_that_are_refused(item, name, words):
    """Why, and what would do."""
    with pytest.raises(AskingError) as refused:
        request(item, "Root", name, NOW)
    assert words in str(refused.value)


def test_giving_up_names_the_request_or_whatever_is_under_way():
    """An id is carried out once; `current` holds back later rotations too, so it is only used where there is no id."""
    assert abort(rotating()).rotation == {"abort": "a"}
    assert abort(rotating(cause="HalfLife")).rotation == {"abort": "current"}


@pytest.mark.parametrize(
    ("item", "words"),
    [
        (an_item(), "nothing rotates in TrustDomain default"),
        (rotating("Activated"), "is Activated (as request 'a' wants) and cannot be given up any more"),
        (rotating(cause="Emergency"), "no emergency"),
        (
            {**rotating(cause="HalfLife", aborted="current"), "spec": an_item(abort="current")["spec"]},
            "says 'current' since an earlier rotation",
        ),
    ],
    ids=["nothing rotates", "too late", "an emergency", "said before"],
)
def test_giving_up_that_is_refused(item, words):
    """Why, and what would do."""
    with pytest.raises(AskingError) as refused:
        abort(item)
    assert words in str(refused.value)


def test_distrust_adds_to_what_is_distrusted():
    """Nobody is trusted again by the way; the deadline is written only where one was given."""
    story = told()
    root, issuing = story.id("Root", 1), story.id("Issuing", 1)
    item = an_item(story, distrust=[root])
    assert distrust(item, (issuing,)).rotation == {"distrust": [root, issuing]}
    assert distrust(item, (issuing,), timedelta(minutes=90)).rotation == {
        "distrust": [root, issuing],
        "emergencyDeadline": "1h30m",
    }
    with pytest.raises(AskingError, match="already"):
        distrust(item, (root,))


def test_an_empty_list_is_nobodys():
    """Whoever made the object owns the defaults that it got: that must not stand in the way of an emergency."""
    story = told()
    root, issuing = story.id("Root", 1), story.id("Issuing", 1)
    assert distrust(an_item(story), (root,)).force is True
    assert distrust(an_item(story), (root,), timedelta(minutes=20)).force is True
    assert distrust(an_item(story, distrust=[root]), (issuing,)).force is False
    assert distrust(an_item(story, emergencyDeadline="1h"), (root,), timedelta(minutes=20)).force is False
    assert distrust(an_item(story, emergencyDeadline="1h"), (root,)).force is True


def test_an_unknown_authority_is_answered_with_those_in_use():
    """So that the right id can be copied from the answer."""
    story = told()
    with pytest.raises(AskingError) as refused:
        authority(an_item(story), "0" * 16)
    root, issuing = story.id("Root", 1), story.id("Issuing", 1)
    assert str(refused.value) == (
        f"TrustDomain default uses no authority '0000000000000000'; it uses: {root} (Root 1), {issuing} (Issuing 1)"
    )


def test_authorities_that_are_not_ours_are_not_asked_for():
    """An external issuer's, and those whose keys are lost."""
    story = told()
    foreign = an_item(story)
    foreign["spec"] |= {"issuer": {"certManager": {"name": "corp"}}, "bundle": story.status["bundle"]}
    lost = an_item(told())
    lost["status"]["authorities"][0]["state"] = "Lost"
    for item, words in ((foreign, "rotate its authorities there"), (lost, "is lost and nothing rotates")):
        for ask in (lambda one: request(one, "Root", "", NOW), abort, lambda one: distrust(one, ("0" * 16,))):
            with pytest.raises(AskingError, match=words):
                ask(item)


def test_only_our_own_abort_is_given_back():
    """One that stands in a repository stays where it is."""
    item = an_item(abort="current")
    assert given_back(item) is None
    item["metadata"]["managedFields"] = [{"manager": "bartizan/abort"}]
    assert given_back(item) == {
        "apiVersion": "bartizan.dev/v1alpha1",
        "kind": "TrustDomain",
        "metadata": {"name": "default", "resourceVersion": "7"},
    }


@pytest.mark.parametrize("text", ["15", "0m", "200h", "soon"])
def test_deadlines_that_are_refused(text):
    """The value and what is allowed."""
    with pytest.raises(AskingError, match=f"--deadline is '{text}'"):
        read_deadline(text)


def test_words_of_the_command_line():
    """Roles in small letters, durations as everywhere else."""
    assert (read_role("root"), read_role("Issuing")) == ("Root", "Issuing")
    assert (read_deadline(""), read_deadline("20m")) == (None, timedelta(minutes=20))
    with pytest.raises(AskingError, match="allowed: root and issuing"):
        read_role("leaf")
