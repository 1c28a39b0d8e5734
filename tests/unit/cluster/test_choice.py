"""The provider is chosen in one order, and the sentence printed says why."""

import pytest

from cluster.choice import Choice, Machine, choose
from cluster.errors import ProviderUnavailable


def machine(*, env=None, kind=False, docker=False):
    """Return a machine that offers only what is named."""
    return Machine(env or {}, kind, lambda: docker)


@pytest.mark.parametrize(
    ("offers", "wanted", "expected"),
    [
        pytest.param(
            machine(env={"KUBECONFIG": "/k", "BARTIZAN_KUBECONFIG": "/b"}, kind=True, docker=True),
            None,
            Choice("existing", "BARTIZAN_KUBECONFIG is set", "/b"),
            id="bartizan's own variable goes before everything",
        ),
        pytest.param(
            machine(env={"KUBECONFIG": "/k"}, kind=True, docker=True),
            None,
            Choice("existing", "KUBECONFIG is set", "/k"),
            id="a kubeconfig goes before kind",
        ),
        pytest.param(
            machine(kind=True, docker=True),
            None,
            Choice("kind", "a Docker daemon answers and kind is on the PATH"),
            id="kind where Docker answers",
        ),
        pytest.param(
            machine(kind=True),
            None,
            Choice("local", "no kubeconfig is set and no Docker daemon answers"),
            id="local where Docker is silent",
        ),
        pytest.param(
            machine(docker=True),
            None,
            Choice("local", "no kubeconfig is set and kind is not on the PATH"),
            id="local where kind is missing",
        ),
        pytest.param(
            machine(env={"KUBECONFIG": "/k"}, kind=True, docker=True),
            "local",
            Choice("local", "it was asked for"),
            id="local on request, whatever else is there",
        ),
        pytest.param(
            machine(env={"KUBECONFIG": "/k"}, kind=True, docker=True),
            "kind",
            Choice("kind", "it was asked for"),
            id="kind on request, whatever kubeconfig is set",
        ),
        pytest.param(
            machine(env={"KUBECONFIG": ""}),
            None,
            Choice("local", "no kubeconfig is set and kind is not on the PATH"),
            id="an empty variable is not set",
        ),
    ],
)
def test_the_provider_follows_the_order(offers, wanted, expected):
    """Existing, kind, local: the first that can work is taken, unless one is asked for."""
    assert choose(offers, wanted) == expected


@pytest.mark.parametrize(
    ("offers", "wanted", "message"),
    [
        (machine(), "existing", "provider existing: set BARTIZAN_KUBECONFIG or KUBECONFIG to a cluster of yours"),
        (machine(), "kind", "provider kind: kind is not on the PATH; install or start it, or use --provider local"),
        (
            machine(kind=True),
            "kind",
            "provider kind: no Docker daemon answers; install or start it, or use --provider local",
        ),
        (machine(), "minikube", "provider 'minikube' is unknown; allowed are existing, kind, local"),
    ],
)
def test_a_provider_that_cannot_work_is_refused(offers, wanted, message):
    """Asking for a provider the machine cannot give fails with what to do."""
    with pytest.raises(ProviderUnavailable) as refusal:
        choose(offers, wanted)
    assert str(refusal.value) == message
