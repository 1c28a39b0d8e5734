"""The annotations that make HashiCorp's Vault Agent Injector put a policy's secrets into its pods.

Names and meanings are those of vault-k8s 1.7 (agent-inject/agent/annotations.go). Never written here: `agent-inject-status`
(the injector's own mark) and `agent-revoke-on-shutdown` (it takes database credentials away while the service still drains).
"""

import hashlib
from typing import Final

from bartizan.api.names import VAULT
from bartizan.api.v1alpha1 import SecretItem
from bartizan.core.model import PolicyView

_LONGEST_NAME: Final = 63 - len("agent-inject-template-")
"""An annotation's name may have 63 characters after the slash; the longest prefix leaves this many for the item."""
_HASH_LENGTH: Final = 8
_READABLE_BY_OTHERS: Final = 0o044


def annotations(policy: PolicyView) -> dict[str, str]:
    """Return the annotations the policy's pods must carry, sorted by name; none when it declares no secrets."""
    items = policy.spec.secrets.items
    if not items:
        return {}
    found = {
        "agent-inject": "true",
        "agent-init-first": "true",
        "role": items[0].vault.role,
        "template-config-exit-on-retry-failure": "true",
    }
    if items[0].containers:
        found["agent-inject-containers"] = ",".join(items[0].containers)
    if any(_owner_only(item) for item in items):
        # The agent writes the files. Unless it runs as the service's own user, nobody else could read them; the injector
        # refuses a pod whose first container sets no runAsUser, which is better than a service that cannot read its secret.
        found["agent-run-as-same-user"] = "true"
    for item in items:
        found.update(_of_item(item))
    return {VAULT + key: found[key] for key in sorted(found)}


def _of_item(item: SecretItem) -> dict[str, str]:
    name = _annotation_name(item.name)
    found = {
        f"agent-inject-secret-{name}": item.vault.path,
        f"agent-inject-file-{name}": item.file.path,
        f"agent-inject-perms-{name}": item.file.mode,
        # A field that the secret lacks must stop the rendering, not write the words "no value" into a credentials file.
        f"error-on-missing-key-{name}": "true",
    }
    if item.file.template is not None:
        found[f"agent-inject-template-{name}"] = item.file.template
    return found


def _owner_only(item: SecretItem) -> bool:
    return not int(item.file.mode, 8) & _READABLE_BY_OTHERS


def _annotation_name(name: str) -> str:
    """Return the item's name, cut and made unique by a hash where an annotation's name has no room for it."""
    if len(name) <= _LONGEST_NAME:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:_HASH_LENGTH]
    return f"{name[: _LONGEST_NAME - _HASH_LENGTH - 1]}-{digest}"
