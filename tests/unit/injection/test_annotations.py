"""The Vault annotations of a policy."""

import pytest

from bartizan.core.injection.plan import annotations
from bartizan.testing.builders import a_policy_view

PREFIX = "vault.hashicorp.com/"


def of(*items):
    """The annotations of a policy with these secrets, without their prefix."""
    found = annotations(a_policy_view("orders", secrets={"items": list(items)}))
    assert all(key.startswith(PREFIX) for key in found)
    return {key.removeprefix(PREFIX): value for key, value in found.items()}


def an_item(name="db", *, mode="0440", path="db.json", **more):
    """One secret."""
    file = {"path": path, "mode": mode, **({"template": more.pop("template")} if "template" in more else {})}
    return {"name": name, "vault": {"role": "orders-rw", "path": f"secret/data/{name}"}, "file": file, **more}


def test_no_secrets_no_annotations():
    """A policy without secrets asks for no agent."""
    assert of() == {}


def test_a_whole_policy():
    """Two secrets, one with a template, for one container: every annotation the injector needs and no other."""
    template = '{{ with secret "secret/data/db" }}{{ .Data.data.password }}{{ end }}'
    items = (an_item(template=template, containers=["app"]), an_item("key", path="tls/key.pem", containers=["app"]))
    assert of(*items) == {
        "agent-init-first": "true",
        "agent-inject": "true",
        "agent-inject-containers": "app",
        "agent-inject-file-db": "db.json",
        "agent-inject-file-key": "tls/key.pem",
        "agent-inject-perms-db": "0440",
        "agent-inject-perms-key": "0440",
        "agent-inject-secret-db": "secret/data/db",
        "agent-inject-secret-key": "secret/data/key",
        "agent-inject-template-db": template,
        "error-on-missing-key-db": "true",
        "error-on-missing-key-key": "true",
        "role": "orders-rw",
        "template-config-exit-on-retry-failure": "true",
    }


@pytest.mark.parametrize(
    ("mode", "same_user"), [("0400", True), ("0600", True), ("0440", False), ("0404", False), ("0444", False)]
)
def test_a_file_that_only_its_owner_reads_is_written_by_the_service_s_own_user(mode, same_user):
    """The agent runs as the service's user exactly when nobody else could read the file."""
    assert ("agent-run-as-same-user" in of(an_item(mode=mode))) is same_user


def test_a_long_name_fits_into_an_annotation():
    """An annotation's name has at most 63 characters after the slash; names that differ stay different."""
    first, second = of(an_item("a" * 62 + "b")), of(an_item("a" * 62 + "c"))
    assert max(map(len, first)) <= 63
    assert first.keys() != second.keys()
