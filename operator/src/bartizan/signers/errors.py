"""What can keep a signer from signing.

SignerError
└── AuthorityNotUsableError    the authority is not valid now, or its key cannot sign
"""


class SignerError(Exception):
    """A signer could not sign; the message says which authority and why, and never holds a key."""


class AuthorityNotUsableError(SignerError):
    """The authority is outside its validity, or its key is missing, unreadable or of a kind that cannot sign."""
