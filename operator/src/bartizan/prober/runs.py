"""One run: a probe pod made, waited for, read and taken away; and the report of what it and the witness saw.

Whatever becomes of the pod, it is deleted, and what was not seen is reported as not seen. A connection that came out against
what is declared is believed only if its destination and the NetworkPolicy are still what they were when it was chosen.
"""

import asyncio
import contextlib
import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import structlog

from bartizan.api.kinds import POD, POLICY, ROLE_BINDING
from bartizan.api.names import PROBE_LABEL, KubeObject, network_policy_name
from bartizan.api.v1alpha1 import ProbedFlow, ProbeReport, ServedSighting
from bartizan.core.conditions import dumped
from bartizan.core.emit import sealed_hash
from bartizan.core.model import ObjectRef, PolicyKey, PolicyView
from bartizan.core.namespace import PROBES_NAME
from bartizan.core.network.probe_pod import LIVES, NAME_PREFIX, probe_pod
from bartizan.core.network.probe_wire import Answer, Target, UnreadableProbeError, read_answer
from bartizan.core.network.probing import Landscape, Planned, contradicts, inward, observed, outward, probe_labels
from bartizan.core.network.semantics import Endpoint
from bartizan.core.pods import has_finished
from bartizan.core.served.looks import looks, sightings
from bartizan.kube.api import KubeApi
from bartizan.kube.clock import Clock
from bartizan.kube.errors import KubeError, NotFoundError
from bartizan.prober.connect import Patience, run
from bartizan.prober.landscape import Terrain
from bartizan.prober.settings import ProberSettings

_log: Final = structlog.get_logger("bartizan.prober")
_GLANCE: Final = timedelta(milliseconds=500)
_GRACE: Final = timedelta(seconds=15)
"""How much longer than its own life a pod is waited for: the kubelet reports its end a little later."""
_LONGEST_PROBLEM: Final = 512


class ProbeFailedError(Exception):
    """A probe pod did not say what it saw; the message says why."""


