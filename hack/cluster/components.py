"""The command line of every long-running program, as pure functions of the layout, so that tests can read them."""

from __future__ import annotations

from cluster.layout import API_PORT, ETCD_URL, POD_CIDR, SERVICE_CIDR, Layout

LANE_GATES: dict[str, tuple[str, ...]] = {
    "1.37": (),
    "1.36": ("PodCertificateRequest=true", "ClusterTrustBundle=true", "ClusterTrustBundleProjection=true"),
    # As it comes: the kinds are not served.
    "1.36-off": (),
    # The kinds are served, and yet the API server drops what a volume asks of one of them.
    "1.36-half": ("PodCertificateRequest=true", "ClusterTrustBundle=true", "ClusterTrustBundleProjection=false"),
}
LANE_RUNTIME_CONFIG: dict[str, tuple[str, ...]] = {
    "1.37": (),
    "1.36": ("certificates.k8s.io/v1beta1=true",),
    "1.36-off": (),
    "1.36-half": ("certificates.k8s.io/v1beta1=true",),
}


# The defaults throttle a start-up's many first requests to 20 a second.
_API_RATE = ("--kube-api-qps=200", "--kube-api-burst=400")


def gates(lane: str) -> list[str]:
    """Return the feature-gate flag of a lane, empty where the defaults already serve what bartizan uses."""
    return [f"--feature-gates={','.join(LANE_GATES[lane])}"] if LANE_GATES[lane] else []


def etcd(layout: Layout) -> list[str]:
    """Return etcd's command line; it never syncs to disk because nobody outlives the machine here."""
    return [
        layout.program("etcd"),
        "--name=default",
        f"--data-dir={layout.run / 'etcd'}",
        "--unsafe-no-fsync",
        f"--listen-client-urls={ETCD_URL}",
        f"--advertise-client-urls={ETCD_URL}",
        "--listen-peer-urls=http://127.0.0.1:2380",
        "--initial-advertise-peer-urls=http://127.0.0.1:2380",
        "--initial-cluster=default=http://127.0.0.1:2380",
        "--log-level=warn",
    ]


def apiserver(layout: Layout) -> list[str]:
    """Return the API server's command line: Node and RBAC authorization, default admission, Metadata audit."""
    runtime = LANE_RUNTIME_CONFIG[layout.lane]
    return [
        layout.program("kube-apiserver"),
        f"--etcd-servers={ETCD_URL}",
        f"--advertise-address={layout.cluster_ip}",
        "--bind-address=0.0.0.0",
        f"--secure-port={API_PORT}",
        f"--service-cluster-ip-range={SERVICE_CIDR}",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged=true",
        "--kubelet-preferred-address-types=InternalIP",
        f"--client-ca-file={layout.pki('ca.crt')}",
        f"--tls-cert-file={layout.pki('apiserver.crt')}",
        f"--tls-private-key-file={layout.pki('apiserver.key')}",
        f"--kubelet-client-certificate={layout.pki('apiserver-kubelet.crt')}",
        f"--kubelet-client-key={layout.pki('apiserver-kubelet.key')}",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        f"--service-account-key-file={layout.pki('sa.pub')}",
        f"--service-account-signing-key-file={layout.pki('sa.key')}",
        f"--audit-policy-file={layout.run / 'audit-policy.yaml'}",
        f"--audit-log-path={layout.audit_log}",
        "--audit-log-maxsize=0",
        *([f"--runtime-config={','.join(runtime)}"] if runtime else []),
        *gates(layout.lane),
    ]


def controller_manager(layout: Layout) -> list[str]:
    """Return the controller manager's command line; each controller acts under its own ServiceAccount."""
    kubeconfig = layout.pki("kcm.kubeconfig")
    return [
        layout.program("kube-controller-manager"),
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        "--bind-address=127.0.0.1",
        "--use-service-account-credentials=true",
        "--leader-elect=false",
        *_API_RATE,
        f"--root-ca-file={layout.pki('ca.crt')}",
        f"--service-account-private-key-file={layout.pki('sa.key')}",
        f"--cluster-signing-cert-file={layout.pki('ca.crt')}",
        f"--cluster-signing-key-file={layout.pki('ca.key')}",
        f"--service-cluster-ip-range={SERVICE_CIDR}",
        # The one node gets exactly the range its CNI hands out, so that its spec.podCIDR tells the truth.
        "--allocate-node-cidrs=true",
        f"--cluster-cidr={POD_CIDR}",
        *gates(layout.lane),
    ]


def scheduler(layout: Layout) -> list[str]:
    """Return the scheduler's command line."""
    kubeconfig = layout.pki("scheduler.kubeconfig")
    return [
        layout.program("kube-scheduler"),
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        "--bind-address=127.0.0.1",
        "--leader-elect=false",
        *gates(layout.lane),
    ]


def containerd(layout: Layout) -> list[str]:
    """Return containerd's command line."""
    return [layout.program("containerd"), "--config", str(layout.run / "containerd.toml")]


def kubelet(layout: Layout) -> list[str]:
    """Return the kubelet's command line; nearly all of it is in its configuration file."""
    return [
        layout.program("kubelet"),
        f"--config={layout.run / 'kubelet.yaml'}",
        f"--kubeconfig={layout.pki('kubelet.kubeconfig')}",
        f"--root-dir={layout.run / 'kubelet'}",
        f"--cert-dir={layout.run / 'kubelet' / 'pki'}",
        f"--hostname-override={layout.node_name}",
        f"--node-ip={layout.cluster_ip}",
    ]


def kube_proxy(layout: Layout) -> list[str]:
    """Return kube-proxy's command line; zeros keep it from sysctls that are read-only in a namespace."""
    return [
        layout.program("kube-proxy"),
        f"--kubeconfig={layout.pki('kube-proxy.kubeconfig')}",
        f"--hostname-override={layout.node_name}",
        "--proxy-mode=iptables",
        f"--cluster-cidr={POD_CIDR}",
        "--iptables-localhost-nodeports=false",
        "--conntrack-max-per-core=0",
        "--conntrack-tcp-timeout-established=0",
        "--conntrack-tcp-timeout-close-wait=0",
        "--healthz-bind-address=127.0.0.1:10256",
        "--metrics-bind-address=127.0.0.1:10249",
    ]


def enforcer(layout: Layout) -> list[str]:
    """Return the NetworkPolicy enforcer's command line; while it is down new connections are refused, not let in."""
    return [
        layout.program("kube-network-policies"),
        f"-kubeconfig={layout.pki('netpol.kubeconfig')}",
        f"-hostname-override={layout.node_name}",
        "-fail-open=false",
        "-disable-nri",
        "-metrics-bind-address=127.0.0.1:9080",
    ]


STORE_AND_API = {
    "etcd": etcd,
    "kube-apiserver": apiserver,
}
CONTROLLERS = {
    "kube-controller-manager": controller_manager,
    "kube-scheduler": scheduler,
}
NODE = {
    "containerd": containerd,
    "kubelet": kubelet,
    "kube-proxy": kube_proxy,
    "kube-network-policies": enforcer,
}
