"""What `bartizan pki` knows of a trust domain: from the cluster as far as the reader's rights go, or from files.

Needed is `get` on the TrustDomain and `list` on ServiceSecurityPolicies. What else helps is asked for, and named where it is
refused: ConfigMaps of the release's namespace (the ledger) and pods. Secrets are never read.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bartizan.api.kinds import CONFIG_MAP, POD, POLICY, TRUST_DOMAIN
from bartizan.api.names import KubeObject
from bartizan.cli.live import of_the_shell
from bartizan.cli.manifests import ManifestError, load
from bartizan.core.model import ObjectRef
from bartizan.core.pki.asking import AskingError
from bartizan.core.pki.book import Book, book_of
from bartizan.core.pki.consumers import belongs
from bartizan.core.pki.ledger import LEDGER_SELECTOR, read_segment
from bartizan.kube.api import KubeApi
from bartizan.kube.client import Client
from bartizan.kube.errors import ForbiddenError, NotFoundError


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """A trust domain and what is around it."""

    item: KubeObject
    policies: tuple[KubeObject, ...]
    """Those that name it."""
    book: Book | None = None
    pods: tuple[KubeObject, ...] | None = None
    """Of the policies' namespaces; None: not asked for, or refused."""
    unseen: tuple[str, ...] = ()
    """What could not be read, and what is not known for it."""


@dataclass(frozen=True, slots=True)
class Where:
    """Which trust domain of which cluster, and at which moment."""

    trust_domain: str
    release: str
    """The namespace in which bartizan runs."""
    kubeconfig: Path | None
    now: datetime

    async def seen(self, *, pods: bool) -> "Observed":
        """Return everything that may be read (`observe`)."""
        api = await connected(self.kubeconfig)
        try:
            return await observe(api, self.trust_domain, release=self.release, pods=pods, now=self.now)
        finally:
            await api.close()


async def connected(kubeconfig: Path | None) -> KubeApi:
    """Return the API of the cluster that kubectl would use, or `kubeconfig` names; raises KubeError."""
    return await Client.connect(kubeconfig or of_the_shell())


async def domain_of(api: KubeApi, name: str) -> KubeObject:
    """Return the TrustDomain.

    Raises:
        AskingError: there is none of that name.
        KubeError: it cannot be read.
    """
    ref = ObjectRef(api_version=TRUST_DOMAIN.api_version, kind=TRUST_DOMAIN.kind, namespace="", name=name)
    try:
        return await api.get(ref)
    except NotFoundError:
        raise AskingError(f"no TrustDomain {name} exists; name one with --trust-domain") from None


async def observe(api: KubeApi, name: str, *, release: str, pods: bool, now: datetime) -> Observed:
    """Return everything that may be read; `release` is bartizan's own namespace, `pods` asks for pods too.

    Raises:
        AskingError: there is no such TrustDomain.
        KubeError: it cannot be read, or the API server does not answer.
    """
    item = await domain_of(api, name)
    unseen: list[str] = []
    try:
        every = (await api.list(POLICY)).items
    except (ForbiddenError, NotFoundError) as error:
        every = []
        unseen.append(f"policies and their certificates ({error})")
    policies = tuple(one for one in every if belongs(one, name))
    book = await _book(api, name, release, now, unseen)
    seen = await _pods(api, {one["metadata"]["namespace"] for one in policies}, unseen) if pods else None
    return Observed(item=item, policies=policies, book=book, pods=seen, unseen=tuple(unseen))


def from_files(paths: Iterable[str], name: str, now: datetime) -> Observed:
    """Return the same from saved objects (`kubectl get … -o yaml`).

    Raises:
        ManifestError: a file cannot be read.
        AskingError: the TrustDomain is not in them.
    """
    manifests = load(paths)
    if manifests.problems:
        raise ManifestError.of(manifests.problems)
    by_kind: dict[str, list[KubeObject]] = {}
    for one in manifests.found:
        by_kind.setdefault(one.item["kind"], []).append(one.item)
    item = next((one for one in by_kind.get(TRUST_DOMAIN.kind, ()) if one["metadata"]["name"] == name), None)
    if item is None:
        raise AskingError(f"the files hold no TrustDomain {name}; save it with kubectl get trustdomain {name} -o yaml")
    segments = [found for one in by_kind.get(CONFIG_MAP.kind, ()) if (found := read_segment(one))]
    pods = tuple(by_kind[POD.kind]) if POD.kind in by_kind else None
    unseen = [] if segments else ["the ledger of issued certificates (its ConfigMaps are not in the files)"]
    unseen += [] if pods is not None else ["pods (none are in the files)"]
    return Observed(
        item=item,
        policies=tuple(one for one in by_kind.get(POLICY.kind, ()) if belongs(one, name)),
        book=book_of(name, segments, now) if segments else None,
        pods=pods,
        unseen=tuple(unseen),
    )


async def _book(api: KubeApi, name: str, release: str, now: datetime, unseen: list[str]) -> Book | None:
    try:
        listing = await api.list(CONFIG_MAP, namespace=release, label_selector=LEDGER_SELECTOR)
    except ForbiddenError:
        unseen.append(f"the ledger of issued certificates (no right to list ConfigMaps in namespace {release})")
        return None
    segments = [segment for one in listing.items if (segment := read_segment(one))]
    if not any(one.trust_domain == name for one in segments):
        unseen.append(
            f"the ledger of issued certificates (namespace {release} holds none; --release-namespace names another)"
        )
        return None
    return book_of(name, segments, now)


async def _pods(api: KubeApi, namespaces: Iterable[str], unseen: list[str]) -> tuple[KubeObject, ...] | None:
    found: list[KubeObject] = []
    closed = []
    for namespace in sorted(namespaces):
        try:
            found += (await api.list(POD, namespace=namespace)).items
        except ForbiddenError:
            closed.append(namespace)
    if closed:
        unseen.append(f"pods of {', '.join(closed)} (no right to list them): whether they load new certificates")
    return None if closed and not found else tuple(found)
