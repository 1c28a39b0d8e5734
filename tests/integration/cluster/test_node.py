"""What everything else assumes of a node: names resolve, Services carry, policies cut, and nothing stays behind."""

import os
import shutil
import time
from pathlib import Path

import pytest

import cluster
from cluster import cache

NAME = f"node-{os.getpid()}"
MANIFEST = """
apiVersion: v1
kind: Namespace
metadata: {name: talk}
---
apiVersion: v1
kind: Pod
metadata: {name: server, namespace: talk, labels: {app: server}}
spec:
  containers: [{name: c, image: "bartizan.local/agnhost:2", imagePullPolicy: Never, args: [netexec, --http-port=8080]}]
---
apiVersion: v1
kind: Pod
metadata: {name: client, namespace: talk, labels: {app: client}}
spec:
  containers: [{name: c, image: "bartizan.local/agnhost:2", imagePullPolicy: IfNotPresent}]
---
apiVersion: v1
kind: Service
metadata: {name: server, namespace: talk}
spec: {selector: {app: server}, ports: [{port: 80, targetPort: 8080}]}
"""
DENY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny, namespace: talk}
spec: {podSelector: {matchLabels: {app: server}}, policyTypes: [Ingress]}
"""

pytestmark = [
    pytest.mark.node,
    pytest.mark.skipif(os.geteuid() != 0, reason="the local provider needs root for network namespaces"),
    pytest.mark.skipif(shutil.which("go") is None, reason="the local provider needs Go 1.26"),
]


def outside():
    """Return what programs of a node keep at fixed paths of the machine, by this cluster's mark."""
    marks = (f"bartizan-{NAME}", str(cache.run_dir(NAME)))
    places = [Path("/run/netns"), Path("/var/lib/cni/results"), Path("/var/log/containers")]
    found = [str(p) for place in places if place.is_dir() for p in place.iterdir() if _marked(p, marks)]
    found += [line for line in Path("/proc/self/mounts").read_text().splitlines() if marks[1] + "/" in line]
    return found + [str(p) for p in Path("/sys/fs/cgroup").glob(f"**/bartizan-{NAME}")]


def _marked(path, marks):
    text = f"{path.name} {path.readlink() if path.is_symlink() else ''}"
    return any(mark in text for mark in marks)


def connects(made, target):
    """Tell whether the client pod reaches the target within a second."""
    done = made.kubectl(
        "-n", "talk", "exec", "client", "--", "/agnhost", "connect", "--timeout=1s", target, check=False
    )
    return done.returncode == 0


def becomes(made, target, wanted, seconds):
    """Return whether reachability of the target becomes as wanted within the time."""
    deadline = time.monotonic() + seconds
    while connects(made, target) is not wanted:
        if time.monotonic() > deadline:
            return False
    return True


def test_pods_talk_policies_cut_and_nothing_stays():
    """Pods reach a Service by name; a default-deny cuts them, its deletion restores them; `down` removes every trace."""
    made = cluster.up(NAME, node=True, provider="local")
    try:
        made.kubectl("apply", "-f", "-", stdin=MANIFEST)
        made.kubectl("-n", "talk", "wait", "--for=condition=Ready", "pod", "--all", "--timeout=60s")
        assert becomes(made, "server.talk.svc.cluster.local:80", wanted=True, seconds=10)
        made.kubectl("apply", "-f", "-", stdin=DENY)
        assert becomes(made, "server:80", wanted=False, seconds=5)
        assert connects(made, "kubernetes.default:443")
        made.kubectl("-n", "talk", "delete", "networkpolicy", "deny")
        assert becomes(made, "server:80", wanted=True, seconds=5)
        assert outside() != []
    finally:
        made.down()
    assert (outside(), cache.run_dir(NAME).exists()) == ([], False)
