"""Looks for private keys in everything that etcd holds, whichever way it is written down.

etcd's own JSON gateway is asked (it listens where only the cluster's network namespace can reach it), for every key there is.
"""

import base64
import json
import re
import subprocess
from pathlib import Path

_PYTHON = "/usr/bin/python3"
_ASK = """
import json, sys, urllib.request
url, start = "http://127.0.0.1:2379/v3/kv/range", "AA=="
while start:
    body = json.dumps({"key": start, "range_end": "AA==", "limit": 500}).encode()
    with urllib.request.urlopen(urllib.request.Request(url, body), timeout=30) as answer:
        found = json.load(answer)
    for pair in found.get("kvs", []):
        print(json.dumps([pair["key"], pair.get("value", "")]))
    import base64
    last = base64.b64decode(found["kvs"][-1]["key"]) if found.get("more") else None
    start = base64.b64encode(last + bytes(1)).decode() if last else None
"""
_P256 = bytes.fromhex("06082a8648ce3d030107")
_EC = bytes.fromhex("06072a8648ce3d0201")
_PEM = re.compile(rb"-----BEGIN ([A-Z0-9]+ )*PRIVATE KEY-----")
MARKERS = {
    "PEM": _PEM,
    "PEM in base64": re.compile(
        b"|".join(
            re.escape(_inner)
            for text in (b"BEGIN PRIVATE KEY", b"BEGIN EC PRIVATE KEY", b"BEGIN RSA PRIVATE KEY")
            for shift in range(3)
            # Of each of the three alignments, the part that does not depend on what stands around it.
            for _inner in [base64.b64encode(bytes(shift) + text)[4 if shift else 0 : -4]]
        )
    ),
    "PKCS #8 in DER": re.compile(
        re.escape(_EC + _P256 + bytes.fromhex("046d306b020101")) + b"|" + re.escape(bytes.fromhex("300506032b657004220420"))
    ),
    "SEC1 in DER": re.compile(re.escape(bytes.fromhex("30770201010420")) + b".{32}" + re.escape(b"\xa0\x0a" + _P256), re.DOTALL),
}  # fmt: skip


def dump(cluster_name: str) -> dict[str, bytes]:
    """Return every key and value of the etcd of a local cluster."""
    netns = Path("/run/netns") / f"bartizan-{cluster_name}"
    told = subprocess.run(
        ["nsenter", f"--net={netns}", _PYTHON, "-c", _ASK], capture_output=True, text=True, check=True
    ).stdout
    pairs = (json.loads(line) for line in told.splitlines())
    return {base64.b64decode(key).decode(errors="replace"): base64.b64decode(value) for key, value in pairs}


def private_keys(held: dict[str, bytes]) -> dict[str, list[str]]:
    """Return where something looks like a private key, and like which."""
    found = {key: [name for name, marker in MARKERS.items() if marker.search(value)] for key, value in held.items()}
    return {key: names for key, names in found.items() if names}
