"""Which pods hold on to which certificates: the Secrets they refer to, and those that ask for one of their own.

A policy is told when the first pod refers to its Secret or the last one has gone, and when a pod comes or goes that has a
certificate of its own: its status counts those.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from bartizan.api.kinds import POD
from bartizan.api.names import KubeObject
from bartizan.controller.keys import Key, policy_key
from bartizan.core.injection.mounts import asks_for, secrets_of
from bartizan.core.model import InvalidPolicy, ObjectRef, PolicyKey, PolicyView


@dataclass(frozen=True, slots=True)
class _Held:
    uid: str = ""
    secrets: frozenset[str] = frozenset()
    certificates: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True, slots=True)
class SignedFor:
    """What is known of a pod's certificate."""

    authority: str
    """The id of the authority that signed it."""
    ends: datetime
    since: datetime | None = None
    """When it was issued; None where only the ledger tells of it."""


class Mounted:
    """Counts. Synchronous, like the rest of the picture."""

    def __init__(self, policies: Mapping[PolicyKey, PolicyView | InvalidPolicy]) -> None:
        """Look up in `policies` whose Secret a name is."""
        self._policies = policies
        self._held: dict[ObjectRef, _Held] = {}
        self._users: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._pods: defaultdict[PolicyKey, dict[str, str]] = defaultdict(dict)
        self._uids: set[str] = set()
        self._signed: dict[str, SignedFor] = {}

    def changed(self, ref: ObjectRef, pod: KubeObject | None) -> frozenset[Key]:
        """Take in that a pod came, changed or went and return who has to look; nobody for what is no pod."""
        if ref.kind != POD.kind:
            return frozenset()
        before = self._held.pop(ref, _Held())
        after = _Held(pod["metadata"].get("uid", ""), secrets_of(pod), asks_for(pod)) if pod else _Held()
        if pod:
            self._held[ref] = after
        if before == after:
            return frozenset()
        if before.uid != after.uid:
            self._signed.pop(before.uid, None)
            self._uids.discard(before.uid)
            self._uids.update({after.uid} - {""})
        keys = {policy_key(key) for key in self._count(ref.namespace, before, after)}
        users = self._users[ref.namespace]
        were = {name for name in before.secrets | after.secrets if users[name]}
        users.subtract(before.secrets)
        users.update(after.secrets)
        news = {name for name in before.secrets | after.secrets if (name in were) != bool(users[name])}
        return frozenset(keys | {policy_key(key) for key in self._owners(ref.namespace, news)})

    def refers(self, namespace: str, secret: str) -> bool:
        """Whether a pod that has not finished refers to the Secret."""
        return bool(self._users[namespace][secret])

    def signed(self, pod_uid: str, found: SignedFor) -> None:
        """Remember who signed a pod's certificate; of several the one that ends last counts. Of a pod that is not there: no."""
        if pod_uid not in self._uids:
            return
        known = self._signed.get(pod_uid)
        if known is None or known.ends <= found.ends:
            self._signed[pod_uid] = found

    def certificates(self, policy: PolicyKey, signer: str) -> Mapping[str, SignedFor | None]:
        """Return by uid what is known of the certificate of each pod that asks `signer` for one of the policy."""
        return {uid: self._signed.get(uid) for uid, asked in self._pods[policy].items() if asked == signer}

    def signed_pods(self, signer: str) -> Iterable[tuple[ObjectRef, SignedFor]]:
        """Yield each pod that asks `signer` for a certificate, where it is known who signed that."""
        for ref, held in self._held.items():
            known = self._signed.get(held.uid)
            if known and any(asked == signer for _, asked in held.certificates):
                yield ref, known

    def _count(self, namespace: str, before: _Held, after: _Held) -> Iterable[PolicyKey]:
        for policy, _ in before.certificates:
            self._pods[namespace, policy].pop(before.uid, None)
        for policy, signer in after.certificates:
            self._pods[namespace, policy][after.uid] = signer
        same = before.uid == after.uid
        changed = before.certificates ^ after.certificates if same else before.certificates | after.certificates
        return {(namespace, policy) for policy, _ in changed}

    def _owners(self, namespace: str, secrets: set[str]) -> Iterable[PolicyKey]:
        if not secrets:
            return ()
        return [
            key
            for key, policy in self._policies.items()
            if key[0] == namespace
            and isinstance(policy, PolicyView)
            and policy.spec.secret_name(policy.name) in secrets
        ]
