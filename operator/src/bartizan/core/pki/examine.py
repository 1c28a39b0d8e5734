"""Everything that can be wrong with a certificate, one small rule each.

A rule answers with a reason and a sentence, or with None; the first that answers wins, so they stand in the order in which a
person would want to hear them: unusable, wrong, out of time, due.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, TypeAlias

from cryptography import x509

from bartizan.api.duration import format_duration
from bartizan.api.v1alpha1.identity import DEFAULT_KEY
from bartizan.core.pki.leaf import LeafView, public_key_id, renewal_time
from bartizan.core.pki.pem import signed_by
from bartizan.core.pki.profile import backdate
from bartizan.core.pki.waves import Wave


class IssueReason(StrEnum):
    """Why a certificate is issued; a closed set, because events carry it."""

    SECRET_MISSING = "SecretMissing"  # noqa: S105 -- a reason, not a password
    DATA_MISSING = "DataMissing"
    UNREADABLE = "Unreadable"
    KEY_MISMATCH = "KeyMismatch"
    KEY_ALGORITHM_CHANGED = "KeyAlgorithmChanged"
    NAMES_CHANGED = "NamesChanged"
    ISSUER_UNKNOWN = "IssuerUnknown"
    NOT_YET_VALID = "NotYetValid"
    EXPIRED = "Expired"
    LIFETIME_CHANGED = "LifetimeChanged"
    AUTHORITY_DRAINING = "AuthorityDraining"
    RENEWAL_DUE = "RenewalDue"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What a certificate is held against."""

    namespace: str
    name: str
    """The Secret's."""
    uris: tuple[str, ...]
    dns_names: tuple[str, ...]
    common_name: str = ""
    key_algorithm: str = DEFAULT_KEY
    lifetime: timedelta
    chains: tuple[tuple[x509.Certificate, ...], ...]
    """What may follow it in tls.crt: each begins with an authority that may have signed it."""
    now: datetime
    draining: Mapping[str, Wave] = field(default_factory=dict)
    """Authorities (ids) whose certificates are issued anew although they are good, and when."""

    def turn(self, leaf: LeafView) -> datetime | None:
        """Return when the certificate is issued anew because its authority drains; None: it does not."""
        wave = self.draining.get(public_key_id(leaf.chain[0])) if self.draining and leaf.chain else None
        return wave.due(leaf) if wave else None

    def chain_for(self, leaf: LeafView) -> tuple[x509.Certificate, ...] | None:
        """Return what should follow the certificate, by the authority that does; None where that one is not in force."""
        return next((chain for chain in self.chains if leaf.chain[:1] == chain[:1]), None)


Finding: TypeAlias = tuple[IssueReason, str]
Rule: TypeAlias = Callable[[Expectation, LeafView], Finding | None]


def examine(expected: Expectation, leaf: LeafView) -> Finding | None:
    """Return the first thing that is wrong with the certificate, or None where it is good until its renewal."""
    return next((finding for rule in RULES if (finding := rule(expected, leaf))), None)


def key_belongs(_: Expectation, leaf: LeafView) -> Finding | None:
    """The key must be the certificate's own."""
    if leaf.key_fits:
        return None
    return (IssueReason.KEY_MISMATCH, "tls.key is not the private key of the certificate in tls.crt")


def key_is_of_the_kind(expected: Expectation, leaf: LeafView) -> Finding | None:
    """The key must be made for the algorithm that is declared."""
    if leaf.key_algorithm == expected.key_algorithm:
        return None
    message = f"the key is of kind {leaf.key_algorithm}, and {expected.key_algorithm} is asked for"
    return (IssueReason.KEY_ALGORITHM_CHANGED, message)


def names_agree(expected: Expectation, leaf: LeafView) -> Finding | None:
    """The certificate must say exactly the names it should: one too many is a claim nobody made."""
    have, want = {*leaf.uris, *leaf.dns_names}, {*expected.uris, *expected.dns_names}
    if have == want and len(leaf.uris) == len(expected.uris):
        return None
    changes = [
        f"{verb} {', '.join(sorted(names))}"
        for verb, names in (("lacks", want - have), ("must no longer name", have - want))
        if names
    ]
    return (IssueReason.NAMES_CHANGED, f"the certificate {' and '.join(changes) or 'repeats a name'}")


