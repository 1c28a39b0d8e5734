"""CertificateServed: which sightings say what, and which pod goes for it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bartizan.api.v1alpha1 import CertificatePods, EdgeStatus, Restarted, ServedSighting
from bartizan.core.pki.cut_off import CutOff
from bartizan.core.reasons import Mode
from bartizan.core.served.issued import Issued, IssuedLeaf, issued_in
from bartizan.core.served.judge import LAG, ServedInput, judge_served, observers
from bartizan.core.served.leaf import leaf_of, own_key_id
from bartizan.core.served.pods import PodFacts
from bartizan.testing import a_policy_view
from unit.pki.builders import NOW as ISSUED
from unit.pki.builders import a_pki

SINCE = datetime(2026, 6, 1, 12, tzinfo=UTC)
WITHIN = timedelta(minutes=10)
DEADLINE = SINCE + WITHIN
NOW = SINCE + timedelta(minutes=30)
ENDS = SINCE + timedelta(hours=24)
NEW, OLD, STRANGE = ("a" * 64, "01"), ("b" * 64, "01"), ("c" * 64, "02")
PORTS = [{"name": "https", "port": 8443}, {"name": "admin", "port": 9000}]


def a_policy(ports=PORTS, **rule):
    """A policy with a rule for rotations."""
    return a_policy_view("orders", network={"ports": ports}, mtls={"onRotation": rule})


def edge(**changes):
    """Web may call both ports."""
    parts = {"from": "shop/web", "ports": ("8443/TCP", "9000/TCP"), "state": "Enforced"}
    return EdgeStatus.model_validate({**parts, **changes})


def pod(number, *, started=SINCE - timedelta(hours=1), **changes):
    """A pod that began before the certificate."""
    return PodFacts(namespace="shop", name=f"orders-{number}", uid=f"uid-{number}", started=started, **changes)


def saw(number, leaf, *, port="8443/TCP", at=NOW - timedelta(minutes=1)):
    """What the pod of that number showed: a certificate, or a word."""
    parts = {"of": "shop/orders", "pod": f"orders-{number}", "uid": f"uid-{number}", "port": port, "at": at}
    if isinstance(leaf, str):
        return ServedSighting(**parts, seen=leaf)
    return ServedSighting(
        **parts, seen="Certificate", fingerprint=leaf[0], authority=leaf[1], serial="1", not_after=ENDS
    )


BOTH = (pod(1), pod(2))


def an_input(*sightings, policy=None, pods=BOTH, **changes):
    """Two pods, asked on what a policy without a rule is asked on."""
    known = {
        "policy": policy or a_policy(confirm={"port": "https"}), "mode": Mode.ENFORCE, "probed": True, "edges": (edge(),),
        "issued": Issued(shared=IssuedLeaf(authority="01", not_after=ENDS, fingerprint=NEW[0], since=SINCE), authorities=frozenset({"01"})),
        "pods": pods, "sightings": sightings, "now": NOW,
    }  # fmt: skip
    return ServedInput(**{**known, **changes})


ANY = a_policy()
LATE = DEADLINE - timedelta(minutes=1)
CASES = {
    "both serve it": (an_input(saw(1, NEW), saw(2, NEW)), "True", "Served", "every pod (2) was seen to serve the present certificate"),
    "one was not asked": (an_input(saw(1, NEW)), "Unknown", "NotConfirmed", "1 of 2 pods were seen to serve the present certificate; not asked since it was issued: orders-2"),
    "one showed nothing": (an_input(saw(1, NEW), saw(2, "Unclear")), "Unknown", "NotConfirmed", "showed no certificate when asked without a server name: orders-2"),
    "an older one in time": (an_input(saw(1, NEW), saw(2, OLD, at=LATE)), "Unknown", "NotConfirmed", "orders-2 served an older one and has until 2026-06-01T12:10:00Z to load it"),
    "an older one too late": (an_input(saw(1, NEW), saw(2, OLD)), "False", "ServedStale", "orders-2 still served an older certificate after 2026-06-01T12:10:00Z: reload it when the mounted files change, or set spec.mtls.onRotation.fallback to Restart"),
    "an older one before the new one was there": (an_input(saw(1, NEW), saw(2, OLD, at=SINCE - WITHIN)), "Unknown", "NotConfirmed", "not asked since it was issued: orders-2"),
    "another authority's": (an_input(saw(1, NEW), saw(2, STRANGE)), "False", "ServedForeign", "orders-2 serves a certificate on port https that no authority of the trust domain signed"),
    "plain text": (an_input(saw(1, NEW), saw(2, "NotTLS")), "False", "NotTLS", "orders-2 does not speak TLS on port https"),
    "no pods": (an_input(pods=()), "Unknown", "NotConfirmed", "no pod of the policy runs"),
    "a pod that leaves does not count": (an_input(saw(1, NEW), pods=(pod(1), pod(2, leaving=True))), "True", "Served", "every pod (1)"),
    "no certificate yet": (an_input(issued=Issued()), "Unknown", "NotConfirmed", "there is no certificate yet"),
    "no prober": (an_input(probed=False), "Unknown", "NotProvable", "there is no prober"),
    "warn mode": (an_input(mode=Mode.WARN), "Unknown", "NotProvable", "the namespace is in warn mode"),
    "nobody may call": (an_input(edges=(edge(state="PendingConsent"), edge(**{"from": "internet"}), edge(ports=("1/TCP",)))), "Unknown", "NotProvable", "no policy may call 8443/TCP"),
    "a pure client": (an_input(policy=a_policy(ports=[])), "Unknown", "NotProvable", "the policy declares no TCP port by number"),
    "a named port without a number": (an_input(policy=a_policy(ports=[{"name": "https", "port": "web"}], confirm={"port": "https"})), "Unknown", "NotProvable", "port https is given by a container port's name"),
    "no named port, one serves it, the other is plain": (an_input(*(saw(n, leaf, port=port) for n in (1, 2) for leaf, port in ((NEW, "8443/TCP"), ("NotTLS", "9000/TCP"))), policy=ANY), "True", "Served", "every pod (2)"),
    "no named port, one serves it, the other something else": (an_input(*(saw(n, leaf, port=port) for n in (1, 2) for leaf, port in ((NEW, "8443/TCP"), (STRANGE, "9000/TCP"))), policy=ANY), "True", "Served", "every pod (2)"),
    "no named port, one old and one new": (an_input(*(saw(n, leaf, port=port) for n in (1, 2) for leaf, port in ((NEW, "8443/TCP"), (OLD, "9000/TCP"))), policy=ANY), "False", "ServedStale", "orders-1, orders-2 still served"),
    "no port speaks TLS": (an_input(*(saw(n, "NotTLS", port=port) for n in (1, 2) for port in ("8443/TCP", "9000/TCP")), policy=ANY), "Unknown", "NotProvable", "none of 8443/TCP, 9000/TCP serves the certificate (some do not speak TLS); if one is to, name it in spec.mtls.onRotation.confirm.port"),
    "no named port, one plain, the other not asked": (an_input(saw(1, "NotTLS"), saw(2, "NotTLS"), policy=ANY), "Unknown", "NotConfirmed", "not asked since it was issued: orders-1, orders-2"),
}  # fmt: skip


@pytest.mark.parametrize(("seen", "status", "reason", "words"), CASES.values(), ids=CASES)
def test_what_was_seen_is_said(seen, status, reason, words):
    """Each observation has one status, one reason of the closed set, and a sentence that names the pods and the fix."""
    said = judge_served(seen).observation
    assert (said.type, said.status, said.reason) == ("CertificateServed", status, reason)
    assert words in said.message


def test_the_counts_say_how_far_it_has_come():
    """Serving is the present certificate, on the current authority is any of its authority, stale is an older one."""
    found = judge_served(an_input(saw(1, NEW), saw(2, OLD, at=NOW)))
    assert found.pods == CertificatePods(total=2, on_current_authority=2, serving=1, stale=1, seen=NOW)
    assert judge_served(an_input()).pods is None


def test_a_pod_s_own_certificate_counts_for_it_alone():
    """Where each pod has a certificate of its own, it is held against that one; by authority and end if no more is known."""
    own = {
        f"uid-{n}": IssuedLeaf(authority="01", not_after=ENDS if n == 1 else ENDS + WITHIN, since=SINCE) for n in (1, 2)
    }
    found = judge_served(an_input(saw(1, NEW), saw(2, NEW), issued=Issued(own=own, authorities=frozenset({"01"}))))
    assert "orders-2 still served an older certificate" in found.observation.message


def test_a_pod_whose_certificate_nobody_remembers_is_not_blamed():
    """It is not held against the Secret's certificate, which it does not have, and its end alone tells where the signer is gone."""
    shared = IssuedLeaf(authority="01", not_after=ENDS, fingerprint=NEW[0], since=SINCE)
    own = {"uid-1": None, "uid-2": IssuedLeaf(authority="", not_after=ENDS, since=SINCE)}
    issued = Issued(shared=shared, own=own, authorities=frozenset({"01"}))
    found = judge_served(an_input(saw(1, OLD), saw(2, OLD), issued=issued)).observation
    assert (found.reason, "not asked since it was issued: orders-1" in found.message) == ("NotConfirmed", True)


