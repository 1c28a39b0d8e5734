"""One end of a mutual TLS connection, run in a pod by the operator's own image: it has a Python and nothing else.

`serve NAME` answers each client with what it saw of it, `call NAME HOST` calls every few seconds and prints what both saw. Every
connection reads the mounted files anew, as a service does that follows its certificate. Peers are known by their SPIFFE ID alone:
the certificate must chain to the bundle, and its one URI must be the name that was given.
"""

import json
import socket
import ssl
import sys
import time

FILES = "/var/run/secrets/bartizan.dev/tls/"
PORT = 9443


def context(purpose: ssl._SSLMethod) -> ssl.SSLContext:
    """Return what both sides use: their own certificate and key, and the peer's must chain to the bundle."""
    made = ssl.SSLContext(purpose)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_REQUIRED
    made.load_cert_chain(FILES + "tls.crt", FILES + "tls.key")
    made.load_cert_chain(FILES + "tls-combined.pem")
    made.load_verify_locations(FILES + "ca.crt")
    return made


def seen(connection: ssl.SSLSocket, wanted: str) -> dict:
    """Return whom the peer's verified certificate names; raises PermissionError if it is not `wanted`."""
    found = connection.getpeercert()
    uris = [value for kind, value in found["subjectAltName"] if kind == "URI"]
    if uris != [wanted]:
        raise PermissionError(f"the peer is {uris}, wanted is {wanted}")
    return {"uri": uris[0], "serial": found["serialNumber"], "ends": found["notAfter"]}


def serve(wanted: str) -> None:
    """Answer clients, one after another."""
    with socket.create_server(("", PORT)) as listening:
        while True:
            plain, _ = listening.accept()
            try:
                plain.settimeout(5)
                with context(ssl.PROTOCOL_TLS_SERVER).wrap_socket(plain, server_side=True) as tls:
                    tls.sendall(json.dumps(seen(tls, wanted)).encode())
            except (OSError, PermissionError) as problem:
                print(json.dumps({"problem": str(problem)}), flush=True)


def call(wanted: str, host: str) -> None:
    """Call for ever and print one line a call."""
    while True:
        line = {"at": time.strftime("%H:%M:%S", time.gmtime())}
        try:
            with (
                socket.create_connection((host, PORT), timeout=5) as plain,
                context(ssl.PROTOCOL_TLS_CLIENT).wrap_socket(plain) as tls,
            ):
                line |= {"server": seen(tls, wanted), "client": json.loads(tls.recv(4096))}
        except (OSError, PermissionError, ValueError) as problem:
            line |= {"problem": str(problem)}
        print(json.dumps(line), flush=True)
        time.sleep(5)


if __name__ == "__main__":
    {"serve": serve, "call": call}[sys.argv[1]](*sys.argv[2:])
