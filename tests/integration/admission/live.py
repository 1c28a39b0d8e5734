"""A bare connection to the API server for tests that ask it hundreds of questions: kubectl would take a second for each."""

import base64
import json
import ssl
import tempfile
from dataclasses import dataclass
from http.client import HTTPSConnection
from pathlib import Path
from time import monotonic
from urllib.parse import urlencode, urlsplit

import yaml

IDLE = 30
"""Seconds after which a connection is not trusted to be open any more: the API server closes those that are idle for long."""
PLURALS = {
    "Pod": ("api/v1", "pods"),
    "PodTemplate": ("api/v1", "podtemplates"),
    "ReplicationController": ("api/v1", "replicationcontrollers"),
    "Deployment": ("apis/apps/v1", "deployments"),
    "StatefulSet": ("apis/apps/v1", "statefulsets"),
    "DaemonSet": ("apis/apps/v1", "daemonsets"),
    "ReplicaSet": ("apis/apps/v1", "replicasets"),
    "Job": ("apis/batch/v1", "jobs"),
    "CronJob": ("apis/batch/v1", "cronjobs"),
    "PolicyIndex": ("apis/bartizan.dev/v1alpha1", "policyindices"),
    "ServiceSecurityPolicy": ("apis/bartizan.dev/v1alpha1", "servicesecuritypolicies"),
    "RoleBinding": ("apis/rbac.authorization.k8s.io/v1", "rolebindings"),
    "Service": ("api/v1", "services"),
    "ServiceAccount": ("api/v1", "serviceaccounts"),
    "Event": ("api/v1", "events"),
}


@dataclass(frozen=True)
class Answer:
    """What the API server said."""

    code: int
    body: dict
    warnings: tuple[str, ...]

    @property
    def message(self) -> str:
        """The sentence of a refusal."""
        return self.body.get("message", "") if self.code >= 400 else ""


class Api:
    """One keep-alive connection as the kubeconfig's user, or as another by impersonation."""

    def __init__(self, kubeconfig: Path) -> None:
        config = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        context = ssl.create_default_context(cadata=_content(cluster, "certificate-authority"))
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as pair:
            pair.write(_content(user, "client-certificate") + "\n" + _content(user, "client-key"))
            pair.flush()
            context.load_cert_chain(pair.name)
        address = urlsplit(cluster["server"])
        self._connection = HTTPSConnection(address.hostname, address.port, context=context, timeout=60)
        self._used = monotonic()

    def close(self):
        """End the connection."""
        self._connection.close()

    def ask(self, method, path, body=None, *, user="", groups=(), content="application/json"):
        """Send one request and return the answer, whatever its code."""
        if monotonic() - self._used > IDLE:
            self._connection.close()  # it opens itself again
        self._used = monotonic()
        headers = {"Content-Type": content, "Accept": "application/json"}
        self._connection.putrequest(method, path)
        if user:
            headers["Impersonate-User"] = user
        for name, value in headers.items():
            self._connection.putheader(name, value)
        for group in groups:
            self._connection.putheader("Impersonate-Group", group)
        payload = b"" if body is None else json.dumps(body).encode()
        self._connection.putheader("Content-Length", str(len(payload)))
        self._connection.endheaders(payload)
        response = self._connection.getresponse()
        # http.client reads headers as Latin-1; the API server writes warnings in UTF-8.
        found = (value for name, value in response.getheaders() if name.lower() == "warning")
        warnings = tuple(value.encode("latin-1").decode() for value in found)
        return Answer(response.status, json.loads(response.read() or b"{}"), warnings)

    def create(self, item, namespace, *, dry_run=True, **more):
        """Create an object, by default only as a trial."""
        return self.ask("POST", _path(item["kind"], namespace, dry_run=dry_run), item, **more)

    def replace(self, item, namespace, *, dry_run=True, **more):
        """Replace an object, by default only as a trial."""
        return self.ask("PUT", _path(item["kind"], namespace, item["metadata"]["name"], dry_run=dry_run), item, **more)

    def patch(self, kind, namespace, name, patch, *, subresource="", dry_run=True, **more):
        """Merge a patch into an object or its subresource, by default only as a trial."""
        path = _path(kind, namespace, name, subresource, dry_run=dry_run)
        return self.ask("PATCH", path, patch, content="application/strategic-merge-patch+json", **more)

    def get(self, kind, namespace, name=""):
        """Return an object or a list."""
        return self.ask("GET", _path(kind, namespace, name)).body

    def delete(self, kind, namespace, name, *, dry_run=True, **more):
        """Delete an object, by default only as a trial."""
        return self.ask("DELETE", _path(kind, namespace, name, dry_run=dry_run), **more)


def _path(kind, namespace, name="", subresource="", *, dry_run=False):
    root, plural = PLURALS[kind]
    path = "/".join(part for part in (f"/{root}/namespaces/{namespace}/{plural}", name, subresource) if part)
    return f"{path}?{urlencode({'dryRun': 'All'})}" if dry_run else path


def _content(section, name):
    if data := section.get(f"{name}-data"):
        return base64.b64decode(data).decode()
    return Path(section[name]).read_text(encoding="utf-8")