def test_it_is_looked_again_when_the_time_is_over():
    """While pods still have time, the next look is at its end; afterwards nothing but an event calls for one."""
    early = replace(an_input(saw(1, NEW)), now=SINCE + timedelta(minutes=4))
    assert judge_served(early).look_after == timedelta(minutes=6)
    assert judge_served(an_input(saw(1, NEW))).look_after is None
    assert judge_served(replace(early, sightings=(saw(1, NEW), saw(2, NEW)))).look_after is None


RESTARTING = {"fallback": "Restart", "confirm": {"port": "https"}}
STALE = (saw(1, OLD), saw(2, OLD))
CUT_OFF = CutOff(uids=frozenset({"uid-2"}), asked=True, follows=True)
RESTARTS = {
    "nobody asked for it": (an_input(*STALE), None),
    "fallback": (an_input(*STALE, policy=a_policy(**RESTARTING)), "orders-1"),
    "only the one that is stale": (an_input(saw(1, NEW), saw(2, OLD), policy=a_policy(**RESTARTING)), "orders-2"),
    "still in time": (an_input(saw(1, OLD, at=LATE), policy=a_policy(**RESTARTING)), None),
    "not seen": (an_input(policy=a_policy(**RESTARTING)), None),
    "foreign": (an_input(saw(1, STRANGE), policy=a_policy(**RESTARTING)), None),
    "started after it": (an_input(*STALE, policy=a_policy(**RESTARTING), pods=(pod(1, started=SINCE + LAG), pod(2, started=SINCE + LAG))), None),
    "started while its node may have had the former one": (an_input(*STALE, policy=a_policy(**RESTARTING), pods=(pod(1, started=SINCE + LAG / 2),)), "orders-1"),
    "strategy Restart needs no sighting": (an_input(policy=a_policy(strategy="Restart"), probed=False), "orders-1"),
    "strategy Restart, started with it": (an_input(policy=a_policy(strategy="Restart"), pods=(pod(1, started=SINCE), pod(2))), "orders-2"),
    "strategy Restart, no certificate that was read back": (an_input(policy=a_policy(strategy="Restart"), issued=Issued()), None),
    "strategy Restart, nothing runs in it": (an_input(policy=a_policy(strategy="Restart"), pods=(pod(1, started=None),)), None),
    "cut off, whatever the policy says": (an_input(probed=False, cut_off=CUT_OFF), "orders-2"),
    "cut off and not running": (an_input(pods=(pod(1), pod(2, started=None)), cut_off=CUT_OFF), "orders-2"),
    "cut off, and another authority does not sign yet": (an_input(cut_off=replace(CUT_OFF, follows=False)), None),
    "cut off, and nobody distrusts": (an_input(cut_off=replace(CUT_OFF, asked=False)), None),
    "cut off, and not governed any more": (an_input(cut_off=CUT_OFF, mode=Mode.NOT_GOVERNED), None),
    "cut off, and nothing would replace it": (an_input(pods=(pod(1), pod(2, replaced=False)), cut_off=CUT_OFF), None),
    "nothing would replace it": (an_input(saw(1, OLD), policy=a_policy(**RESTARTING), pods=(pod(1, replaced=False),)), None),
}  # fmt: skip


