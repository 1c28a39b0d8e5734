"""The secrets section: what the pods need at run time and where it comes from.

The manifest names a path in Vault, never a value. bartizan writes the Vault Agent Injector's annotations onto the pods and
the gate refuses a pod that should carry them and does not.
"""

from typing import Annotated

from pydantic import ConfigDict, Field

from bartizan.api.v1alpha1.common import ApiModel, DnsLabel, cel, cel_rules

FileMode = Annotated[str, Field(pattern=r"^0[0-7]{3}$", min_length=4, max_length=4)]


class VaultSource(ApiModel):
    """A secret in HashiCorp Vault."""

    role: str = Field(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9_.-]+$")
    """The role of Vault's Kubernetes auth method that the pod logs in with."""
    path: str = Field(min_length=1, max_length=512, pattern=r"^[A-Za-z0-9_.\-/]+$")
    """The path read, such as `database/creds/payments-rw` or `secret/data/payments`."""


class SecretFile(ApiModel):
    """Where in the container the secret is put."""

    model_config = ConfigDict(
        json_schema_extra=cel_rules(
            cel(
                "!self.path.split('/').exists(part, part == '.' || part == '..')",
                "path must stay below /vault/secrets: no part of it may be . or ..",
                fieldPath=".path",
            )
        )
    )

    path: str = Field(min_length=1, max_length=255, pattern=r"^[A-Za-z0-9_.\-]+(/[A-Za-z0-9_.\-]+)*$")
    """The file's path below `/vault/secrets`."""
    mode: FileMode = "0400"
    """The file's permissions, octal in quotes."""
    template: str | None = Field(default=None, max_length=8192)
    """A Consul Template that renders the file; left out: Vault Agent's default rendering of all fields."""


class SecretItem(ApiModel):
    """One secret, rendered to one file."""

    name: DnsLabel
    """The item's name, unique in the policy."""
    vault: VaultSource
    """Where the secret comes from."""
    file: SecretFile
    """Where it goes."""
    containers: tuple[DnsLabel, ...] = Field(default=(), max_length=16)
    """The containers that see it; left out: all."""


class Secrets(ApiModel):
    """The secrets of the service."""

    model_config = ConfigDict(
        json_schema_extra=cel_rules(
            cel(
                "self.items.all(i, self.items.exists_one(j, j.name == i.name))",
                "the names of items must differ",
                fieldPath=".items",
            ),
            cel(
                "self.items.all(i, self.items.all(j, j.vault.role == i.vault.role))",
                "all items share one Vault role: a pod logs in to Vault once",
                fieldPath=".items",
            ),
            cel(
                "self.items.all(i, self.items.all(j, i.containers == j.containers))",
                "all items name the same containers: the Vault injector mounts its volume for all secrets or none",
                fieldPath=".items",
            ),
            cel(
                "self.items.all(i, self.items.exists_one(j, j.file.path == i.file.path))",
                "two items cannot be written to the same file",
                fieldPath=".items",
            ),
        )
    )

    items: tuple[SecretItem, ...] = Field(default=(), max_length=16)
    """What the pods need."""
