"""External issuers that are asked by an object: cert-manager's CertificateRequest and Kubernetes' CertificateSigningRequest.

Requests are created and never changed: the API's own rules make them immutable, and so bartizan needs no right to change one.
"""

from typing import Final

from bartizan.api.kinds import CERTIFICATE_REQUEST, SIGNING_REQUEST, Kind
from bartizan.api.names import MANAGED_BY, MANAGED_BY_LABEL, POLICY_LABEL, KubeObject
from bartizan.api.v1alpha1 import CertManagerIssuer, CSRSigner
from bartizan.controller.writer import Writer
from bartizan.core.model import ObjectRef, PolicyView
from bartizan.core.pki.external.asking import Answer, Gone, SigningRequest
from bartizan.core.pki.external.certificaterequest import certificate_request, read_certificate_request
from bartizan.core.pki.external.signingrequest import labels_of, read_signing_request, request_name, signing_request
from bartizan.core.plan import Delete
from bartizan.kube.api import KubeApi
from bartizan.kube.errors import ConflictError, ForbiddenError, KubeError, NotFoundError
from bartizan.signers.errors import RemoteSignerError

_MANAGER: Final = "bartizan/certificates"


class CertManagerSigner:
    """A `RemoteSigner` by CertificateRequest."""

    def __init__(self, api: KubeApi, writer: Writer, issuer: CertManagerIssuer) -> None:
        """Read through `api`, write through `writer`."""
        self._objects = _Requests(api, writer, CERTIFICATE_REQUEST, value="issuers.certManager.enabled")
        self._issuer = issuer

    async def ask(self, policy: PolicyView, request: SigningRequest) -> None:
        """Replace the policy's requests by this one."""
        labels = {MANAGED_BY_LABEL: MANAGED_BY, POLICY_LABEL: policy.name}
        await self._objects.replace(certificate_request(policy, self._issuer, request), labels, policy.namespace)

    async def poll(self, request: SigningRequest) -> Answer:
        """Return what the request's conditions say."""
        item = await self._objects.found(request.policy[0], request.name)
        return read_certificate_request(item) if item else Gone()

    async def close(self) -> None:
        """Nothing is under way here: the API server holds the requests."""


class CSRObjectSigner:
    """A `RemoteSigner` by CertificateSigningRequest."""

    def __init__(self, api: KubeApi, writer: Writer, issuer: CSRSigner) -> None:
        """Read through `api`, write through `writer`."""
        self._objects = _Requests(api, writer, SIGNING_REQUEST, value="issuers.csrSigner.enabled")
        self._issuer = issuer

    async def ask(self, policy: PolicyView, request: SigningRequest) -> None:
        """Replace the policy's requests by this one."""
        await self._objects.replace(signing_request(self._issuer, request), labels_of(policy.key), "")

    async def poll(self, request: SigningRequest) -> Answer:
        """Return what the request's conditions say."""
        item = await self._objects.found("", request_name(request))
        return read_signing_request(item) if item else Gone()

    async def close(self) -> None:
        """Nothing is under way here: the API server holds the requests."""


class _Requests:
    """The requests of one kind."""

    def __init__(self, api: KubeApi, writer: Writer, kind: Kind, *, value: str) -> None:
        self._api = api
        self._writer = writer
        self._kind = kind
        self._value = value

    async def replace(self, item: KubeObject, labels: dict[str, str], namespace: str) -> None:
        """Remove every request with these labels and create `item`."""
        selector = ",".join(f"{key}={value}" for key, value in labels.items())
        try:
            listing = await self._api.list(self._kind, namespace=namespace, label_selector=selector)
            for old in listing.items:
                await self._remove(old)
            await self._writer.create(item, manager=_MANAGER)
        except NotFoundError as error:
            raise RemoteSignerError(
                f"the cluster serves no {self._kind.kind} of {self._kind.api_version}: {error}"
            ) from error
        except ForbiddenError as error:
            raise RemoteSignerError(f"{error}; the chart's {self._value} gives the rights it takes") from error
        except KubeError as error:
            raise RemoteSignerError(str(error)) from error

    async def found(self, namespace: str, name: str) -> KubeObject | None:
        ref = ObjectRef(api_version=self._kind.api_version, kind=self._kind.kind, namespace=namespace, name=name)
        try:
            return await self._api.get(ref)
        except NotFoundError:
            return None

    async def _remove(self, item: KubeObject) -> None:
        try:
            await self._writer.delete(Delete(ref=ObjectRef.of(item), uid=item["metadata"]["uid"]))
        except ConflictError:
            return  # another of that name has taken its place meanwhile: it is not the one that was listed
