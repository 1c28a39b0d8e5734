"""Files and command lines of a local cluster are values: what matters in them is read here, not guessed from a failure."""

import json
import tomllib
from pathlib import Path

import pytest
import yaml

from cluster import components, config, dns, kind, network, pki
from cluster.errors import ClusterError
from cluster.layout import Layout, check

PROGRAMS = {
    name: Path("/bin") / name
    for name in (
        "etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "containerd", "containerd-shim-runc-v2",
        "runc", "kubelet", "kube-proxy", "kube-network-policies",
    )
}  # fmt: skip


def layout(lane="1.37"):
    """Return a cluster's layout with programs that need not exist."""
    return Layout("dev", lane, 7, Path("/c/run/dev"), PROGRAMS)


def flags(argv):
    """Return a command line's flags by name."""
    return dict(word.lstrip("-").partition("=")[::2] for word in argv[1:])


def test_the_api_server_authorizes_and_audits():
    """Node and RBAC authorization, an audit log in the run's folder with the NetworkPolicies stored, the address others use."""
    said = flags(components.apiserver(layout()))
    wanted = ("authorization-mode", "advertise-address", "audit-log-path", "service-cluster-ip-range", "etcd-servers")
    assert {key: said[key] for key in wanted} == {
        "authorization-mode": "Node,RBAC",
        "advertise-address": "10.78.7.2",
        "audit-log-path": "/c/run/dev/audit.log",
        "service-cluster-ip-range": "10.96.0.0/16",
        "etcd-servers": "http://127.0.0.1:2379",
    }
    policy = yaml.safe_load(config.audit_policy())
    assert policy["rules"] == [
        {"level": "None", "users": ["system:apiserver"]},
        {
            "level": "RequestResponse",
            "verbs": ["create", "update", "patch", "delete"],
            "resources": [{"group": "networking.k8s.io", "resources": ["networkpolicies"]}],
            "omitManagedFields": True,
        },
        {"level": "Metadata"},
    ]


@pytest.mark.parametrize(
    ("lane", "gates", "runtime"),
    [
        ("1.37", None, None),
        (
            "1.36",
            "PodCertificateRequest=true,ClusterTrustBundle=true,ClusterTrustBundleProjection=true",
            "certificates.k8s.io/v1beta1=true",
        ),
    ],
)
def test_the_older_lane_switches_on_what_the_newer_has(lane, gates, runtime):
    """Pod certificates and trust bundles are served in both lanes."""
    said = flags(components.apiserver(layout(lane)))
    assert (said.get("feature-gates"), said.get("runtime-config")) == (gates, runtime)
    kubelet = yaml.safe_load(config.kubelet(layout(lane), components.LANE_GATES[lane]))
    expected = {} if gates is None else {entry.split("=")[0]: True for entry in gates.split(",")}
    assert kubelet.get("featureGates", {}) == expected


def test_the_enforcer_fails_closed():
    """While the enforcer is down new connections are refused, and pods' way to the API server is judged too."""
    said = flags(components.enforcer(layout()))
    assert (said["fail-open"], "disable-nri" in said) == ("false", True)
    rules = [" ".join(command[3:]) for command in network.enforcement_commands(layout())]
    assert rules == [
        "iptables -w -I FORWARD -m conntrack --ctstate NEW -j NFQUEUE --queue-num 100",
        "iptables -w -I INPUT -i cni0 -m conntrack --ctstate NEW -j NFQUEUE --queue-num 100",
    ]


def test_every_path_of_the_node_is_below_the_run_folder():
    """containerd, kubelet and CNI keep nothing elsewhere, so that removing the folder removes it all."""
    rendered = tomllib.loads(config.containerd(layout(), Path("/bin/cni")))
    runtime = rendered["plugins"]["io.containerd.cri.v1.runtime"]
    kubelet = yaml.safe_load(config.kubelet(layout(), ()))
    network_list = json.loads(config.cni(layout()))
    paths = [
        rendered["root"], rendered["state"], rendered["grpc"]["address"], runtime["cni"]["conf_dir"],
        rendered["plugins"]["io.containerd.internal.v1.opt"]["path"], kubelet["podLogsDir"], kubelet["volumePluginDir"],
        kubelet["resolvConf"], kubelet["containerRuntimeEndpoint"].removeprefix("unix://"),
        network_list["plugins"][0]["ipam"]["dataDir"],
    ]  # fmt: skip
    assert [path for path in paths if not path.startswith("/c/run/dev/")] == []
    assert (runtime["restrict_oom_score_adj"], runtime["netns_mounts_under_state_dir"]) == (True, True)
    assert (kubelet["cgroupRoot"], network_list["name"]) == ("/bartizan-dev", "bartizan-dev")


def test_programs_enter_the_namespace_without_a_fresh_sys():
    """nsenter, not `ip netns exec`, which hides the cgroup mounts from the kubelet."""
    assert network.inside("bartizan-dev", ["etcd"]) == ["nsenter", "--net=/run/netns/bartizan-dev", "--", "etcd"]