@pytest.mark.parametrize(("seen", "name"), RESTARTS.values(), ids=RESTARTS)
def test_who_is_evicted(seen, name):
    """Only where the policy asks for it or an authority is distrusted, and never a pod that would come back no better or not at all."""
    evict = judge_served(seen).step.evict
    assert (evict.ref.name if evict else None) == name


def test_the_condition_tells_about_the_restart():
    """Whoever reads the condition sees which pod is to go, and what holds it."""
    last = Restarted(pod="orders-1", uid="uid-1", at=NOW, of=2)
    seen = an_input(
        *STALE, policy=a_policy(**RESTARTING), last=last, refused="its PodDisruptionBudget allows no eviction now"
    )
    said = judge_served(seen).observation.message
    assert said == (
        "orders-1, orders-2 still served an older certificate after 2026-06-01T12:10:00Z: reload it when the mounted files "
        "change; pod orders-1 is to be evicted and may not leave yet: its PodDisruptionBudget allows no eviction now"
    )


def test_who_may_look():
    """Callers whose edge is open to a port that is asked; peers that are no policy have no probe."""
    edges = [
        edge(), edge(**{"from": "bi/report", "state": "Applied", "ports": ("8443/TCP",)}), edge(**{"from": "self"}),
        edge(**{"from": "x/y", "state": "Denied"}), edge(**{"from": "cidr/10.0.0.0"}),
        EdgeStatus.model_validate({"to": "shop/db", "ports": ("8443/TCP",), "state": "Applied"}),
    ]  # fmt: skip
    assert observers(a_policy(confirm={"port": "https"}), edges) == {
        ("shop", "web"): {"8443/TCP"}, ("bi", "report"): {"8443/TCP"}, ("shop", "orders"): {"8443/TCP"},
    }  # fmt: skip


def test_what_was_issued_is_read_from_the_secret():
    """The certificate in the Secret, there since it was issued; a Secret without a readable one issues nothing."""
    pki = a_pki()
    secret = pki.issue()
    issuer = pki.plan().signer.certificate
    found = issued_in(secret, now=ISSUED + timedelta(days=1))
    assert (found.since, found.authority) == (ISSUED, own_key_id(issuer))
    assert (len(found.fingerprint), found.not_after) == (64, ISSUED + timedelta(hours=24))
    assert issued_in({**secret, "data": {}}, now=ISSUED) is None
    assert issued_in(None, now=ISSUED) is None
    assert leaf_of(issuer).authority == own_key_id(pki.plan().roots[0].certificate)
