"""Authorities that stand in for a trust domain's own, so that a rotation can be walked through without any of its keys.

They have new keys of no worth, and everything else that a rotation depends on: generation, life, path length, and which of them
is under which. What is signed with them leads to no root that anybody trusts.
"""

from dataclasses import replace
from typing import Final

from cryptography import x509

from bartizan.core.model import TrustDomainView
from bartizan.core.pki.authority import Authority, Role
from bartizan.core.pki.forecast_authorities import Likeness
from bartizan.signers.builtin import BuiltinSigner
from bartizan.signers.certificates import (
    Validity,
    authority_builder,
    authority_name,
    cross_signed,
    key_pem,
    load_key,
    new_key,
    self_signed,
    signed,
)

_ISSUING_PATH_LENGTH: Final = 0


class StandInSigner(BuiltinSigner):
    """Makes the authorities that there will be, as the controller would, and likenesses of those that there are."""

    def make_like(self, view: TrustDomainView, like: Likeness, root: Authority | None) -> Authority:
        """Return a stand-in. An issuing authority is signed by `root`; for a root that is the one before it, or None.

        Raises:
            AuthorityNotUsableError: the key of `root` cannot sign, which a stand-in's always can.
        """
        key, role = new_key(), like.role.lower()
        subject = authority_name(f"stand-in {role} {like.generation} of {view.spec.domain}")
        builder = authority_builder(
            key,
            subject=subject,
            domain=view.spec.domain,
            path_length=like.path_length if like.role is Role.ROOT else _ISSUING_PATH_LENGTH,
            times=Validity(start=like.not_before, end=like.not_after),
        )
        if like.role is Role.ISSUING and root:
            certificate = signed(builder, load_key(root.key_pem, of=root.secret_name), root.certificate)
        else:
            certificate = self_signed(builder, key, subject)
        made = Authority(
            trust_domain=view.name,
            role=like.role,
            generation=like.generation,
            certificate=certificate,
            key_pem=key_pem(key),
        )
        return _bridged(made, root) if like.role is Role.ROOT and root else made


def _bridged(new: Authority, old: Authority) -> Authority:
    """Return a root with bridges both ways between it and the one before it."""
    bridge: x509.Certificate | None = cross_signed(
        new.certificate, old.certificate, load_key(old.key_pem, of=old.secret_name)
    )
    old_by_new = cross_signed(old.certificate, new.certificate, load_key(new.key_pem, of=new.secret_name))
    return replace(new, bridge=bridge, old_by_new=old_by_new)