def test_the_namespace_has_one_way_out():
    """One veth pair, its host end the default route; the names fit the kernel's 15 characters."""
    said = [" ".join(command) for command in network.create_commands(layout())]
    assert said == [
        "ip netns add bartizan-dev",
        "ip link add bzh7 type veth peer name bzc7 netns bartizan-dev",
        "ip addr add 10.78.7.1/24 dev bzh7",
        "ip link set bzh7 up",
        "ip -n bartizan-dev addr add 10.78.7.2/24 dev bzc7",
        "ip -n bartizan-dev link set bzc7 up",
        "ip -n bartizan-dev link set lo up",
        "ip -n bartizan-dev route add default via 10.78.7.1",
    ]


@pytest.mark.parametrize(
    ("used", "routes", "expected"),
    [
        pytest.param([], [], 1, id="the first where nothing is used"),
        pytest.param([1, 2], [], 3, id="after the known clusters"),
        pytest.param([1], ["10.78.2.0/24", "10.78.3.1"], 4, id="not where a route or address is"),
        pytest.param([], ["192.168.0.0/16"], 1, id="foreign networks do not matter"),
    ],
)
def test_a_free_subnet_is_found(used, routes, expected):
    """The lowest third byte that neither a cluster nor a route of the host covers."""
    assert network.free_index(used, routes) == expected


def test_no_free_subnet_is_an_error():
    """A route over all of them leaves none, and the message says how to make room."""
    with pytest.raises(ClusterError, match=r"no subnet 10\.78\.N\.0/24 is free: stop a cluster"):
        network.free_index([], ["10.0.0.0/8"])


def test_certificates_name_the_users_rbac_knows():
    """Each component acts under the user and group Kubernetes' own roles are bound to."""
    made = {identity.stem: (identity.user, identity.group) for identity in pki.identities(layout(), with_node=True)}
    assert made == {
        "apiserver": ("kube-apiserver", ""),
        "apiserver-kubelet": ("kube-apiserver-kubelet-client", "system:masters"),
        "admin": ("bartizan-admin", "system:masters"),
        "kcm": ("system:kube-controller-manager", ""),
        "scheduler": ("system:kube-scheduler", ""),
        "kubelet": ("system:node:dev-node", "system:nodes"),
        "kube-proxy": ("system:kube-proxy", ""),
        "netpol": ("bartizan:network-policy-enforcer", ""),
    }
    sans = pki.identities(layout(), with_node=False)[0].sans.split(",")
    assert {"IP:10.96.0.1", "IP:10.78.7.2", "DNS:kubernetes.default.svc"} <= set(sans)


def test_dns_is_found_where_policies_look_for_it():
    """CoreDNS runs in kube-system under k8s-app=kube-dns behind 10.96.0.10, as a restricted pod."""
    objects = {(o["kind"], o["metadata"]["name"]): o for o in yaml.safe_load_all(dns.manifests("x:1"))}
    service = objects["Service", "kube-dns"]
    pod = objects["Deployment", "coredns"]["spec"]["template"]
    assert (service["metadata"]["namespace"], service["spec"]["clusterIP"]) == ("kube-system", "10.96.0.10")
    assert service["spec"]["selector"] == pod["metadata"]["labels"] == {"k8s-app": "kube-dns"}
    assert (pod["spec"]["containers"][0]["image"], pod["spec"]["containers"][0]["imagePullPolicy"]) == ("x:1", "Never")


def test_kind_is_called_with_these_commands():
    """The road through Docker is a few command lines and one file; both are fixed here because CI has no Docker."""
    kubeconfig = Path("/c/run/dev/kubeconfig")
    assert [
        " ".join(command)
        for command in (
            kind.create_command("dev", kubeconfig),
            kind.load_command("dev", Path("/i.tar")),
            kind.restart_apiserver_command("dev"),
            kind.delete_command("bartizan", kubeconfig),
        )
    ] == [
        "kind create cluster --name bartizan-dev --config - --kubeconfig /c/run/dev/kubeconfig --wait 180s",
        "kind load image-archive /i.tar --name bartizan-dev",
        "docker exec bartizan-dev-control-plane pkill -x kube-apiserver",
        "kind delete cluster --name bartizan --kubeconfig /c/run/dev/kubeconfig",
    ]


def test_kinds_configuration_follows_the_lane():
    """The shipped file gets the lane's node image, gates and API versions."""
    rendered = yaml.safe_load(
        kind.config("1.36", components.LANE_GATES["1.36"], components.LANE_RUNTIME_CONFIG["1.36"])
    )
    assert rendered == {
        "kind": "Cluster",
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "networking": {"podSubnet": "10.244.0.0/16", "serviceSubnet": "10.96.0.0/16"},
        "nodes": [{"role": "control-plane", "image": "kindest/node:v1.36.3"}],
        "featureGates": {
            "PodCertificateRequest": True,
            "ClusterTrustBundle": True,
            "ClusterTrustBundleProjection": True,
        },
        "runtimeConfig": {"certificates.k8s.io/v1beta1": "true"},
    }


@pytest.mark.parametrize("name", ["", "Dev", "-dev", "dev-", "a" * 31, "dev/..", "dev_1"])
def test_a_name_linux_would_refuse_is_refused_first(name):
    """Names become namespaces, cgroups and folders: only short DNS labels pass."""
    with pytest.raises(ClusterError, match="cluster name"):
        check(name, Path("/c/run/dev"))


def test_a_folder_too_deep_for_sockets_is_refused():
    """Unix sockets have short paths; the message names the variable to set."""
    with pytest.raises(ClusterError, match="set BARTIZAN_CACHE to a shorter path"):
        check("dev", Path("/" + "x" * 60))
