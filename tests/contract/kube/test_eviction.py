"""Evictions: of the very pod and no other."""

import pytest

from bartizan.api.kinds import POD
from bartizan.core.model import ObjectRef
from bartizan.kube.errors import ConflictError, NotFoundError

SPEC = {"containers": [{"name": "app", "image": "registry.example/app:1"}]}


async def test_eviction_of_what_is_not_there_is_success(place):
    """A pod that went meanwhile needs no eviction."""
    ref = ObjectRef.of(place.an_object(POD, "nobody"))
    await place.api.evict(ref, uid="u-1")
    with pytest.raises(NotFoundError):
        await place.api.get(ref)


async def test_eviction_spares_another_pod_of_the_name(place):
    """Only the pod that was chosen goes: a successor of its name stays."""
    made = await place.api.create(place.an_object(POD, "one", spec=SPEC), manager="one")
    ref = ObjectRef.of(made)
    with pytest.raises(ConflictError):
        await place.api.evict(ref, uid="u-1")
    assert (await place.api.get(ref))["metadata"]["uid"] == made["metadata"]["uid"]
    await place.api.evict(ref, uid=made["metadata"]["uid"])
    with pytest.raises(NotFoundError):
        await place.api.get(ref)
