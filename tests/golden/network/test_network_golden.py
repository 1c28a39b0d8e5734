"""Whole policies in, whole NetworkPolicies and edges out, as files that a reviewer can read side by side.

`input.yaml` is a stream: ServiceSecurityPolicies as users write them, and at the end one document with `ranges`, `baseline`,
`namespaces`, `names` and `cilium` (written, accepted) where a case needs them. `expected.yaml` holds every policy's edges, its
NetworkPolicy's name and spec and what stands beside it (labels, owner and hash are `emit`'s business and tested there).
"""

from pathlib import Path

import pytest
import yaml

from bartizan.api.v1alpha1 import SecurityBaselineSpec
from bartizan.core.capabilities import Capabilities
from bartizan.core.model import ClusterRanges, ResolvedName
from bartizan.core.network.backends.plan import carried
from bartizan.core.network.compile import baseline_policy, compile_network
from bartizan.core.network.semantics import Endpoint, Flow, allows
from bartizan.core.reasons import Mode
from bartizan.testing.builders import a_policy_view, a_snapshot

CASES = sorted(path.parent for path in Path(__file__).parent.glob("*/input.yaml"))


def outcome(case: Path) -> dict[str, object]:
    """Return what every policy of a case comes to."""
    documents = list(yaml.safe_load_all((case / "input.yaml").read_text()))
    setting = next((document for document in documents if "kind" not in document), {})
    policies = [
        a_policy_view(document["metadata"]["name"], document["metadata"]["namespace"], **document["spec"])
        for document in documents
        if "kind" in document
    ]
    snapshot = a_snapshot(
        *policies,
        namespaces={name: Mode(mode) for name, mode in setting.get("namespaces", {}).items()},
        ranges=ClusterRanges(**{key: tuple(map(frozen, value)) for key, value in setting.get("ranges", {}).items()}),
        baseline=SecurityBaselineSpec.model_validate({"network": setting.get("baseline", {})}),
        names={
            name: ResolvedName(name=name, addresses=tuple(found)) for name, found in setting.get("names", {}).items()
        },
        capabilities=Capabilities(cilium="cilium" in setting),
    )
    result = {}
    for policy in policies:
        compiled = compile_network(policy, carried(policy, snapshot, by_cilium(policy.uid, setting.get("cilium"))))
        edges = [edge.model_dump(by_alias=True, exclude_none=True, mode="json") for edge in compiled.edges]
        meta = {key: compiled.network_policy["metadata"][key] for key in ("name", "namespace")}
        spec = compiled.network_policy["spec"]
        result["/".join(policy.key)] = {"edges": edges, "networkPolicy": {"metadata": meta, "spec": spec}}
        for item in compiled.beside:
            result["/".join(policy.key)][item["kind"]] = item["spec"]
    return result


def by_cilium(uid: str, state: str | None) -> dict[str, object] | None:
    """Return the policy's CiliumNetworkPolicy as it is found: written, or accepted as well."""
    if state is None:
        return None
    valid = {"conditions": [{"type": "Valid", "status": "True"}]} if state == "accepted" else {}
    return {"metadata": {"ownerReferences": [{"uid": uid}]}, "status": valid}


def frozen(value: object) -> object:
    """Return a list as the tuple that views hold."""
    return tuple(value) if isinstance(value, list) else value


class Plain(yaml.SafeDumper):
    """Writes every value out: an anchor would hide what a rule says."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 -- the signature is the library's
        """Repeat equal values."""
        return True


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_policy_comes_to_what_the_golden_file_says(case, update_golden):
    """Every byte of meaning in NetworkPolicies and edges is as reviewed."""
    observed = outcome(case)
    expected = case / "expected.yaml"
    if update_golden:
        expected.write_text(yaml.dump(observed, Dumper=Plain, sort_keys=False, width=120))
    assert observed == yaml.safe_load(expected.read_text())


def test_every_case_has_its_expectation():
    """A case without expectation, or an expectation without case, is a mistake."""
    here = Path(__file__).parent
    found = {
        name: sorted(path.parent.name for path in here.glob(f"*/{name}")) for name in ("input.yaml", "expected.yaml")
    }
    assert found["input.yaml"] == found["expected.yaml"] != []


def test_the_shop_is_connected_as_drawn():
    """Between the shop's services pass exactly the drawn edges and nothing else."""
    result = outcome(Path(__file__).parent / "shop")
    rules = [entry["networkPolicy"] for entry in result.values()]
    rules += [baseline_policy(namespace) for namespace in ("shop", "finance")]
    pods = {
        name: Endpoint(
            namespace=name.split("/")[0],
            name=name.split("/")[1],
            ip=f"10.244.0.{index}",
            labels={"app": name.split("/")[1]},
            namespace_labels={"kubernetes.io/metadata.name": name.split("/")[0]},
        )
        for index, name in enumerate([*result, "shop/stranger"], start=1)
    }
    open_flows = {
        (one, two, port)
        for one, source in pods.items()
        for two, destination in pods.items()
        for port in (8080, 8443, 5432)
        if one != two and allows(Flow(source=source, destination=destination, port=port), rules).allowed
    }
    assert open_flows == {
        ("shop/web", "shop/orders", 8080),
        ("shop/orders", "finance/payments", 8443),
    }
