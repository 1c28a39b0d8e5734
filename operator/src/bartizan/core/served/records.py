"""The first bytes of a TLS server, read far enough to see its certificate where it is sent in the clear.

Up to TLS 1.2 the server's Certificate message is plain text (RFC 5246 section 7.4.2) and comes before a server asks for the
client's certificate: it is read here, and nothing more is said to the server. TLS 1.3 encrypts it (RFC 8446 section 4.4.2); a
TLS library has to finish its own side of the handshake there. The bytes are a stranger's: reading never raises.
"""

from typing import Final, Literal, TypeAlias

Verdict: TypeAlias = Literal["plain", "unfinished", "hidden"]
"""Not TLS; TLS so far, more is needed; TLS, and what follows is encrypted or not to be understood."""

_HEADER: Final = 5
_MOST_RECORD: Final = 16384 + 2048
"""RFC 5246 section 6.2.3: the longest fragment of an encrypted record."""
_CHANGE_CIPHER, _ALERT, _HANDSHAKE, _APPLICATION = 20, 21, 22, 23
_CERTIFICATE: Final = 11
_LENGTH: Final = 3


def shown_certificate(stream: bytes) -> bytes | Verdict:
    """Return the first certificate (DER) of the Certificate message in what a server has sent, or why there is none."""
    said = bytearray()
    place = 0
    while len(stream) - place >= _HEADER:
        kind, major, minor = stream[place : place + 3]
        length = int.from_bytes(stream[place + 3 : place + _HEADER])
        known = (_ALERT, _HANDSHAKE) if place == 0 else (_CHANGE_CIPHER, _ALERT, _HANDSHAKE, _APPLICATION)
        if kind not in known or major != 3 or minor > 4 or not 0 < length <= _MOST_RECORD:
            return "plain" if place == 0 else "hidden"
        if kind in {_CHANGE_CIPHER, _APPLICATION}:
            return "hidden"
        if kind == _HANDSHAKE:
            said += stream[place + _HEADER : place + _HEADER + length]
        place += _HEADER + length
    found = _in_messages(bytes(said))
    return found if found != "unfinished" or len(stream) >= _HEADER else _short(stream)


def _short(stream: bytes) -> Verdict:
    """Judge less than the header of one record: a line of text never begins like one."""
    begins = stream[:1] in {b"", bytes([_ALERT]), bytes([_HANDSHAKE])} and stream[1:2] in {b"", b"\x03"}
    return "unfinished" if begins else "plain"


def _in_messages(said: bytes) -> bytes | Verdict:
    place = 0
    while len(said) - place >= 1 + _LENGTH:
        length = int.from_bytes(said[place + 1 : place + 1 + _LENGTH])
        body = said[place + 1 + _LENGTH : place + 1 + _LENGTH + length]
        if len(body) < length:
            return "unfinished"
        if said[place] == _CERTIFICATE:
            return _first(body)
        place += 1 + _LENGTH + length
    return "unfinished"


def _first(body: bytes) -> bytes | Verdict:
    """Return the first entry of a certificate_list; each length has three bytes."""
    length = int.from_bytes(body[_LENGTH : 2 * _LENGTH])
    found = body[2 * _LENGTH : 2 * _LENGTH + length]
    return found if length and len(found) == length else "hidden"
