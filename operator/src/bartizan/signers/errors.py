"""What can keep a signer from signing.

SignerError
├── AuthorityNotUsableError    the authority is not valid now, or its key cannot sign
└── RemoteSignerError          an external issuer cannot be asked
"""


class SignerError(Exception):
    """A signer could not sign; the message says which authority and why, and never holds a key."""


class AuthorityNotUsableError(SignerError):
    """The authority is outside its validity, or its key is missing, unreadable or of a kind that cannot sign."""


class RemoteSignerError(SignerError):
    """An external issuer cannot be asked; the message names it, and holds no token."""
