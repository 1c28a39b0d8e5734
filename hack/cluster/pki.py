"""Makes the certificates of one throw-away cluster with the openssl program, which every Debian machine has.

Keys are ECDSA P-256 and live as long as the run's folder; the authority is the cluster's own and signs nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass

from cluster.commands import run
from cluster.layout import KUBERNETES_SERVICE_IP, Layout

DAYS = "30"
_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc")


@dataclass(frozen=True)
class Identity:
    """A certificate to make: file stem, user (CN), group (O), and what it is for."""

    stem: str
    user: str
    group: str = ""
    usage: str = "clientAuth"
    sans: str = ""


def identities(layout: Layout, *, with_node: bool) -> list[Identity]:
    """Return every certificate a cluster of this shape needs, the users named as Kubernetes' RBAC expects them."""
    names = ("kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local")
    sans = ",".join(
        [f"DNS:{name}" for name in ("localhost", *names)]
        + [f"IP:{address}" for address in ("127.0.0.1", KUBERNETES_SERVICE_IP, layout.cluster_ip)]
    )
    wanted = [
        Identity("apiserver", "kube-apiserver", usage="serverAuth", sans=sans),
        Identity("apiserver-kubelet", "kube-apiserver-kubelet-client", "system:masters"),
        Identity("admin", "bartizan-admin", "system:masters"),
        Identity("kcm", "system:kube-controller-manager"),
        Identity("scheduler", "system:kube-scheduler"),
    ]
    if with_node:
        wanted += [
            Identity("kubelet", f"system:node:{layout.node_name}", "system:nodes"),
            Identity("kube-proxy", "system:kube-proxy"),
            Identity("netpol", "bartizan:network-policy-enforcer"),
        ]
    return wanted


def authority_command(layout: Layout) -> list[str]:
    """Return the command that makes the cluster's authority."""
    return [
        "openssl", "req", "-x509", *_NEW_KEY, "-days", DAYS, "-subj", f"/CN=bartizan {layout.name} authority",
        "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
        "-keyout", layout.pki("ca.key"), "-out", layout.pki("ca.crt"),
    ]  # fmt: skip


def leaf_command(layout: Layout, identity: Identity) -> list[str]:
    """Return the command that makes one key and the certificate the authority signs for it."""
    group = f"/O={identity.group}" if identity.group else ""
    sans = ["-addext", f"subjectAltName={identity.sans}"] if identity.sans else []
    return [
        "openssl", "req", "-x509", *_NEW_KEY, "-days", DAYS, "-subj", f"{group}/CN={identity.user}",
        "-CA", layout.pki("ca.crt"), "-CAkey", layout.pki("ca.key"),
        "-addext", "basicConstraints=critical,CA:FALSE", "-addext", "keyUsage=critical,digitalSignature",
        "-addext", f"extendedKeyUsage={identity.usage}", *sans,
        "-keyout", layout.pki(f"{identity.stem}.key"), "-out", layout.pki(f"{identity.stem}.crt"),
    ]  # fmt: skip


def write(layout: Layout, *, with_node: bool) -> None:
    """Make the authority, every certificate and the key ServiceAccount tokens are signed with."""
    (layout.run / "pki").mkdir(mode=0o700, parents=True, exist_ok=True)
    run(authority_command(layout))
    for identity in identities(layout, with_node=with_node):
        run(leaf_command(layout, identity))
    key = layout.pki("sa.key")
    run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key])
    run(["openssl", "pkey", "-in", key, "-pubout", "-out", layout.pki("sa.pub")])
