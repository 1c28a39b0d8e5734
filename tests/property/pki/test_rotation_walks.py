"""Certificates and authorities over random walks of the clock."""

import base64
from dataclasses import replace
from datetime import timedelta

from hypothesis import example, given, settings
from hypothesis import strategies as st

from bartizan.core.pki.authority import Authority, read_authority
from bartizan.core.pki.decide import CertificateInput, decide
from bartizan.core.pki.leaf import renewal_time
from bartizan.core.pki.secret import read_certificate
from property.pki.world import CrashError, World
from unit.pki.builders import NOW, a_pki, authority_secrets, with_data

HOUR = timedelta(hours=1)
LIFETIMES = st.sampled_from([(24, 336), (24, 2160), (168, 336), (168, 8759), (1, 336)])
"""Hours of a certificate and of an issuing authority, at the borders the API allows."""


def settle(world):
    """Run passes until nothing is left to do, and return when the next one is due."""
    world.writes_left = None
    due = world.reconcile()
    assert (due, world.reconcile()) == (due, due), "a second pass at the same moment changes nothing"
    return due


@settings(max_examples=6, deadline=None)
@given(lifetimes=LIFETIMES, renewals=st.integers(20, 60))
@example(lifetimes=(168, 336), renewals=55)
def test_every_renewal_in_the_middle(lifetimes, renewals):
    """A controller that is up renews every certificate between 45 % and 55 % of its life, or before that if its authority goes."""
    world = World(now=NOW, lifetime=lifetimes[0] * HOUR, issuing_lifetime=lifetimes[1] * HOUR)
    due = settle(world)
    while len(world.issues) <= renewals:
        assert due > world.now
        world.now = due
        world.check()
        due = settle(world)
        world.check()
    first, *rest = world.issues
    assert first == ("SecretMissing", None)
    assert {"RenewalDue"} <= {reason for reason, _ in rest} <= {"RenewalDue", "AuthorityDraining"}
    assert all(share <= 0.55 and (share >= 0.45 or reason == "AuthorityDraining") for reason, share in rest), rest


BACK = 119
"""Seconds a clock may be set back in all: certificates are back-dated by two minutes."""
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("wait"), st.integers(1, 60 * 24 * 60)),
        st.tuples(st.just("down"), st.integers(1, 40)),
        st.tuples(st.just("crash"), st.integers(0, 4)),
        st.tuples(st.just("clock back"), st.integers(1, 119)),
    ),
    min_size=1,
    max_size=40,
)


@settings(max_examples=12, deadline=None)
@given(lifetimes=LIFETIMES.filter(lambda pair: pair[0] > 1), steps=STEPS)
def test_valid_at_all_times(lifetimes, steps):
    """Whatever happens (outages of 40 % of a life, kills between writes, a clock set back within the skew): valid and trusted, always."""
    world = World(now=NOW, lifetime=lifetimes[0] * HOUR, issuing_lifetime=lifetimes[1] * HOUR)
    due, set_back = settle(world), 0
    for what, amount in steps:
        if what == "wait":
            due = wait(world, due, world.now + timedelta(minutes=amount))
        elif what == "down":
            world.now += world.lifetime * amount / 100
        elif what == "crash":
            world.writes_left = amount
            world.now = max(due, world.now)
            try:
                world.reconcile()
            except CrashError:
                world.now += timedelta(seconds=20)
        else:
            step = min(amount, BACK - set_back)
            set_back += step
            world.now -= timedelta(seconds=step)
        world.check()
        due = settle(world)
        world.check()
    assert len(world.minted) == len(set(world.minted)), "no generation is made twice"
    assert {reason for reason, _ in world.issues[1:]} <= {"RenewalDue"}


def wait(world, due, until):
    """Let time pass with the controller up: it wakes whenever something is due."""
    while due <= until:
        world.now = max(due, world.now)
        world.check()
        due = settle(world)
    world.now = until
    return due


@settings(max_examples=2, deadline=None)
@given(years=st.integers(2, 3))
def test_roots_follow_each_other(years):
    """Over years the root is replaced, and no peer, however old its bundle may be, ever meets a chain it does not trust."""
    world = World(now=NOW, lifetime=168 * HOUR, issuing_lifetime=2160 * HOUR)
    due = wait(world, settle(world), NOW + years * 8760 * HOUR)
    assert due > world.now
    roots = [name for name in world.minted if "-root-" in name]
    assert len(roots) >= years
    assert len(world.authorities) <= 4, "what is followed is deleted"
    assert {reason for reason, _ in world.issues[1:]} <= {"RenewalDue", "AuthorityDraining"}


PKI = a_pki()
SECRET = PKI.issue()


@settings(max_examples=60, deadline=None)
@given(hours=st.integers(1, 168))
def test_jitter_stays_in_its_window(hours):
    """The renewal moment lies between 45 % and 55 % of the span for every serial and lifetime."""
    leaf = read_certificate(PKI.issue(profile=replace(PKI.profile, lifetime=hours * HOUR)))
    share = (renewal_time(leaf, namespace="shop", name="orders-tls") - leaf.not_before) / leaf.span
    assert 0.45 <= share <= 0.55


def spoilt(secret):
    """Return a strategy of Secrets whose certificate or key was damaged in one place or replaced outright."""

    def damage(key, where, what):
        raw = bytearray(base64.b64decode(secret["data"][key]))
        raw[where % len(raw)] = what
        return with_data(secret, **{key.replace(".", "_"): base64.b64encode(bytes(raw)).decode()})

    keys = st.sampled_from(sorted(secret["data"]))
    return st.one_of(
        st.builds(damage, keys, st.integers(0, 10_000), st.integers(0, 255)),
        st.builds(lambda key, text: with_data(secret, **{key.replace(".", "_"): text}), keys, st.text() | st.none()),
    )


@settings(max_examples=200, deadline=None)
@given(spoilt(SECRET))
def test_no_secret_makes_a_decision_raise(secret):
    """Whatever is in the Secret, there is a decision, and a certificate is kept only if it is byte for byte ours."""
    plan = PKI.plan()
    request = CertificateInput(
        policy=PKI.policy,
        profile=PKI.profile,
        secret=secret,
        chains=plan.chains,
        bundle_pem=plan.bundle_pem,
        now=NOW,
    )
    answer = decide(request)
    if hasattr(answer, "leaf"):
        assert answer.leaf.certificate == read_certificate(SECRET).certificate


@settings(max_examples=200, deadline=None)
@given(spoilt(authority_secrets([PKI.root])[0]))
def test_no_secret_makes_an_authority_raise(secret):
    """Whatever is in an authority's Secret, it is either our authority or unreadable."""
    answer = read_authority(secret, trust_domain="default", domain="prod.example.com")
    if isinstance(answer, Authority):
        assert answer.id == PKI.root.id
