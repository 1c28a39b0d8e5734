"""Gathers what is seen of who trusts and who uses which authority: the ledger, certificate Secrets, and whatever else looks.

Only asked while authorities rotate. What a Secret says is kept by its version: reading ten thousand certificates takes a
second, and they are asked about every few seconds for as long as a rotation lasts.
"""

from collections.abc import Callable, Iterable
from datetime import timedelta

from bartizan.api.kinds import SECRET
from bartizan.api.names import KubeObject
from bartizan.controller.ledger import Ledger
from bartizan.controller.probed import last_served
from bartizan.controller.world import World
from bartizan.core.model import PolicyView, TrustDomainView
from bartizan.core.pki.evidence import QUIET, Evidence, Target, bundle_id
from bartizan.core.pki.leaf import public_key_id
from bartizan.core.pki.pem import BUNDLE_KEY, CERTIFICATE_KEY, data_of, read_certificates
from bartizan.core.pki.rotation import AuthorityPlan
from bartizan.core.reasons import Mode
from bartizan.core.served.leaf import own_key_id

MoreTargets = Callable[[TrustDomainView], Iterable[Target]]
"""Further places that workloads of a trust domain read its bundle from, such as a ClusterTrustBundle."""


def no_more(_: TrustDomainView) -> Iterable[Target]:
    """Return no targets, where Secrets are the only ones."""
    return ()


class EvidenceSource:
    """What is seen of one trust domain."""

    def __init__(
        self,
        world: World,
        ledger: Ledger,
        *,
        secrets_known: Callable[[str], bool],
        more_targets: MoreTargets = no_more,
        quiet: timedelta = QUIET,
        probed: bool = True,
    ) -> None:
        """`secrets_known(namespace)` says whether the Secrets of a namespace can be read and have been.

        An authority stays until no probe has been shown a certificate of it for `quiet`; `probed` says whether there is a
        prober at all.
        """
        self._world = world
        self._ledger = ledger
        self._secrets_known = secrets_known
        self._more_targets = more_targets
        self._quiet = quiet
        self._probed = probed
        self._read: dict[tuple[str, str], tuple[str, Target]] = {}

    async def begin(self, domain: TrustDomainView) -> None:
        """Have the ledger begun before anything is made or issued: it is complete from then on, also for later leaders.

        Raises:
            KubeError, NotLeaderError, LedgerBusyError: it cannot be read or begun.
        """
        await self._ledger.open(domain.name)

    async def of(self, domain: TrustDomainView, plan: AuthorityPlan, *, afresh: bool = False) -> Evidence:
        """Return everything seen now of the authorities in `plan`.

        `afresh`: read the ledger again, another controller may have written it.

        Raises:
            KubeError: the ledger cannot be read.
        """
        if afresh:
            self._ledger.forget()
        book = await self._ledger.book(domain.name)
        policies = self._policies(domain)
        hidden = sorted({policy.namespace for policy in policies if not self._secrets_known(policy.namespace)})
        targets = [target for policy in policies if (target := self._target(policy))]
        return Evidence(
            targets=(*targets, *self._more_targets(domain)),
            unseen=tuple(f"the Secrets of namespace {namespace}" for namespace in hidden),
            last_ends=book.last_ends(),
            complete_since=book.since,
            sightings=last_served(_by_key_id(plan), self._world.probed.authorities()),
            quiet=self._quiet,
            probed=self._probed,
        )

    def _policies(self, domain: TrustDomainView) -> list[PolicyView]:
        snapshot = self._world.snapshot()
        return [
            policy
            for policy in snapshot.policies.values()
            if policy.spec.identity.trust_domain == domain.name
            and snapshot.mode(policy.namespace) is not Mode.NOT_GOVERNED
        ]

    def _target(self, policy: PolicyView) -> Target | None:
        name = policy.spec.secret_name(policy.name)
        secret = self._world.item(SECRET, policy.namespace, name)
        if secret is None:
            self._read.pop(policy.key, None)
            return None
        version = f"{name} {secret['metadata'].get('resourceVersion', '')}"
        known = self._read.get(policy.key)
        if known is None or known[0] != version:
            known = self._read[policy.key] = (version, read_target(secret))
        return known[1]


def _by_key_id(plan: AuthorityPlan) -> Iterable[tuple[str, str]]:
    """Return what bartizan and what certificates call each issuing authority."""
    return ((one.id, own_key_id(one.certificate)) for one in plan.issuing)


def read_target(secret: KubeObject) -> Target:
    """Return what workloads read from a certificate Secret."""
    meta = secret["metadata"]
    chain = read_certificates(data_of(secret, CERTIFICATE_KEY))
    return Target(
        name=f"Secret {meta['namespace']}/{meta['name']}",
        bundle=bundle_id(data_of(secret, BUNDLE_KEY) or b""),
        authority=public_key_id(chain[1]) if len(chain) > 1 else "",
    )
