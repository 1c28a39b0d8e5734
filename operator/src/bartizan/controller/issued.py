"""The line that the log has of each certificate issued into a Secret, whoever signed it: whose it is, never its key.

The ledger forgets a certificate that has expired, and has none that an external issuer signed; the log is for
whoever asks later.
"""

from typing import Final

import structlog

from bartizan.core.model import PolicyView
from bartizan.core.pki.examine import IssueReason
from bartizan.core.pki.leaf import LeafView, public_key_id

_log: Final = structlog.get_logger("bartizan.certificates")


def tell_issued(policy: PolicyView, leaf: LeafView, reason: IssueReason) -> None:
    """Write the line of a certificate that is about to be published."""
    _log.info(
        "issued",
        namespace=policy.namespace,
        policy=policy.name,
        trust_domain=policy.spec.identity.trust_domain,
        serial=leaf.serial,
        authority=public_key_id(leaf.chain[0]) if leaf.chain else "",
        not_after=leaf.not_after.isoformat(),
        reason=reason.value,
    )
