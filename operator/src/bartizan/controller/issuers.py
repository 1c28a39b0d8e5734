"""Who is asked for each external issuer that a TrustDomain can name."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from bartizan.api.v1alpha1 import Issuer
from bartizan.controller.requests import CertManagerSigner, CSRObjectSigner
from bartizan.controller.writer import Writer
from bartizan.kube.api import KubeApi
from bartizan.kube.clock import Clock
from bartizan.signers.protocol import RemoteSigner
from bartizan.signers.vault_client import VaultClient
from bartizan.signers.vault_pki import VaultSigner


def signers(api: KubeApi, writer: Writer, clock: Clock, vault_token: Path | None) -> Callable[[Issuer], RemoteSigner]:
    """Return what makes the signer of an external issuer; `vault_token` is the file of the token to log in to Vault with."""

    def token() -> str:
        if vault_token is None:
            raise FileNotFoundError(2, "there is none")
        return vault_token.read_text().strip()

    def now() -> datetime:
        return clock.now()

    def made(issuer: Issuer) -> RemoteSigner:
        if issuer.cert_manager:
            return CertManagerSigner(api, writer, issuer.cert_manager)
        if issuer.vault_pki:
            return VaultSigner(VaultClient(issuer.vault_pki, token, now), writer.check)
        if issuer.csr_signer:
            return CSRObjectSigner(api, writer, issuer.csr_signer)
        raise AssertionError("the built-in issuer is not asked: it signs")

    return made