class Runs:
    """Probes one policy at a time; several may be under way."""

    def __init__(
        self, api: KubeApi, terrain: Terrain, settings: ProberSettings, clock: Clock, patience: Patience
    ) -> None:
        self._api = api
        self._terrain = terrain
        self._settings = settings
        self._clock = clock
        self._patience = patience
        self._alive: set[str] = set()

    async def probe(self, policy: PolicyView, landscape: Landscape) -> None:
        """Try what is to be tried for one policy and write the report.

        Raises:
            KubeError: the report could not be written.
        """
        before = _chosen_by(policy.key, landscape)
        (calls, served, problem), answers = await asyncio.gather(
            self._from_within(policy, landscape), self._from_outside(policy, landscape)
        )
        flows = await self._confirmed((*calls, *answers), policy, landscape)
        if not before or sealed_hash(self._terrain.network_policy(policy.key)) != before:
            _log.info("changed meanwhile, probed again soon", policy="/".join(policy.key))
            return
        at = self._clock.now().replace(microsecond=0)
        await self._report(
            policy, ProbeReport(network=before, at=at, flows=flows, served=served, problem=problem or None)
        )
        _log.info(
            "probed",
            policy="/".join(policy.key),
            tried=len(flows),
            against=sum(contradicts(flow) for flow in flows),
            certificates=sum(one.seen == "Certificate" for one in served),
            problem=problem,
        )

    async def _report(self, policy: PolicyView, report: ProbeReport) -> None:
        meta = {"name": policy.name, "namespace": policy.namespace}
        item = {"apiVersion": POLICY.api_version, "kind": POLICY.kind, "metadata": meta}
        status = {"probes": dumped(report)}
        await self._api.apply({**item, "status": status}, manager="bartizan/probes", force=True, status=True)

    async def _from_within(
        self, policy: PolicyView, landscape: Landscape
    ) -> tuple[list[tuple[Planned, ProbedFlow]], tuple[ServedSighting, ...], str]:
        """Return what a probe pod saw, of connections and of certificates, and why not, if it saw nothing."""
        labels = probe_labels(policy, landscape.pods.get(policy.key, ()))
        if labels is None:
            return [], (), "no probe pod can carry labels that spec.workload.selector selects"
        moment, before = self._clock.now().timestamp(), self._terrain.served_before(policy.key)
        planned = outward(policy, labels, landscape, turn=int(moment // self._settings.interval.total_seconds()))
        looked = looks(policy, labels, landscape, turn=int(moment), before=before)
        try:
            pod = probe_pod(
                policy,
                name=f"{NAME_PREFIX}{policy.name}-{secrets.token_hex(3)}",
                access_uid=await self._access(policy.namespace),
                labels=labels,
                image=self._settings.image,
                pull_policy=self._settings.pull_policy,
                targets=[*(one.target for one in planned), *(look.target for look in looked)],
            )
            said = await self._answer(pod, targets=len(planned), looks=len(looked))
        except (ProbeFailedError, UnreadableProbeError, KubeError) as error:
            problem = f"the probe pod told nothing: {error}"[:_LONGEST_PROBLEM]
            return [(one, one.flow) for one in planned], (), problem
        found = observed(planned, said.outcomes, alive=said.alive)
        problem = "" if said.alive else "the probe pod reached nothing at all, not even the DNS service"
        served = sightings(looked, said.served, landscape, at=self._clock.now().replace(microsecond=0), before=before)
        return list(zip(planned, found, strict=True)), served, problem

    async def _access(self, namespace: str) -> str:
        """Return the uid of the RoleBinding that lets the prober make pods in a namespace."""
        ref = ObjectRef(
            api_version=ROLE_BINDING.api_version, kind=ROLE_BINDING.kind, namespace=namespace, name=PROBES_NAME
        )
        return str((await self._api.get(ref))["metadata"]["uid"])

    async def _from_outside(self, policy: PolicyView, landscape: Landscape) -> list[tuple[Planned, ProbedFlow]]:
        """Return what the witness itself saw of the policy's ports."""
        planned = inward(policy, landscape)
        if not planned:
            return []
        host, port = self._settings.control
        said = await run([one.target for one in planned], Target(host, port, awaited=True), self._patience)
        return list(zip(planned, observed(planned, said.outcomes, alive=said.alive), strict=True))

    async def _confirmed(
        self, pairs: Sequence[tuple[Planned, ProbedFlow]], policy: PolicyView, landscape: Landscape
    ) -> tuple[ProbedFlow, ...]:
        """Return the flows; a contradiction about a pod that is not there any more is none."""
        if not any(contradicts(flow) for _, flow in pairs):
            return tuple(flow for _, flow in pairs)
        now = await self._terrain.look()
        still = {_place(pod) for pods in now.pods.values() for pod in pods}
        same = all(
            now.network_policies.get(space) == landscape.network_policies.get(space)
            for space in {policy.namespace, *(one.pod.namespace for one, _ in pairs if one.pod)}
        )
        return tuple(
            flow.model_copy(update={"seen": "Unclear"})
            if contradicts(flow) and not (same and (one.pod is None or _place(one.pod) in still))
            else flow
            for one, flow in pairs
        )

    async def _answer(self, pod: KubeObject, *, targets: int, looks: int) -> Answer:
        """Make the pod, wait for its last words and take it away."""
        ref = ObjectRef.of(pod)
        self._alive.add(ref.name)
        try:
            await self._api.create(pod, manager="bartizan/probes")
            return read_answer(await self._last_words(ref), targets=targets, looks=looks)
        finally:
            self._alive.discard(ref.name)
            with contextlib.suppress(KubeError):
                await self._api.delete(ref)

    async def _last_words(self, ref: ObjectRef) -> str:
        end = self._clock.monotonic() + (LIVES + _GRACE).total_seconds()
        seen: KubeObject = {}
        while self._clock.monotonic() < end:
            await self._clock.sleep(_GLANCE)
            try:
                seen = await self._api.get(ref)
            except NotFoundError:
                raise ProbeFailedError("somebody deleted it") from None
            if has_finished(seen):
                return _message(seen)
        raise ProbeFailedError(f"it did not end in time: {_waiting_for(seen)}")

    async def sweep(self, namespaces: Sequence[str]) -> None:
        """Delete probe pods of runs that are over: left behind by a former prober, or by a deletion that failed."""
        for namespace in namespaces:
            with contextlib.suppress(KubeError):
                for item in (await self._api.list(POD, namespace=namespace, label_selector=PROBE_LABEL)).items:
                    name = item["metadata"]["name"]
                    if name.startswith(NAME_PREFIX) and name not in self._alive:
                        await self._api.delete(ObjectRef.of(item), uid=item["metadata"]["uid"])


def _chosen_by(key: PolicyKey, landscape: Landscape) -> str:
    """Return the hash of the policy's NetworkPolicy that the targets were chosen by."""
    namespace, name = key
    held = landscape.network_policies.get(namespace, ())
    return sealed_hash(next((item for item in held if item["metadata"]["name"] == network_policy_name(name)), None))


def _message(pod: KubeObject) -> str:
    """Return the termination message.

    Raises:
        ProbeFailedError: there is none.
    """
    status = pod.get("status") or {}
    ended = [one.get("state", {}).get("terminated") or {} for one in status.get("containerStatuses") or ()]
    text = next((str(one["message"]) for one in ended if one.get("message")), "")
    if not text or status.get("phase") == "Failed":
        reasons = [status.get("reason"), *(one.get("reason") for one in ended), text[:200], _waiting_for(pod)]
        raise ProbeFailedError(", ".join(str(one) for one in reasons if one) or "it ended without a word")
    return text


def _waiting_for(pod: KubeObject) -> str:
    status = pod.get("status") or {}
    waits = [one.get("state", {}).get("waiting") or {} for one in status.get("containerStatuses") or ()]
    unmet = [c for c in status.get("conditions") or () if c.get("type") == "PodScheduled" and c.get("status") != "True"]
    return ", ".join(str(one["reason"]) for one in (*waits, *unmet) if one.get("reason"))


def _place(pod: Endpoint) -> tuple[str, str, str]:
    return (pod.namespace, pod.name, pod.ip)
