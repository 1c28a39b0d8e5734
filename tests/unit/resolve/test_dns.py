"""The resolver against a DNS server on the loopback that answers with real packets."""

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from bartizan.core.network.names import Answer
from bartizan.resolve.dns import DnsResolver

ZONE = {
    ("plain.example.", "A"): ["plain.example. 60 IN A 192.0.2.1", "plain.example. 60 IN A 192.0.2.2"],
    ("plain.example.", "AAAA"): ["plain.example. 30 IN AAAA 2001:db8::1"],
    ("alias.example.", "A"): ["alias.example. 7 IN CNAME far.example.", "far.example. 300 IN A 192.0.2.3"],
    ("four.example.", "A"): ["four.example. 90 IN A 192.0.2.4"],
    ("broken.example.", "A"): None,
    ("broken.example.", "AAAA"): None,
    ("half.example.", "A"): ["half.example. 20 IN A 192.0.2.5"],
    ("half.example.", "AAAA"): None,
}


class Server(asyncio.DatagramProtocol):
    """Answers from the zone; None is SERVFAIL, an unknown name NXDOMAIN, an unknown type no data."""

    def connection_made(self, transport):
        """Remember where to answer."""
        self.transport = transport

    def datagram_received(self, data, addr):
        """Answer one question."""
        query = dns.message.from_wire(data)
        question = query.question[0]
        name, kind = question.name.to_text(), question.rdtype.name
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.RA
        lines = ZONE.get((name, kind), [])
        if lines is None:
            reply.set_rcode(dns.rcode.SERVFAIL)
        elif not lines and not any(known == name for known, _ in ZONE):
            reply.set_rcode(dns.rcode.NXDOMAIN)
        groups = {}
        for line in lines or ():
            owner, ttl, _, rtype, value = line.split()
            groups.setdefault((owner, int(ttl), rtype), []).append(value)
        reply.answer = [
            dns.rrset.from_text_list(owner, ttl, "IN", rtype, values) for (owner, ttl, rtype), values in groups.items()
        ]
        self.transport.sendto(reply.to_wire(), addr)


@asynccontextmanager
async def a_resolver():
    """A resolver that asks the server."""
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Server, local_addr=("127.0.0.1", 0))
    try:
        yield DnsResolver(transport.get_extra_info("sockname")[:2])
    finally:
        transport.close()


ANSWERS = {
    "plain.example": (("192.0.2.1", "192.0.2.2", "2001:db8::1"), 30),
    "alias.example": (("192.0.2.3",), 7),
    "four.example": (("192.0.2.4",), 90),
    "half.example": (("192.0.2.5",), 20),
    "gone.example": ((), 0),
}


@pytest.mark.parametrize("name", ANSWERS)
async def test_what_a_name_comes_to(name):
    """Both families, the shortest time to live along aliases; a family that fails does not take the other along."""
    addresses, seconds = ANSWERS[name]
    async with a_resolver() as resolver:
        assert await resolver.resolve(name) == Answer(addresses=addresses, ttl=timedelta(seconds=seconds))


async def test_a_server_that_fails_is_no_answer():
    """It says that DNS does not answer, not that the name has no addresses."""
    async with a_resolver() as resolver:
        answer = await resolver.resolve("broken.example")
    assert (answer.addresses, "does not answer for broken.example" in answer.problem) == ((), True)
