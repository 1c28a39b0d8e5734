"""The process that runs Python peers and drives the others: `python -m handshakes.worker CONFIG`.

It is told what to do by lines of JSON on its standard input: a state for its clients, or `{"report": true}`, which it answers
with its tally and how many calls
of before the last state are under way. It ends when its input does. Peers are spread over such processes, because
threads of one Python share one core.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from handshakes.calling import Caller, Client, EnvoyClient, State, Target
from handshakes.listening import Identity, PythonClient, PythonServer
from handshakes.openssl import OpensslClient
from handshakes.tally import Tally

_SERVING = 8
"""Connections a Python server answers at the same time."""
_GENTLE = 5
_ALONE = 5
"""A server that answers one by one is called so much more seldom than all others together."""


def main(path: str) -> None:
    """Start what the configuration names and follow the lines on standard input."""
    os.nice(_GENTLE)
    config = json.loads(Path(path).read_text(encoding="utf-8"))
    tally = Tally()
    caller = Caller(tally)
    identities: dict[str, Identity] = {}

    def identity(part: dict[str, Any]) -> Identity:
        volume = part["volume"]
        if volume not in identities:
            identities[volume] = Identity(Path(volume), frozen=part["frozen"])
        return identities[volume]

    for part in config["servers"]:
        server = PythonServer(part["name"], identity(part), part["accepts"], tally)
        server.start(part["port"], loops=_SERVING)
    for part in config["clients"]:
        loops, share = part["loops"], part["share"]
        for number in range(loops):
            caller.start(_client(part, number, identity), share=share * loops, first=number)
        caller.start(_client(part, loops, identity), share=share * _ALONE, first=0, one_by_one=True)
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        told = json.loads(line)
        if "report" in told:
            print(json.dumps({"stale": caller.stale, **tally.dumped()}), flush=True)
        else:
            targets = tuple(Target(**one) for one in told["targets"])
            caller.follow(State(told["phase"], targets, frozenset(told["clients"]), told["pace"]))


def _client(part: dict[str, Any], number: int, identity: Callable[[dict[str, Any]], Identity]) -> Client:
    match part["kind"]:
        case "envoy":
            return EnvoyClient(part["name"], part["ports"])
        case "openssl":
            folder = Path(part["folder"]) / str(number)
            return OpensslClient(part["name"], Path(part["volume"]), folder, part["frozen"])
        case _:
            return PythonClient(part["name"], identity(part))


if __name__ == "__main__":
    main(sys.argv[1])
