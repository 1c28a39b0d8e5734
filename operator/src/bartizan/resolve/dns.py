"""The cluster's DNS, asked the way a pod asks it, with the times to live that a system resolver would keep to itself.

Answers come from the resolver the controller's own pod is given, which is the cluster's: what pods are told is what counts,
and nothing that was seen on a wire is believed. What is decided from an answer is the core's business.
"""

import asyncio
from datetime import timedelta
from typing import Final

import dns.asyncresolver
import dns.exception
import dns.resolver

from bartizan.core.network.names import Answer

_PATIENCE: Final = 5.0
"""Seconds for one name, all servers and repetitions together: what the C library gives one server."""
_TYPES: Final = ("A", "AAAA")


class DnsResolver:
    """dnspython with the servers of /etc/resolv.conf, or those given as address and port."""

    def __init__(self, server: tuple[str, int] | None = None) -> None:
        """Ask `server`; left out: the system's. Reads the system's configuration anew for each name, as it may change."""
        self._server = server

    async def resolve(self, name: str) -> Answer:
        """Ask for both families at once; one that is answered counts even if the other is not."""
        try:
            resolver = self._resolver()
        except dns.exception.DNSException as error:
            return Answer(problem=f"the resolver's configuration cannot be used: {error}")
        parts = await asyncio.gather(*(_asked(resolver, name, kind) for kind in _TYPES))
        answered = [part for part in parts if not part.problem]
        if not answered:
            return parts[0]
        ttls = [part.ttl for part in answered if part.addresses]
        addresses = tuple(sorted({address for part in answered for address in part.addresses}))
        return Answer(addresses=addresses, ttl=min(ttls, default=timedelta(0)))

    def _resolver(self) -> dns.asyncresolver.Resolver:
        if self._server is None:
            return dns.asyncresolver.Resolver()
        resolver = dns.asyncresolver.Resolver(configure=False)
        resolver.nameservers = [self._server[0]]
        resolver.port = self._server[1]
        return resolver


async def _asked(resolver: dns.asyncresolver.Resolver, name: str, kind: str) -> Answer:
    try:
        found = await resolver.resolve(f"{name}.", kind, lifetime=_PATIENCE, raise_on_no_answer=False, search=False)
    except dns.resolver.NXDOMAIN:
        return Answer()
    except (dns.exception.DNSException, OSError) as error:
        return Answer(problem=f"the cluster's DNS does not answer for {name} ({type(error).__name__})")
    if found.rrset is None:
        return Answer()
    # A name may be an alias: the shortest time to live along the chain counts (RFC 1034 3.6.2).
    ttl = timedelta(seconds=found.chaining_result.minimum_ttl)
    return Answer(addresses=tuple(sorted(entry.address for entry in found.rrset)), ttl=ttl)
