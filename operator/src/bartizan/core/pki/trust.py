"""What peers are to trust and what follows a certificate, derived from the roots in use.

With a new root there are peers that know both, peers that still know the old one alone, and at last peers that know the new one
alone. Two cross-certificates join them: the *bridge* (the new root's key, certified by the old root) follows every certificate
under the new root, and the old root's key, certified by the new one, stands in the bundle. Both go with the old root.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from cryptography import x509

from bartizan.core.pki.authority import Authority
from bartizan.core.pki.leaf import public_key_id
from bartizan.core.pki.pem import signed_by

_BELOW_A_BRIDGED_ROOT = 2
"""Authorities between the old root and a workload under the new one: the bridge and the issuing authority."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """The roots in use."""

    roots: tuple[x509.Certificate, ...]
    """Self-signed, oldest first; also those whose keys are lost."""
    at_hand: tuple[Authority, ...]
    """Those of them whose keys are at hand, with their bridges."""
    further: tuple[x509.Certificate, ...] = ()
    """Roots of others that are to be trusted too (`spec.bundle`); nothing is signed under them here."""

    @property
    def bundle(self) -> tuple[x509.Certificate, ...]:
        """The roots, then those certified by a newer one that is in use too, then those of others."""
        keys = {public_key_id(root) for root in self.roots}
        crossed = (one.old_by_new for one in self.at_hand if one.old_by_new)
        own = (*self.roots, *(one for one in crossed if public_key_id(one) in keys))
        return (*own, *(one for one in self.further if one not in own))

    def root_of(self, issuing: x509.Certificate) -> x509.Certificate | None:
        """Return the root that signed an issuing authority, or None where none in use has."""
        return next((root for root in self.roots if _signed(issuing, root)), None)

    def chain_of(self, issuing: x509.Certificate) -> tuple[x509.Certificate, ...]:
        """Return what follows a certificate that `issuing` signed: it, and the bridges that lead to older roots in use."""
        chain = [issuing]
        root = self.root_of(issuing)
        passed: set[str] = set()
        while root and (key := public_key_id(root)) not in passed:
            passed.add(key)
            bridge = next((one.bridge for one in self.at_hand if one.id == key and one.bridge), None)
            root = self._carrier(bridge) if bridge else None
            if bridge and root:
                chain.append(bridge)
        return tuple(chain)

    def _carrier(self, bridge: x509.Certificate) -> x509.Certificate | None:
        """Return the older root in use under which a chain over the bridge verifies."""
        return next((root for root in self.roots if _signed(bridge, root) and carries_bridges(root)), None)


def carries_bridges(root: x509.Certificate) -> bool:
    """Whether the root lets a chain be as long as one over a bridge is (RFC 5280 §4.2.1.9).

    Roots that bartizan made before it could rotate them allow one authority below: under those no bridge verifies.
    """
    bound = root.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length
    return bound is None or bound >= _BELOW_A_BRIDGED_ROOT


@lru_cache(maxsize=256)
def _signed(certificate: x509.Certificate, root: x509.Certificate) -> bool:
    """Whether `root` signed an authority: asked for each policy, of a handful of pairs, at a tenth of a millisecond each."""
    return signed_by(certificate, root)


def newest(authorities: Iterable[Authority]) -> Authority | None:
    """Return the authority of the highest generation."""
    return max(authorities, key=lambda one: one.generation, default=None)