def subject_agrees(expected: Expectation, leaf: LeafView) -> Finding | None:
    """The common name is a name too: it must be the one that is allowed, and alone in the subject."""
    if leaf.subject == expected.common_name:
        return None
    had, wanted = leaf.subject or "empty", expected.common_name or "empty"
    return (IssueReason.NAMES_CHANGED, f"the certificate's subject is {had}, must be {wanted}")


def issuer_stands(expected: Expectation, leaf: LeafView) -> Finding | None:
    """An authority in force must have signed it, must follow it in tls.crt, and must not end before it.

    What follows the authority is no reason for a new key: the Secret is written again with the right one.
    """
    chain = expected.chain_for(leaf)
    if not chain:
        found = ", ".join(public_key_id(one) or "unreadable" for one in leaf.chain[:1]) or "none"
        allowed = ", ".join(public_key_id(one[0]) for one in expected.chains) or "none"
        return (
            IssueReason.ISSUER_UNKNOWN,
            f"the authority in tls.crt ({found}) is not one in force ({allowed})",
        )
    issuer = chain[0]
    if signed_by(leaf.certificate, issuer):
        return None
    if leaf.not_after > issuer.not_valid_after_utc:
        problem = f"outlives its authority, which ends {_moment(issuer.not_valid_after_utc)}"
    else:
        problem = f"is not signed by the authority that follows it ({public_key_id(issuer)})"
    return (IssueReason.ISSUER_UNKNOWN, f"the certificate {problem}")


def has_begun(expected: Expectation, leaf: LeafView) -> Finding | None:
    """The certificate must be valid already; being back-dated, it only is not where a clock was set back."""
    if leaf.not_before <= expected.now:
        return None
    return (
        IssueReason.NOT_YET_VALID,
        f"the certificate begins {_moment(leaf.not_before)}, and it is {_moment(expected.now)}: the clock was set back",
    )


def has_not_ended(expected: Expectation, leaf: LeafView) -> Finding | None:
    """The certificate must still be valid."""
    if expected.now <= leaf.not_after:
        return None
    return (IssueReason.EXPIRED, f"the certificate expired {_moment(leaf.not_after)}")


def lifetime_agrees(expected: Expectation, leaf: LeafView) -> Finding | None:
    """The certificate must last as long as declared; a shorter one is right where its authority ends or begins sooner."""
    early = backdate(expected.lifetime)
    want = expected.lifetime + early
    bounded = any(
        leaf.not_after == issuer.not_valid_after_utc or leaf.not_before == issuer.not_valid_before_utc
        for issuer in leaf.chain[:1]
    )
    if leaf.span == want or (leaf.span < want and bounded):
        return None
    had, asked = format_duration(leaf.span - early), format_duration(expected.lifetime)
    return (IssueReason.LIFETIME_CHANGED, f"the certificate was issued for {had}, and {asked} is asked for")


def authority_goes_on(expected: Expectation, leaf: LeafView) -> Finding | None:
    """The authority that signed it must go on; where it drains, the certificate is issued anew when its turn comes."""
    turn = expected.turn(leaf)
    if turn is None or expected.now < turn:
        return None
    return (
        IssueReason.AUTHORITY_DRAINING,
        f"its authority {public_key_id(leaf.chain[0])} is being replaced, and its turn was {_moment(turn)}",
    )


def not_yet_due(expected: Expectation, leaf: LeafView) -> Finding | None:
    """The certificate is renewed at about half of its life."""
    due = renewal_time(leaf, namespace=expected.namespace, name=expected.name)
    if expected.now < due:
        return None
    return (
        IssueReason.RENEWAL_DUE,
        f"the certificate is past half of its life: renewal was due {_moment(due)}, it ends {_moment(leaf.not_after)}",
    )


RULES: Final[Sequence[Rule]] = (
    key_belongs,
    key_is_of_the_kind,
    names_agree,
    subject_agrees,
    issuer_stands,
    has_begun,
    has_not_ended,
    lifetime_agrees,
    authority_goes_on,
    not_yet_due,
)


def _moment(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")
