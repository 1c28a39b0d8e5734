"""The guard of exposure on a real API server: what a Service may open where the baseline says GatewayOnly."""

import json

import pytest

from waiting import eventually

pytestmark = pytest.mark.api
PORTS = {"ports": [{"port": 80, "targetPort": 8080}], "selector": {"app": "orders"}}
BASELINE = {"apiVersion": "bartizan.dev/v1alpha1", "kind": "SecurityBaseline", "metadata": {"name": "default"}}
ALLOWED = "type ClusterIP or ExternalName and no externalIPs, because SecurityBaseline default says network.exposure: GatewayOnly"


def a_service(name="door", **spec):
    """Return a Service in front of orders."""
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": {**PORTS, **spec}}


def say(cluster, **network):
    """Write the SecurityBaseline."""
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps({**BASELINE, "spec": {"network": network}}))


@pytest.fixture(scope="module")
def gateway_only(api, cluster):
    """The API server under GatewayOnly, with a Service of type NodePort that was there before."""
    assert api.create(a_service("before", type="NodePort"), "adm-enforce", dry_run=False).code == 201
    assert api.create(a_service("elsewhere", type="NodePort"), "adm-enforce").code == 201
    say(cluster, exposure="GatewayOnly")
    eventually(lambda: api.create(a_service(type="NodePort"), "adm-enforce").code == 403)
    yield api
    cluster.kubectl("delete", "securitybaseline", "default")
    api.delete("Service", "adm-enforce", "before", dry_run=False)


DOORS = {
    "NodePort": ({"type": "NodePort"}, 'spec.type="NodePort"'),
    "LoadBalancer": ({"type": "LoadBalancer"}, 'spec.type="LoadBalancer"'),
    "external addresses": (
        {"externalIPs": ["203.0.113.7", "203.0.113.8"]},
        'spec.externalIPs[]="203.0.113.7", spec.externalIPs[]="203.0.113.8"',
    ),
    "both": (
        {"type": "LoadBalancer", "externalIPs": ["203.0.113.7"]},
        'spec.type="LoadBalancer", spec.externalIPs[]="203.0.113.7"',
    ),
}


@pytest.mark.parametrize("case", DOORS)
def test_a_service_that_opens_the_cluster_is_refused(gateway_only, case):
    """The refusal says what is set where, what is allowed and why, and what to do."""
    spec, seen = DOORS[case]
    answer = gateway_only.create(a_service(**spec), "adm-enforce")
    assert answer.code == 403
    assert (
        f"bartizan: Service adm-enforce/door sets {seen}; allowed: {ALLOWED}; fix: make it ClusterIP" in answer.message
    )


FINE = {
    "inside the cluster": ("adm-enforce", {}),
    "without an address": ("adm-enforce", {"clusterIP": "None"}),
    "an alias": ("adm-enforce", {"type": "ExternalName", "externalName": "db.example.com"}),
    "a namespace that only warns": ("adm-warn", {"type": "NodePort"}),
    "a namespace that only audits": ("adm-audit", {"type": "LoadBalancer"}),
    "a namespace that is not governed": ("adm-plain", {"type": "LoadBalancer"}),
    "bartizan's own namespace": ("adm-system", {"type": "NodePort"}),
}


@pytest.mark.parametrize("case", FINE)
def test_everything_else_passes(gateway_only, case):
    """Services inside the cluster, and namespaces that are not enforced, are not the guard's business."""
    namespace, spec = FINE[case]
    answer = gateway_only.create(a_service(**spec), namespace)
    assert answer.code == 201, answer.message


def merged(api, change):
    """Try a change of the Service that was there before."""
    return api.patch("Service", "adm-enforce", "before", change).code


CHANGES = {
    "a label": ({"metadata": {"labels": {"team": "x"}}}, 200),
    "the way back": ({"spec": {"type": "ClusterIP"}}, 200),
    "from NodePort to LoadBalancer": ({"spec": {"type": "LoadBalancer"}}, 403),
    "an address besides": ({"spec": {"externalIPs": ["203.0.113.7"]}}, 403),
    "other pods": ({"spec": {"selector": {"app": "web"}}}, 403),
    "a port besides": ({"spec": {"ports": [{"port": 81, "targetPort": 8081, "name": "b"}]}}, 403),
}


@pytest.mark.parametrize("case", CHANGES)
def test_what_was_there_before_may_stay_but_not_grow(gateway_only, case):
    """A Service that was open may be labelled and closed; opened further or led elsewhere it may not be."""
    change, code = CHANGES[case]
    if "ports" in change.get("spec", {}):
        change = {"spec": {"ports": [{**PORTS["ports"][0], "name": "a"}, *change["spec"]["ports"]]}}
    assert merged(gateway_only, change) == code


def test_the_platform_team_lists_namespaces_of_gateways(gateway_only, cluster):
    """A listed namespace may expose; taken off the list it may not; without GatewayOnly everybody may."""

    def code():
        return gateway_only.create(a_service(type="LoadBalancer"), "adm-enforce").code

    say(cluster, exposure="GatewayOnly", exposureNamespaces=["adm-enforce"])
    eventually(lambda: code() == 201)
    say(cluster, exposure="GatewayOnly", exposureNamespaces=[])
    eventually(lambda: code() == 403)
    say(cluster, exposure="Any")
    eventually(lambda: code() == 201)
    say(cluster, exposure="GatewayOnly")
    eventually(lambda: code() == 403)
