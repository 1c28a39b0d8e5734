"""Carries the Secrets of peers into their volumes, late: a kubelet notices a change within its sync period, not at once.

The delay is drawn anew for every change and peer, so that peers hold different publications at the same time in every
combination.
"""

from __future__ import annotations

import asyncio
import random
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from bartizan.api.names import KubeObject
from handshakes.bartizan import Bartizan
from handshakes.volume import CERTIFICATE, COMBINED, KEY, Volume

_LOOK = 0.05
_COMPLETE = frozenset({"tls.crt", "tls.key", "ca.crt"})


@dataclass(frozen=True)
class Kubelet:
    """Carries until cancelled."""

    bartizan: Bartizan
    latest: timedelta
    """The longest delay."""
    chance: random.Random

    async def carry(self, name: str, volume: Volume, mounted: asyncio.Event) -> None:
        """Keep `volume` as the Secret of peer `name` is, setting `mounted` once it holds anything; the first time at once."""
        version = ""
        while True:
            secret = self.bartizan.secret(name)
            if secret and secret["metadata"]["resourceVersion"] != version and _data(secret).keys() >= _COMPLETE:
                if mounted.is_set():
                    await asyncio.sleep(self.chance.uniform(0, self.latest.total_seconds()))
                    secret = self.bartizan.secret(name) or secret
                version = secret["metadata"]["resourceVersion"]
                volume.publish(_files(secret))
                mounted.set()
            await asyncio.sleep(_LOOK)


def _data(secret: KubeObject) -> Mapping[str, str]:
    return secret.get("data") or {}


def _files(secret: KubeObject) -> dict[str, bytes]:
    content = {name: b64decode(text) for name, text in _data(secret).items()}
    return {COMBINED: content[CERTIFICATE] + content[KEY], **content}
