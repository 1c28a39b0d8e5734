"""The two calls that bartizan makes to HashiCorp Vault: log in with its own ServiceAccount's token, and sign a request.

Both tokens are secrets that travel in one direction only: they are in no log line and no error, redirects are not followed
(they would carry a token elsewhere), and what Vault says is passed on only after both were taken out of it.
Sources: Vault's API documentation (auth/kubernetes, secret/pki "sign certificate", and the list of status codes).
"""

import asyncio
import ssl
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import aiohttp
import orjson

from bartizan.api.v1alpha1 import VaultPKIIssuer
from bartizan.core.pki.external.asking import Failed, Signed, SigningRequest
from bartizan.core.reasons import Reason

TIMEOUT: Final = timedelta(seconds=15)
"""For one call, from connecting to the last byte."""
_RENEW_AT: Final = 2 / 3
"""The part of a login's lease after which a new one is made."""
_MOST_ANSWER: Final = 1 << 20
_SAID: Final = 300
_HINTS: Final[Mapping[int, str]] = {
    404: "there is no such path: spec.issuer.vaultPKI names the mount and the role",
    429: "it asks for less: a rate limit or a standby",
    472: "it is a disaster recovery secondary",
    473: "it is a performance standby",
    501: "it is not initialized",
    503: "it is sealed, or being maintained",
}
_DENIED: Final = frozenset({400, 401, 403})


class VaultRefusedError(Exception):
    """Vault said no or could not be asked; `failed` is what to tell."""

    def __init__(self, failed: Failed, *, code: int = 0) -> None:
        super().__init__(failed.message)
        self.failed = failed
        self.code = code


class VaultClient:
    """One Vault, one role. The login is kept in memory and made anew before it ends."""

    def __init__(self, issuer: VaultPKIIssuer, token: Callable[[], str], now: Callable[[], datetime]) -> None:
        """`token` returns the ServiceAccount's token as it is now; nothing is asked yet."""
        self._issuer = issuer
        self._token = token
        self._now = now
        self._session: aiohttp.ClientSession | None = None
        self._login = ""
        self._login_until: datetime | None = None
        self._logging_in = asyncio.Lock()

    async def sign(self, request: SigningRequest) -> Signed | Failed:
        """Return the signed chain, or why there is none."""
        try:
            try:
                return await self._signed(request)
            except VaultRefusedError as refused:
                if refused.code != 403 or not self._login:
                    raise
            # The login may have been revoked, or its policy changed: once more with a new one tells.
            self._login = ""
            return await self._signed(request)
        except VaultRefusedError as refused:
            return refused.failed

    async def close(self) -> None:
        """Close the connections and forget the login."""
        session, self._session, self._login = self._session, None, ""
        if session:
            await session.close()

    async def _signed(self, request: SigningRequest) -> Signed:
        login = await self._logged_in()
        issuer = self._issuer
        body = {
            "csr": request.csr_pem,
            "ttl": f"{request.lifetime // timedelta(seconds=1)}s",
            "format": "pem",
            "uri_sans": request.spiffe_id,
            "alt_names": ",".join(request.dns_names),
            "exclude_cn_from_sans": True,
        }
        answer = await self._post(f"{issuer.path}/sign/{issuer.role}", body, login)
        data = answer.get("data")
        parts = data if isinstance(data, Mapping) else {}
        chain = parts.get("ca_chain") or [parts.get("issuing_ca") or ""]
        leaf = parts.get("certificate")
        if not isinstance(leaf, str) or not isinstance(chain, list) or not all(isinstance(one, str) for one in chain):
            raise self._refused(Reason.ISSUER_FAILED, "answered without a certificate")
        return Signed("\n".join(part.strip() for part in (leaf, *chain) if part.strip()) + "\n")

    async def _logged_in(self) -> str:
        async with self._logging_in:
            if self._login and self._login_until and self._now() < self._login_until:
                return self._login
            auth = self._issuer.auth
            jwt = self._own_token()
            answer = await self._post(f"auth/{auth.path}/login", {"role": auth.role, "jwt": jwt}, jwt)
            found = answer.get("auth")
            given = found if isinstance(found, Mapping) else {}
            login, lease = given.get("client_token"), given.get("lease_duration")
            if not isinstance(login, str) or not login:
                raise self._refused(Reason.ISSUER_FAILED, f"answered the login at auth/{auth.path} without a token")
            # A lease of 0 never ends; it is looked at again each hour all the same.
            seconds = lease if isinstance(lease, int) and lease > 0 else 3600
            self._login, self._login_until = login, self._now() + timedelta(seconds=seconds * _RENEW_AT)
            return login

    def _own_token(self) -> str:
        try:
            return self._token()
        except OSError as error:
            words = f"cannot be asked: the token to log in with cannot be read ({error.strerror}); "
            fix = "the chart's issuers.vaultPKI.enabled mounts it"
            raise self._refused(Reason.ISSUER_FAILED, words + fix) from None

    async def _post(self, path: str, body: Mapping[str, Any], secret: str) -> Mapping[str, Any]:
        """Return Vault's answer. `secret` is the login that is sent along, or the token in the body of a login."""
        headers = {"X-Vault-Request": "true"}
        if "jwt" not in body:
            headers["X-Vault-Token"] = secret
        try:
            session = self._connected()
            url = f"{self._issuer.server}/v1/{path}"
            async with session.post(url, json=body, headers=headers, allow_redirects=False) as answer:
                raw = await answer.content.read(_MOST_ANSWER)
                code = answer.status
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            words = _without(str(error) or type(error).__name__, secret)
            raise self._refused(Reason.ISSUER_FAILED, f"cannot be reached: {words}") from None
        said = _json(raw)
        if code == 200:
            return said
        listed = said.get("errors")
        words = "; ".join(str(one) for one in listed) if isinstance(listed, list) else ""
        words = _without(words, secret) or _HINTS.get(code, "no reason given")
        reason = Reason.ISSUER_DENIED if code in _DENIED else Reason.ISSUER_FAILED
        hint = f" ({_HINTS[code]})" if code in _HINTS and words != _HINTS[code] else ""
        raise self._refused(reason, f"answered {path} with {code}: {words}{hint}", code=code)

    def _refused(self, reason: Reason, words: str, *, code: int = 0) -> VaultRefusedError:
        return VaultRefusedError(Failed(reason, f"Vault at {self._issuer.server} {words}"), code=code)

    def _connected(self) -> aiohttp.ClientSession:
        if self._session is None:
            context = ssl.create_default_context(cadata=self._issuer.ca_bundle)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=context),
                timeout=aiohttp.ClientTimeout(total=TIMEOUT.total_seconds()),
                trust_env=False,
            )
        return self._session


def _json(raw: bytes) -> Mapping[str, Any]:
    try:
        found = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, Mapping) else {}


def _without(text: str, secret: str) -> str:
    """Return foreign words on one line, shortened, without the secret that was sent."""
    bare = text.replace(secret, "…") if secret else text
    return " ".join(bare.split())[:_SAID]
