"""Old and new certificates against old and new bundles, judged by OpenSSL, pyca and Go: what passes during a rotation, and what must not.

Three pods: one never reloaded since before the rotation, one has read everything, and one was made when the old root was gone.
"""

from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache

import pytest

from bartizan.core.pki.pem import read_certificates, to_pem
from parity.pki.asking import PURPOSES, openssl, pyca
from parity.pki.kinds import HOST, NOW
from property.pki.verifying import verifies
from unit.pki.builders import SIGNER, a_pki
from unit.pki.telling import Told, legacy, told
from unit.pki.test_phases import ROOT

PROFILE = a_pki(NOW).profile


@dataclass(frozen=True)
class Moment:
    """What is published at one moment of a rotation: a chain for whoever is issued then, and the bundle."""

    chain: str
    bundle: str


def published(story: Told) -> Moment:
    """Sign a certificate as the controller would now."""
    plan = story.plan()
    issued = SIGNER.sign_leaf(PROFILE, plan.signer, now=NOW, chain=plan.chain_of(plan.signer))
    return Moment(issued.chain_pem, plan.bundle_pem)


@lru_cache
def moments(kind: str) -> dict[str, Moment]:
    """Return what was published before, during and after the rotation of a root, all of it valid at NOW."""
    story = told(NOW - timedelta(days=30))
    if kind == "earlier version":
        story = legacy(story)
    story.wish(**ROOT)
    found = {"old": published(story)}
    for name, phase in (("publishing", "Publishing"), ("both", "Draining"), ("new", "Retired")):
        for _ in range(400):
            if story.phase == phase:
                break
            story.look(story.domain.spec.rotation.settle, targets=(story.target(),))
        found[name] = published(story)
    # Some implementations keep the old root's bridge in a bundle that has lost the old root itself.
    crossed = [one for one in read_certificates(found["both"].bundle) if one.issuer != one.subject]
    new = read_certificates(found["new"].bundle)
    return {**found, "new, old by new": Moment(found["new"].chain, to_pem((*new, *crossed)))}


MUST_PASS = [
    ("old", "old"),
    ("old", "publishing"),
    ("old", "both"),
    ("old", "new, old by new"),
    ("publishing", "both"),
    ("both", "old"),
    ("both", "publishing"),
    ("both", "both"),
    ("both", "new"),
    ("new", "both"),
    ("new", "publishing"),
    ("new", "new"),
]
MUST_FAIL = [("old", "new"), ("new", "old")]
"""The old certificate where the old root is gone, and the new one without a bridge where only the old root is known."""
WITHOUT_BRIDGE = [("both", "old")]
"""What passes over a bridge does not under a root that allows one authority below it."""


def verdicts(judge, leaf: str, bundle: str, folder, kind="") -> dict[str, bool]:
    """Return who accepts the certificate of one moment under the bundle of another, for a server and for a client."""
    chain, roots = moments(kind)[leaf].chain, moments(kind)[bundle].bundle
    said = judge.verdict(chain, roots, now=NOW, dns_name=HOST)
    accepted = {
        "go server": not said.server,
        "go client": not said.client,
        "pyca server": not pyca(chain, roots, now=NOW, host=HOST),
        "pyca client": not pyca(chain, roots, now=NOW),
    }
    for side, purpose in PURPOSES.items():
        accepted[f"openssl {side}"] = not openssl(chain, roots, folder, now=NOW, purpose=purpose)
    first, *rest = read_certificates(chain)
    accepted["ours"] = verifies(first, tuple(rest), read_certificates(roots), NOW)
    return accepted


@pytest.mark.parametrize(("leaf", "bundle"), MUST_PASS, ids=" under ".join)
def test_passes(judge, tmp_path, leaf, bundle):
    """Whoever holds what at any moment of a rotation: they understand each other."""
    said = verdicts(judge, leaf, bundle, tmp_path)
    assert said == dict.fromkeys(said, True)


@pytest.mark.parametrize(("leaf", "bundle"), MUST_FAIL, ids=" under ".join)
def test_fails(judge, tmp_path, leaf, bundle):
    """A root that is not in the bundle, and to which no bridge leads, is not trusted."""
    said = verdicts(judge, leaf, bundle, tmp_path)
    assert said == dict.fromkeys(said, False)


@pytest.mark.parametrize(("leaf", "bundle"), MUST_PASS[:2] + MUST_PASS[6:], ids=" under ".join)
def test_a_root_of_an_earlier_version(judge, tmp_path, leaf, bundle):
    """Where no bridge can lead to the new root, those who have read the bundle understand everybody all the same."""
    said = verdicts(judge, leaf, bundle, tmp_path, "earlier version")
    assert said == dict.fromkeys(said, True)


@pytest.mark.parametrize(("leaf", "bundle"), WITHOUT_BRIDGE, ids=" under ".join)
def test_no_bridge_from_an_earlier_version(judge, tmp_path, leaf, bundle):
    """A peer that knows only a root of an earlier version does not understand the new one: that is why it is waited for."""
    said = verdicts(judge, leaf, bundle, tmp_path, "earlier version")
    assert said == dict.fromkeys(said, False)
