"""`python -m bench [NAME …]`: runs benches and prints their tables; `--write` puts them into docs/reference/benchmarks.md."""

from __future__ import annotations

import argparse
import asyncio
import importlib
import os
import signal
import sys

from bench import machine
from bench.progress import say
from bench.result import DOCUMENT, section, write
from cluster import ClusterError

BENCHES = {
    "repair": "edit or delete each emitted object; time until it is restored",
    "scale": "1,000 policies of 5 edges in 50 namespaces: cold start, cost, time of a change",
    "certificates": "500, 1,000 and 10,000 certificates: from nothing, and all anew at once",
    "revocation": "take an edge away among 200 policies of which one can't be written",
    "startup": "start of a control plane, of a node, of the command line, of the demo",
    "check": "bartizan check over 10,000 Deployments, and checkov over a tenth of them",
    "handshakes": "leaf, issuing authority and root rotate under 100,000 mTLS handshakes",
    "admission": "creating pods under the gate and beside it, 1 and 16 clients",
}


def main(arguments: list[str]) -> int:
    """Run the benches named (all if none is); return 0, 1 if one could not be run, 130 if interrupted."""
    listed = "\n".join(f"  {name:12} {what}" for name, what in BENCHES.items())
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description=f"{__doc__}\n\nbenches:\n{listed}",
        epilog="example: python -m bench repair --write",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="which; all when left out")
    parser.add_argument("--write", action="store_true", help=f"replace their sections of {DOCUMENT.name}")
    chosen = parser.parse_args(arguments)
    if unknown := [name for name in chosen.names if name not in BENCHES]:
        parser.error(f"no bench is called {', '.join(unknown)}: there are {', '.join(BENCHES)}")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        failed = [name for name in chosen.names or BENCHES if not _run(name, keep=chosen.write)]
    except KeyboardInterrupt:
        say("interrupted: the clusters are taken away again, and nothing of this bench was written")
        return 130
    return 1 if failed else 0


def _run(name: str, *, keep: bool) -> bool:
    load = os.getloadavg()[0]
    say(f"{name}: {BENCHES[name]}")
    try:
        result = asyncio.run(importlib.import_module(f"bench.{name}").measure())
    except (ClusterError, TimeoutError) as problem:
        say(f"{name} could not be measured: {problem}")
        return False
    where = machine.described(load)
    print(section(result, where), flush=True)
    if keep:
        write(result, where)
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
