"""Whom a probe asks for the certificate that it serves: the pods of services that the probed policy is declared to call.

Nothing is opened for it. A probe of a caller is let through where the caller is, so what a service serves is seen from there,
and what nobody calls is seen by nobody. All of a service's pods are asked, a few in each run, because each has a memory of its
own of the certificate that it loaded.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bartizan.api.v1alpha1 import ServedSighting
from bartizan.api.v1alpha1.probes import MOST_SIGHTINGS
from bartizan.core.emit import fingerprint
from bartizan.core.model import PolicyKey, PolicyView
from bartizan.core.network.peers import neighbours
from bartizan.core.network.ports import PortRange, own_ports
from bartizan.core.network.probe_wire import Target
from bartizan.core.network.probing import Landscape, expectation, probe_end
from bartizan.core.network.semantics import Endpoint
from bartizan.core.served.leaf import ServedLeaf
from bartizan.core.served.wire import Shown

MOST_LOOKS: Final = 20
"""Ports that one probe asks at most: as many different certificates fit into its answer beside everything else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One port of one pod to ask."""

    of: PolicyKey
    """The policy whose pod it is."""
    pod: Endpoint
    port: PortRange

    @property
    def target(self) -> Target:
        """What the probe is told."""
        return Target(self.pod.ip, self.port.first, awaited=True, tls=True)


def asked_ports(policy: PolicyView) -> tuple[PortRange, ...]:
    """Return the ports of a policy that are asked: the one of `mtls.onRotation.confirm`, else every single TCP port.

    A port that is given by a container port's name is none until somebody has looked up its number.
    """
    chosen = policy.spec.mtls.on_rotation.confirm.port
    ports = [port for port in policy.spec.network.ports if chosen is None or port.name == chosen]
    return tuple(sorted(port for port in own_ports(ports) if port.protocol == "TCP"))


def looks(
    policy: PolicyView,
    labels: Mapping[str, str],
    landscape: Landscape,
    *,
    turn: int,
    before: Iterable[ServedSighting] = (),
) -> tuple[Look, ...]:
    """Return what a probe of `policy` asks; `turn` changes from run to run and with it the choice.

    `before` is what the last run saw: a pod that did not speak TLS on a port nobody named is not asked there again.
    """
    source = probe_end(policy, labels, landscape)
    known = [landscape.policies[key] for key in {*neighbours(policy), policy.key} if key in landscape.policies]
    plain = {(one.uid, one.port) for one in before if one.seen == "NotTLS"}
    found = [
        look
        for called in known
        for look in _pods_of(called, landscape)
        if called.spec.mtls.on_rotation.confirm.port is not None or (look.pod.uid, str(look.port)) not in plain
        if expectation(source, look.pod, look.port, landscape) == "Open"
    ]
    drawn = sorted(found, key=lambda look: fingerprint([turn, policy.key, look.pod.uid, str(look.port)]))
    return tuple(drawn[:MOST_LOOKS])


def _pods_of(called: PolicyView, landscape: Landscape) -> Iterable[Look]:
    for pod in landscape.pods.get(called.key, ()):
        for port in asked_ports(called):
            yield Look(of=called.key, pod=pod, port=port)


def sightings(
    looked: Iterable[Look],
    shown: Iterable[Shown],
    landscape: Landscape,
    *,
    at: datetime,
    before: Iterable[ServedSighting] = (),
) -> tuple[ServedSighting, ...]:
    """Return what a run saw, for the report.

    A pod that was replaced during the run may have left its address to a successor. What is told then bears the uid of a pod
    that is gone, and so is about nobody. Of `before` stays what was not asked again because it is not TLS, as long as the pod
    is there.
    """
    seen = [_sighting(look, one, at) for look, one in zip(looked, shown, strict=True) if look.pod.uid]
    asked = {(one.uid, one.port) for one in seen}
    there = {pod.uid for pods in landscape.pods.values() for pod in pods}
    kept = [one for one in before if one.seen == "NotTLS" and one.uid in there and (one.uid, one.port) not in asked]
    return (*seen, *kept[: MOST_SIGHTINGS - MOST_LOOKS])


def _sighting(look: Look, one: Shown, at: datetime) -> ServedSighting:
    place = {"of": "/".join(look.of), "pod": look.pod.name, "uid": look.pod.uid, "port": str(look.port), "at": at}
    if not isinstance(one, ServedLeaf):
        return ServedSighting(**place, seen="NotTLS" if one == "plain" else "Unclear")
    return ServedSighting(
        **place,
        seen="Certificate",
        fingerprint=one.fingerprint,
        authority=one.authority or None,
        serial=one.serial or None,
        not_after=one.not_after,
    )
