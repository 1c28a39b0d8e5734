"""Signs for a key that somebody else holds: a pod's, made on its node.

No private key but the authority's is touched here, and none is returned.
"""

from datetime import datetime, timedelta

from cryptography import x509

from bartizan.core.pki.authority import Authority, Role
from bartizan.core.pki.pod_request import PublicKey
from bartizan.core.pki.profile import BACKDATE, LeafProfile
from bartizan.signers.certificates import leaf_builder, load_key, signed, validity
from bartizan.signers.errors import AuthorityNotUsableError


def sign_for_key(
    profile: LeafProfile, key: PublicKey, authority: Authority, *, span: timedelta, now: datetime
) -> x509.Certificate:
    """Return the certificate of `key`, valid for `span` from its back-dated first moment.

    It ends with its authority at the latest. The names are those of `profile`; its lifetime is left to `span`, which is what
    the API server judges (KEP-4317).

    Raises:
        AuthorityNotUsableError: `authority` is a root, is not valid now, or its key cannot be read.
    """
    if authority.role is not Role.ISSUING:
        raise AuthorityNotUsableError(f"{authority.secret_name} is a root: it signs authorities only")
    times = validity(now, lifetime=span - BACKDATE, backdate=BACKDATE, within=authority.certificate)
    builder = leaf_builder(
        key,
        uris=(profile.spiffe_id,),
        dns_names=profile.dns_names,
        client=True,
        times=times,
        common_name=profile.common_name,
    )
    return signed(builder, load_key(authority.key_pem, of=authority.secret_name), authority.certificate)
