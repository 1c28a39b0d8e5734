"""Rotations in a running controller: what its watches, queue and budget make of the phases."""

from datetime import timedelta
from itertools import pairwise

from bartizan.api.kinds import CONFIG_MAP, SECRET, TRUST_DOMAIN
from bartizan.core.model import ObjectRef
from bartizan.core.pki.leaf import public_key_id
from bartizan.core.pki.ledger import read_segment
from bartizan.core.pki.pem import data_of, read_certificates
from bartizan.testing import a_namespace, a_policy
from simulation.conftest import RELEASE

TRUST = ObjectRef(api_version=TRUST_DOMAIN.api_version, kind=TRUST_DOMAIN.kind, namespace="", name="default")
MINUTE = timedelta(minutes=1)
NAMES = tuple(f"s{number}" for number in range(20))


def wish(cluster, **rotation):
    """Say in the TrustDomain what is wanted of rotations, as a person would."""
    item = cluster.kube.peek(TRUST)
    meta = {**item["metadata"], "generation": item["metadata"]["generation"] + 1}
    cluster.kube.put({**item, "metadata": meta, "spec": {**item["spec"], "rotation": rotation}})


def rotation(cluster):
    """Return what the TrustDomain says of the rotation."""
    return cluster.kube.peek(TRUST)["status"]["rotation"]


def authorities(cluster):
    """Return the authorities that are listed, such as `Root 1 Active`."""
    listed = cluster.kube.peek(TRUST)["status"]["authorities"]
    return [f"{one['role']} {one['generation']} {one['state']}" for one in listed]


def trusted(cluster):
    """Return the sizes of bundles and chains in certificate Secrets, and how many different issuing authorities they show."""
    secrets = cluster.kube.objects(SECRET, "shop")
    bundles = {len(read_certificates(data_of(item, "ca.crt"))) for item in secrets}
    chains = [read_certificates(data_of(item, "tls.crt")) for item in secrets]
    return bundles, {len(chain) for chain in chains}, len({public_key_id(chain[1]) for chain in chains})


async def until(cluster, phase, *, minutes=400):
    """Let minutes pass until the phase is reached."""
    for _ in range(minutes):
        if rotation(cluster)["phase"] == phase:
            return
        await cluster.settle(1)
        await cluster.clock.advance(MINUTE)
    raise AssertionError(rotation(cluster))


async def test_a_root_rotates_by_itself_once_it_is_asked_for(rig):
    """One wish leads through all phases: bundles first, then chains with a bridge, at last the new root alone."""
    policies = [a_policy(name, mtls={"lifetime": "1h"}) for name in ("orders", "stock")]
    async with rig(a_namespace(), *policies) as cluster:
        assert trusted(cluster) == ({1}, {2}, 1)
        wish(cluster, settle="2m", request={"id": "first", "role": "Root"})
        await until(cluster, "Publishing")
        await cluster.settle()
        assert trusted(cluster) == ({3}, {2}, 1)
        await until(cluster, "Draining")
        await cluster.clock.advance(3 * MINUTE)
        await cluster.settle()
        assert trusted(cluster) == ({3}, {3}, 1)
        await until(cluster, "Stable")
        assert trusted(cluster) == ({1}, {2}, 1)
        assert authorities(cluster) == ["Root 2 Active", "Issuing 2 Active"]


async def test_an_emergency_keeps_to_the_budget(rig):
    """All certificates are issued anew at once, and that is as fast as the budget allows, and no faster (I6)."""
    async with rig(a_namespace(), *map(a_policy, NAMES), issuance_rate=2) as cluster:
        await cluster.settle(20)
        distrusted = cluster.kube.peek(TRUST)["status"]["authorities"][0]["id"]
        wish(cluster, distrust=[distrusted])
        before = _issued(cluster)
        counts = []
        for _ in range(30):
            await cluster.settle(1)
            counts.append(_issued(cluster) - before)
        assert counts[-1] == len(NAMES)
        assert all(later - count <= 3 for count, later in pairwise(counts)), counts
        assert next(second for second, count in enumerate(counts) if count == len(NAMES)) >= 9
        assert [item["metadata"]["name"] for item in cluster.kube.objects(CONFIG_MAP, RELEASE)] == [
            "bartizan-ledger-default-1"
        ]
        await until(cluster, "Stable")
        assert authorities(cluster) == ["Root 2 Active", "Issuing 2 Active"]


def _issued(cluster) -> int:
    return sum(len(read_segment(item).rows) for item in cluster.kube.objects(CONFIG_MAP, RELEASE))
