"""The controller's picture of names, of rights and of what the cluster serves, over the API server in memory."""

from datetime import timedelta

from bartizan.api.kinds import NETWORK_POLICY, POLICY, ROLE, ROLE_BINDING, SERVICE
from bartizan.core.model import ObjectRef
from bartizan.core.network.names import Answer
from bartizan.testing import a_namespace, a_policy
from bartizan.testing.builders import a_service

FLOORS = {
    "apiVersion": "bartizan.dev/v1alpha1",
    "kind": "SecurityBaseline",
    "metadata": {"name": "default", "generation": 1},
    "spec": {},
}

NAME = "api.example.com"
CALLS = {"egress": [{"to": {"fqdn": NAME}, "ports": [{"port": 443}]}]}
RULE = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}
GRANTS = {"egress": [{"to": {"kubernetesAPI": {"rules": [RULE]}}}]}


class Dns:
    """A resolver that a test tells what to say."""

    def __init__(self, *addresses):
        self.says = Answer(addresses=addresses, ttl=timedelta(seconds=30))
        self.asked = 0

    async def resolve(self, name):
        """Say it."""
        assert name == NAME
        self.asked += 1
        return self.says


def ref(kind, name, namespace="shop"):
    """Where an object lives."""
    return ObjectRef(api_version=kind.api_version, kind=kind.kind, namespace=namespace, name=name)


async def blocks(rig):
    """The addresses open to the policy, its DNS aside."""
    item = await rig.kube.get(ref(NETWORK_POLICY, "ssp-orders"))
    return [peer["ipBlock"]["cidr"] for rule in item["spec"]["egress"] for peer in rule["to"] if "ipBlock" in peer]


async def test_addresses_follow_the_name(rig):
    """They are there with the first write, change with the answers, and an answer that says the same writes nothing."""
    dns = Dns("93.184.215.14")
    async with rig(FLOORS, a_namespace(), a_policy(network=CALLS), resolver=dns) as running:
        first = [write for write in running.kube.writes if write.ref.name == "ssp-orders"]
        assert await blocks(running) == ["93.184.215.14/32"]
        running.said()
        await running.settle(40)
        assert (dns.asked > 1, running.said()) == (True, [])
        dns.says = Answer(addresses=("93.184.215.15",), ttl=timedelta(seconds=30))
        await running.settle(90)
        assert await blocks(running) == ["93.184.215.15/32"]
        assert len(first) == 1


async def test_a_new_name_is_asked_for_at_once(rig):
    """A policy that comes later does not wait for anybody's time to live."""
    async with rig(FLOORS, a_namespace(), resolver=Dns("93.184.215.14")) as running:
        running.kube.put(a_policy(network=CALLS))
        await running.settle(3)
        assert await blocks(running) == ["93.184.215.14/32"]


async def test_rights_come_repaired_and_go(rig):
    """Role and RoleBinding are written with the policy, written again when somebody deletes or widens them, and go with the rule."""
    async with rig(FLOORS, a_namespace(), a_policy(network=GRANTS)) as running:
        role = await running.kube.get(ref(ROLE, "ssp-orders-api"))
        assert (
            role["rules"],
            (await running.kube.get(ref(ROLE_BINDING, "ssp-orders-api")))["subjects"][0]["name"],
        ) == ([RULE], "orders")
        running.kube.remove(ref(ROLE_BINDING, "ssp-orders-api"))
        running.kube.put({**role, "rules": [{**RULE, "verbs": ["*"]}]})
        await running.settle(3)
        assert (await running.kube.get(ref(ROLE, "ssp-orders-api")))["rules"] == [RULE]
        assert (await running.kube.get(ref(ROLE_BINDING, "ssp-orders-api")))["roleRef"]["name"] == "ssp-orders-api"
        running.kube.put(a_policy(generation=2))
        await running.settle(3)
        left = [
            item["metadata"]["name"]
            for kind in (ROLE, ROLE_BINDING, SERVICE)
            for item in (await running.kube.list(kind)).items
        ]
        assert left == ["bartizan-certificates"]


async def test_the_ways_to_the_api_server_follow_its_service(rig):
    """When the Service or its EndpointSlices change, every policy that calls the API server is written anew."""
    service = a_service("kubernetes", "default", selector={}, port=443)
    service["spec"]["clusterIPs"] = ["10.96.0.1"]
    ends = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": "kubernetes",
            "namespace": "default",
            "labels": {"kubernetes.io/service-name": "kubernetes"},
        },
        "endpoints": [{"addresses": ["192.0.2.7"]}],
        "ports": [{"name": "https", "port": 6443, "protocol": "TCP"}],
    }
    async with rig(FLOORS, a_namespace(), a_policy(network=GRANTS), service, ends) as running:
        assert sorted(await blocks(running)) == ["10.96.0.1/32", "192.0.2.7/32"]
        running.kube.put({**ends, "endpoints": [{"addresses": ["192.0.2.8"]}]})
        await running.settle(3)
        assert sorted(await blocks(running)) == ["10.96.0.1/32", "192.0.2.8/32"]


async def test_what_the_cluster_serves_is_in_the_status(rig):
    """Found at the start and looked for again every five minutes."""
    async with rig(FLOORS, a_namespace(), a_policy()) as running:
        before = (await running.kube.get(ref(POLICY, "orders")))["status"]["capabilities"]
        running.kube.also_served["cilium.io/v2"] = frozenset({"ciliumnetworkpolicies"})
        await running.settle(310)
        after = (await running.kube.get(ref(POLICY, "orders")))["status"]["capabilities"]
        assert (before["cilium"], after["cilium"], before["mutatingAdmissionPolicy"]) == (False, True, True)


async def claimed(cluster, name="orders"):
    """Return the names in a policy's certificate."""
    return (await cluster.kube.get(ref(POLICY, name)))["status"]["certificate"]["dnsNames"]


async def test_a_claimed_name_ends_when_it_becomes_a_services(rig):
    """A name outside leaves the certificate as soon as another namespace has a Service so named, and may come back after."""
    names = {"dnsNames": ["api.later", "api.example.com"]}
    async with rig(a_namespace(), a_policy(identity=names)) as running:
        before = await claimed(running)
        running.kube.put(a_service("api", "later"))
        await running.settle()
        taken = await claimed(running)
        running.kube.remove(ref(SERVICE, "api", "later"))
        await running.settle()
        assert (before, taken, await claimed(running)) == (
            ["api.example.com", "api.later"],
            ["api.example.com"],
            ["api.example.com", "api.later"],
        )
