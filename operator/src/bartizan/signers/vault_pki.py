"""Vault's PKI secrets engine as a `RemoteSigner`: each request is a call of its own, made beside the queue and not in it.

Vault keeps no requests: what was asked for lives and ends with this process.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from bartizan.core.model import PolicyKey, PolicyView
from bartizan.core.pki.external.asking import Answer, Failed, Gone, Pending, SigningRequest
from bartizan.core.reasons import Reason
from bartizan.signers.vault_client import VaultClient

_AT_ONCE: Final = 8
"""Calls under way at the same time; further ones wait their turn."""


class VaultSigner:
    """Calls under way, by policy."""

    def __init__(self, client: VaultClient, check: Callable[[], None]) -> None:
        """Ask through `client`; `check` raises where this replica may not, since Vault itself would not refuse it."""
        self._client = client
        self._check = check
        self._turn = asyncio.Semaphore(_AT_ONCE)
        self._calls: dict[PolicyKey, tuple[str, asyncio.Task[Answer]]] = {}

    async def ask(self, policy: PolicyView, request: SigningRequest) -> None:
        """Begin the call; a former one of the policy is cancelled."""
        self._check()
        before = self._calls.pop(policy.key, None)
        if before:
            before[1].cancel()
        self._calls[policy.key] = (request.name, asyncio.create_task(self._sign(request)))

    async def poll(self, request: SigningRequest) -> Answer:
        """Return what the call has come to."""
        name, call = self._calls.get(request.policy, ("", None))
        if name != request.name or call is None or call.cancelled():
            return Gone()
        if not call.done():
            return Pending("Vault has not answered yet")
        error = call.exception()
        if error:
            return Failed(Reason.ISSUER_FAILED, f"the call to Vault ended unforeseen ({type(error).__name__})")
        return call.result()

    async def close(self) -> None:
        """Cancel what is under way and close the connections."""
        calls = [call for _, call in self._calls.values()]
        self._calls.clear()
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        await self._client.close()

    async def _sign(self, request: SigningRequest) -> Answer:
        async with self._turn:
            return await self._client.sign(request)
