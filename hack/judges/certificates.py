"""Go's verifier, zlint and go-spiffe: whether a chain is accepted by the libraries that most peers are built with.

Facts about them that callers must know: Go never checks a purpose that a certificate does not name (a certificate without
extended key usage passes both), zlint looks only at the first certificate of a chain, and its sources for the public web are
left out (`modules/certificates/main.go` lists them).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from judges.program import JudgeError, Program


@dataclass(frozen=True)
class Verdict:
    """What the three say about one chain; an empty text where they have nothing against it."""

    server: str
    """Go's verifier, for a server of the name asked about."""
    client: str
    """Go's verifier, for a client."""
    svid: str
    """go-spiffe, for the trust domain asked about."""
    id: str
    """The SPIFFE ID that go-spiffe read; empty where it accepts none."""
    findings: tuple[str, ...]
    """zlint's, each as `<source> <lint>: <status>`; sorted."""
    passed: int
    """How many of zlint's rules looked and found nothing."""


class Certificates(Program):
    """One running judge of certificates."""

    name = "certificates"

    def verdict(
        self, chain: str, roots: str, *, now: datetime, dns_name: str = "", trust_domain: str = "", key: str = ""
    ) -> Verdict:
        """Return what is thought of a PEM chain under a PEM bundle at a moment.

        Without `trust_domain` go-spiffe is not asked; `key` (PEM) it holds against the first certificate where given.

        Raises:
            JudgeError: the texts cannot be read as certificates.
        """
        answer = self.ask(
            {
                "chain": chain,
                "roots": roots,
                "now": now.isoformat(),
                "dnsName": dns_name,
                "trustDomain": trust_domain,
                "key": key,
            }
        )
        if answer.get("error"):
            raise JudgeError(f"the judge of certificates cannot read the case: {answer['error']}")
        return Verdict(
            server=answer["server"],
            client=answer["client"],
            svid=answer["svid"],
            id=answer["id"],
            findings=tuple(sorted(map(_finding, answer["findings"]))),
            passed=answer["passed"],
        )


def _finding(found: Mapping[str, Any]) -> str:
    return f"{found['source']} {found['lint']}: {found['status']}"
