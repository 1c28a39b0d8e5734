"""`bartizan defaults`: applies the objects `default` of the chart, as Helm can't make a definition and its objects in one go.

Server-side apply under a field manager of its own: an upgrade changes what the values changed, and nothing is ever deleted and
made anew, which would take a TrustDomain's authorities with it.
"""

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final

import typer

from bartizan.api.kinds import SECURITY_BASELINE, TRUST_DOMAIN
from bartizan.api.names import API_VERSION, DEFAULT_NAME, KubeObject
from bartizan.cli.epilog import epilog
from bartizan.errors import BartizanError
from bartizan.kube.api import KubeApi
from bartizan.kube.client import Client
from bartizan.kube.clock import Clock, SystemClock
from bartizan.kube.errors import NotFoundError, UnavailableError

MANAGER: Final = "bartizan/defaults"
EPILOG: Final = epilog(
    examples=('bartizan defaults "$(cat defaults.json)"',),
    exit_codes={0: "applied", 2: "refused, or the definitions did not appear; one line on stderr says why"},
)
_ALLOWED: Final = (SECURITY_BASELINE.kind, TRUST_DOMAIN.kind)
_PATIENCE: Final = timedelta(seconds=60)
"""How long a definition may take from its creation until it is served; a second is common."""
_PAUSE: Final = timedelta(milliseconds=500)


class DefaultsError(BartizanError):
    """The objects are not the chart's own; the message says which and what is allowed."""


def read_objects(text: str) -> list[KubeObject]:
    """Return the objects in a JSON array.

    Raises:
        DefaultsError: it is no such array, or holds anything but the two kinds under the name `default`.
    """
    try:
        items = json.loads(text)
    except json.JSONDecodeError as error:
        raise DefaultsError(f"the objects are not JSON: {error}") from None
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise DefaultsError("the objects must be a JSON array of objects")
    for item in items:
        name = (item.get("metadata") or {}).get("name")
        if item.get("apiVersion") != API_VERSION or item.get("kind") not in _ALLOWED or name != DEFAULT_NAME:
            raise DefaultsError(
                f"{item.get('kind')} {name} of {item.get('apiVersion')} is not one of the chart's own; "
                f"allowed: {' and '.join(_ALLOWED)} {DEFAULT_NAME} of {API_VERSION}"
            )
    return items


async def apply_defaults(api: KubeApi, items: list[KubeObject], *, clock: Clock | None = None) -> None:
    """Apply the objects, and wait for their definitions if they are only just being made.

    Raises:
        KubeError: an object is refused, or its definition did not appear within a minute.
    """
    clock = clock or SystemClock()
    deadline = clock.monotonic() + _PATIENCE.total_seconds()
    for item in items:
        while True:
            try:
                await api.apply(item, manager=MANAGER, force=True)
                break
            except (NotFoundError, UnavailableError):
                if clock.monotonic() > deadline:
                    raise
                await clock.sleep(_PAUSE)


def command(
    objects: Annotated[str, typer.Argument(help="A JSON array with the SecurityBaseline and TrustDomain `default`.")],
    kubeconfig: Annotated[
        Path | None,
        typer.Option(envvar="BARTIZAN_KUBECONFIG", help="How to reach the cluster; left out: the pod's own."),
    ] = None,
) -> None:
    """Apply the chart's SecurityBaseline and TrustDomain. The chart runs it after each install and upgrade."""
    items = read_objects(objects)

    async def act() -> None:
        api = await Client.connect(kubeconfig)
        try:
            await apply_defaults(api, items)
        finally:
            await api.close()

    asyncio.run(act())
    for item in items:
        print(f"applied {item['kind']} {item['metadata']['name']}")
