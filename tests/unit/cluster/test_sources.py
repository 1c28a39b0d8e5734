"""What is read of other people's modules: at a version and with a hash that the repository holds."""

import pytest

from cluster.catalogue import MODULES, version
from cluster.errors import ClusterError
from cluster.sources import BACK_ENDS, CERT_MANAGER, CERT_MANAGER_CRDS, CRDS, definition

EVERY = [(BACK_ENDS, *where) for where in CRDS.values()] + [
    (CERT_MANAGER, *where) for where in CERT_MANAGER_CRDS.values()
]


@pytest.mark.parametrize(("folder", "module", "place"), EVERY)
def test_every_definition_comes_from_a_module_with_a_version_and_a_hash(folder, module, place):
    """go.mod requires the module, and go.sum holds the hashes of that version's files and of its own go.mod."""
    pinned = version(folder, module)
    sums = [line.split()[:2] for line in (MODULES / folder / "go.sum").read_text().splitlines()]
    assert [module, pinned] in sums
    assert [module, f"{pinned}/go.mod"] in sums
    assert place.endswith(".yaml")


def test_an_unknown_definition_is_refused_with_those_there_are():
    """A slip of the pen is answered with the names that would do."""
    with pytest.raises(ClusterError, match=r"no definition 'pods\.example' is known; there are certificaterequests"):
        definition("pods.example")
