"""The certificate in the pods: mounted, and good for a handshake."""

import base64
import hashlib
import socket
import ssl
import subprocess
import time

import pytest
from cryptography import x509

from waiting import eventually

pytestmark = pytest.mark.node
HOST = "tls-server.finance.svc"
SERVICE = """
apiVersion: bartizan.dev/v1alpha1
kind: ServiceSecurityPolicy
metadata: {name: tls-server, namespace: finance}
spec:
  workload: {selector: {matchLabels: {app: tls-server}}}
  network:
    ports: [{name: https, port: 9443}]
  mtls: {delivery: Secret}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: tls-server, namespace: finance}
---
apiVersion: v1
kind: Service
metadata: {name: tls-server, namespace: finance}
spec:
  selector: {app: tls-server}
  ports: [{port: 9443}]
"""
SERVER = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: tls-server, namespace: finance}
spec:
  selector: {matchLabels: {app: tls-server}}
  template:
    metadata: {labels: {app: tls-server}}
    spec:
      serviceAccountName: tls-server
      automountServiceAccountToken: false
      securityContext: {runAsNonRoot: true, runAsUser: 65532, seccompProfile: {type: RuntimeDefault}}
      containers:
      - name: app
        image: bartizan.local/agnhost:2
        securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
        args:
        - netexec
        - --http-port=9443
        - --udp-port=-1
        - --tls-cert-file=/var/run/secrets/bartizan.dev/tls/tls.crt
        - --tls-private-key-file=/var/run/secrets/bartizan.dev/tls/tls.key
"""


def _names(shop) -> list[str]:
    """Return the host names in the certificate that was issued."""
    if (secret := shop.get("secret", "tls-server-tls", "finance")) is None:
        return []
    leaf = x509.load_pem_x509_certificate(base64.b64decode(secret["data"]["tls.crt"]))
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return names.get_values_for_type(x509.DNSName)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def test_a_pod_serves_with_its_own_certificate(shop) -> None:
    """A server that only knows the mount path presents the issued leaf, and a client that trusts the bundle accepts it."""
    shop.kubectl("apply", "--server-side", "-f", "-", stdin=SERVICE)
    # This server reads its files once: it has to begin with those that name its Service.
    eventually(lambda: HOST in _names(shop))
    shop.kubectl("apply", "--server-side", "-f", "-", stdin=SERVER)
    shop.kubectl("wait", "--for=condition=Available", "deploy/tls-server", "-n", "finance", "--timeout=90s")
    secret = shop.get("secret", "tls-server-tls", "finance")
    bundle = base64.b64decode(secret["data"]["ca.crt"]).decode()
    leaf = ssl.PEM_cert_to_DER_cert(
        base64.b64decode(secret["data"]["tls.crt"]).decode().split("-----END")[0] + "-----END CERTIFICATE-----\n"
    )
    port = _free_port()
    kubectl = [*shop.cluster._program("kubectl").split(), "--kubeconfig", str(shop.cluster.kubeconfig)]
    forward = subprocess.Popen(
        [*kubectl, "port-forward", "-n", "finance", "deploy/tls-server", f"{port}:9443"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        served = eventually(lambda: _handshake(port, bundle), within=30)
    finally:
        forward.terminate()
        forward.wait(timeout=10)
        shop.kubectl("delete", "--wait=false", "-f", "-", stdin=f"{SERVICE}---{SERVER}")
    assert hashlib.sha256(served).hexdigest() == hashlib.sha256(leaf).hexdigest()


def _handshake(port: int, bundle: str) -> bytes | None:
    context = ssl.create_default_context(cadata=bundle)
    try:
        with (
            socket.create_connection(("127.0.0.1", port), timeout=5) as plain,
            context.wrap_socket(plain, server_hostname=HOST) as tls,
        ):
            return tls.getpeercert(binary_form=True)
    except (ConnectionError, TimeoutError, ssl.SSLEOFError):
        time.sleep(0.2)
        return None


def test_a_shorter_lifetime_is_followed_at_once(shop) -> None:
    """Changing the policy's lifetime issues a new certificate into its Secret and the status says so."""
    with shop.delivering("web", "shop", "Secret"):
        before = eventually(lambda: (now := _certificate(shop)) and "serial" in now and now)
        shop.kubectl("patch", "ssp", "web", "-n", "shop", "--type=merge", "-p", '{"spec":{"mtls":{"lifetime":"2h"}}}')
        after = eventually(lambda: (now := _certificate(shop))["serial"] != before["serial"] and now)
        assert after["notAfter"] < before["notAfter"]
        shop.kubectl("patch", "ssp", "web", "-n", "shop", "--type=merge", "-p", '{"spec":{"mtls":{"lifetime":"24h"}}}')


def _certificate(shop) -> dict:
    return shop.get("ssp", "web", "shop")["status"]["certificate"]
