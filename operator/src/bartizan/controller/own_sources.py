"""The sources that every controller has: access, the authorities' Secrets, what runs, and what is around."""

from bartizan.api.kinds import ROLE, ROLE_BINDING, SECRET
from bartizan.controller.intake import Intake
from bartizan.controller.sources import AROUND, OURS, ReflectorSource
from bartizan.controller.world import World
from bartizan.core.shapes import TEMPLATES
from bartizan.kube.api import KubeApi
from bartizan.kube.clock import Clock


def own_sources(
    api: KubeApi, world: World, intake: Intake, *, around: Intake, release_namespace: str, clock: Clock
) -> tuple[ReflectorSource, ...]:
    """Return the sources; what runs and what is around goes to `around`, which gathers bursts."""
    places = ((ROLE_BINDING, ""), (ROLE, ""), (SECRET, release_namespace))
    kept = tuple(
        ReflectorSource(api, world, intake, kinds=((kind, OURS),), namespace=namespace, clock=clock)
        for kind, namespace in places
    )
    templates = [(kind, "") for kind in TEMPLATES]
    return (
        *kept,
        ReflectorSource(api, world, intake, kinds=templates, clock=clock, templates=True),
        ReflectorSource(api, world, around, kinds=AROUND, clock=clock),
    )
