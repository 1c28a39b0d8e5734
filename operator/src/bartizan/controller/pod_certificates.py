"""Answers nodes that ask for a pod's certificate, and says of a policy what became of that.

The decision is pure; around it the request is gathered from the picture and the certificate is signed. Nobody but the node ever
has the pod's key: it is in no Secret, and not in here either.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from operator import itemgetter
from typing import Final

import structlog

from bartizan.api.kinds import CLUSTER_TRUST_BUNDLES, POD, POD_CERTIFICATE_REQUESTS, POLICY_INDEX, SECRET
from bartizan.api.names import INDEX_NAME, KubeObject, signer_name, trust_bundle_name, trust_domain_of
from bartizan.controller.certificates import Certificates
from bartizan.controller.keys import Key, policy_key
from bartizan.controller.ledger import Ledger
from bartizan.controller.mounted import SignedFor
from bartizan.controller.world import World
from bartizan.core.index import entries_of
from bartizan.core.injection.mounts import policies_of
from bartizan.core.model import PolicyView, Snapshot, TrustDomainView
from bartizan.core.ownership import belongs, is_ours
from bartizan.core.pki.delivery import Chosen
from bartizan.core.pki.evidence import Target, bundle_id
from bartizan.core.pki.leaf import public_key_id
from bartizan.core.pki.ledger import LedgerRow
from bartizan.core.pki.pod_answer import denied, issued, issued_chain, read_request
from bartizan.core.pki.pod_outcome import PodsObserved, not_possible, pod_outcome
from bartizan.core.pki.pod_request import Deny, PodRequest, Sign, Wait, decide_request
from bartizan.core.pki.profile import BACKDATE, leaf_profile
from bartizan.core.pki.rotation import AuthorityPlan
from bartizan.core.pki.trust_bundle import bundle_upkeep
from bartizan.core.plan import LOOK_AGAIN, SOON, Plan
from bartizan.core.posture import CertificateOutcome
from bartizan.signers.pod import sign_for_key

_log: Final = structlog.get_logger("bartizan.pod_certificates")


class PodCertificates:
    """Knows the requests, and the pods that made them."""

    def __init__(
        self, world: World, certificates: Certificates, ledger: Ledger, *, tell: Callable[[Key], None]
    ) -> None:
        """Take authorities from `certificates`, write down in `ledger`, `tell` which policy's status may have changed."""
        self._world = world
        self._certificates = certificates
        self._ledger = ledger
        self._tell = tell
        self._recalled: dict[str, datetime] = {}

    async def plan(self, key: Key, now: datetime) -> Plan:
        """Return the answer to the request of that name, if it is time for one.

        Raises:
            SignerError: the authority cannot sign.
            KubeError, NotLeaderError, LedgerBusyError: what was signed could not be written down; it is thrown away.
        """
        snapshot = self._world.snapshot()
        version = snapshot.capabilities.certificates_version
        item = self._world.item(POD_CERTIFICATE_REQUESTS[version], key.namespace, key.name) if version else None
        if item is None:
            return Plan()
        request = read_request(item)
        if request.answered:
            self._learn(request, item)
            return Plan()
        domain = snapshot.trust_domains.get(trust_domain_of(request.signer))
        authorities = self._certificates.authorities(domain, now) if domain else None
        answer = decide_request(
            request,
            snapshot,
            labels=self._labels(request),
            authority=authorities.signer if authorities else None,
            now=now,
        )
        if isinstance(answer, Sign) and authorities:
            if not self._certificates.may_sign():
                return Plan(requeue_after=SOON)
            return await self._signed(request, item, answer, authorities, now)
        if isinstance(answer, Deny):
            _log.warning("denied", request=str(key), pod=request.pod, reason=answer.reason, message=answer.message)
            return Plan(applies=(denied(item, answer, now=now),))
        if isinstance(answer, Wait):
            _log.info("waits", request=str(key), pod=request.pod, message=answer.message)
            return Plan(requeue_after=answer.after)
        return Plan()

    async def outcome(
        self, policy: PolicyView, chosen: Chosen, secret: CertificateOutcome | None, snapshot: Snapshot, now: datetime
    ) -> CertificateOutcome:
        """Return what becomes of the certificates of a policy whose new pods get their own.

        `secret` is what becomes of its Secret, where pods that run still refer to it.
        """
        domain = self._certificates.domain(policy)
        if not isinstance(domain, TrustDomainView):
            return domain
        if chosen.lack:
            return not_possible(chosen, secret)
        authorities = self._certificates.authorities(domain, now)
        signer = authorities.signer
        if signer is None:
            return self._certificates.no_signer(domain, authorities)
        known, secrets = await self._known(policy, domain, now), self._secrets(policy)
        observed = PodsObserved(
            total=len(known),
            on_current_authority=sum(one is not None and one.authority == signer.id for one in known.values()),
            secrets=secrets,
            referred=frozenset(
                item["metadata"]["name"]
                for item in secrets
                if self._world.mounted.refers(policy.namespace, item["metadata"]["name"])
            ),
            injected=self._injected(policy),
        )
        profile = leaf_profile(policy, domain, snapshot.services, snapshot.baseline)
        return pod_outcome(profile, signer.id, observed, secret)

    def with_bundle(self, plan: Plan, domain: TrustDomainView, now: datetime) -> Plan:
        """Return the plan of a trust domain with the write of its ClusterTrustBundle, where the cluster has such."""
        version = self._world.snapshot().capabilities.certificates_version
        if not version:
            return plan
        observed = self._world.item(CLUSTER_TRUST_BUNDLES[version], "", trust_bundle_name(domain.name))
        bundle_pem = self._certificates.authorities(domain, now).bundle_pem
        return replace(plan, applies=(*plan.applies, *bundle_upkeep(domain, bundle_pem, observed, version=version)))

    def targets(self, domain: TrustDomainView) -> Iterable[Target]:
        """Return where pods with certificates of their own read what to trust, and those of which it is known who signed.

        Nothing new signs before the bundle is there, and nothing old goes unnamed while pods hold what it signed.
        """
        version = self._world.snapshot().capabilities.certificates_version
        if not version or domain.spec.external:
            return
        name = trust_bundle_name(domain.name)
        item = self._world.item(CLUSTER_TRUST_BUNDLES[version], "", name)
        held = ((item or {}).get("spec") or {}).get("trustBundle") or ""
        bundle = bundle_id(held)
        yield Target(name=f"ClusterTrustBundle {name}", bundle=bundle)
        signed = self._world.mounted.signed_pods(signer_name(domain.name))
        for where, known in sorted(
            ((f"{pod.namespace}/{pod.name}", known) for pod, known in signed), key=itemgetter(0)
        ):
            yield Target(name=f"Pod {where}", bundle=bundle, authority=known.authority, ends=known.ends)

    async def _signed(
        self, request: PodRequest, item: KubeObject, answer: Sign, authorities: AuthorityPlan, now: datetime
    ) -> Plan:
        signer = authorities.signer
        assert signer is not None  # noqa: S101 -- the decision asks for it
        leaf = sign_for_key(answer.profile, answer.key, signer, span=answer.span, now=now)
        apply = issued(item, (leaf, *authorities.chain_of(signer)), now=now)
        await self._certificates.record(
            LedgerRow(
                trust_domain=answer.domain.name,
                serial=format(leaf.serial_number, "x"),
                authority=signer.id,
                subject=f"{answer.policy.namespace}/{answer.policy.account}",
                holder=request.pod_uid,
                not_after=leaf.not_valid_after_utc,
            )
        )
        self._certificates.issued_to_pod()
        _log.info("issued", request=f"{request.namespace}/{request.name}", pod=request.pod, policy=answer.policy.name)
        return Plan(applies=(apply,))

    async def _known(
        self, policy: PolicyView, domain: TrustDomainView, now: datetime
    ) -> Mapping[str, SignedFor | None]:
        """Return what is known of each pod's certificate; what was signed before this process began stands in the ledger."""
        mounted, signer = self._world.mounted, signer_name(domain.name)
        known = mounted.certificates(policy.key, signer)
        last = self._recalled.get(domain.name)
        if all(known.values()) or (last and now - last < LOOK_AGAIN):
            return known
        self._recalled[domain.name] = now
        for row in (await self._ledger.book(domain.name)).rows:
            mounted.signed(row.holder, SignedFor(row.authority, row.not_after))
        return mounted.certificates(policy.key, signer)

    def _learn(self, request: PodRequest, item: KubeObject) -> None:
        """Remember who signed a pod's certificate: the request itself is gone a quarter of an hour later."""
        known = _signed_for(item)
        if known and trust_domain_of(request.signer):
            self._world.mounted.signed(request.pod_uid, known)
            for policy in policies_of(request.annotations):
                self._tell(policy_key((request.namespace, policy)))

    def _labels(self, request: PodRequest) -> dict[str, str] | None:
        pod = self._world.item(POD, request.namespace, request.pod)
        if pod is None or pod["metadata"].get("uid") != request.pod_uid:
            return None
        return dict(pod["metadata"].get("labels") or {})

    def _secrets(self, policy: PolicyView) -> tuple[KubeObject, ...]:
        found = self._world.store.list(SECRET, namespace=policy.namespace, mark=policy.name)
        return tuple(item for item in found if belongs(item, policy.uid) and is_ours(item))

    def _injected(self, policy: PolicyView) -> bool:
        """Whether the index that new pods are made by asks for certificates of their own already."""
        index = self._world.item(POLICY_INDEX, policy.namespace, INDEX_NAME)
        return any("podCertificate" in entry for entry in entries_of(index) if entry.get("name") == policy.name)


def _signed_for(item: KubeObject) -> SignedFor | None:
    """Return what an issued request tells of its certificate; None for one that was not issued."""
    chain = issued_chain(item)
    if len(chain) < 2:
        return None
    leaf = chain[0]
    return SignedFor(
        authority=public_key_id(chain[1]),
        ends=leaf.not_valid_after_utc,
        since=leaf.not_valid_before_utc + BACKDATE,
    )
