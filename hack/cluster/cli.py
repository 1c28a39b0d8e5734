"""The command line people and the Makefile use; everything it does is in the package's functions.

Exit codes: 0 done; 1 a command failed; 2 wrong usage; 3 the provider cannot work here; 4 Go, a Debian package or
root is missing; 5 a module did not compile; 6 a component did not become ready; 7 the name is taken; 130 interrupted.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from types import FrameType

from cluster import build, catalogue, choice, images, providers, state
from cluster.errors import ClusterError
from cluster.model import Cluster
from cluster.progress import Reporter

DEFAULT_NAME = "bartizan"
INTERRUPTED = 130
_RAW = argparse.RawDescriptionHelpFormatter


def parser() -> argparse.ArgumentParser:
    """Return the parser; each verb's help ends with an example."""
    top = argparse.ArgumentParser(prog="python -m cluster", description=__doc__, formatter_class=_RAW)
    verbs = top.add_subparsers(dest="verb", required=True)

    def verb(name: str, summary: str, example: str) -> argparse.ArgumentParser:
        return verbs.add_parser(
            name,
            help=summary,
            description=summary,
            epilog=f"example: python -m cluster {example}",
            formatter_class=_RAW,
        )

    up = verb("up", "start a cluster, or find the one that runs", "up --control-plane-only --name dev")
    up.add_argument("--name", default=DEFAULT_NAME, help="its name (default: %(default)s)")
    up.add_argument("--lane", default=catalogue.DEFAULT_LANE, choices=catalogue.LANES, help="Kubernetes version")
    up.add_argument("--control-plane-only", action="store_true", help="no node: no pods run, ready in seconds")
    up.add_argument("--provider", choices=choice.PROVIDERS, help="instead of the automatic choice")
    down = verb("down", "take a cluster away with everything it made", "down --all")
    down.add_argument("--name", default=DEFAULT_NAME, help="its name (default: %(default)s)")
    down.add_argument("--all", action="store_true", help="every cluster of this cache")
    verb("status", "list the running clusters", "status")
    tool = verb("tool", "print the path of a compiled program", "tool kubectl")
    tool.add_argument("program", metavar="NAME", help="kubectl, helm, etcd, …")
    verb("images", "make the test images and print reference and archive", "images")
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    arguments = parser().parse_args(argv)
    signal.signal(signal.SIGTERM, _interrupt)
    report = Reporter(_to_stderr, live=sys.stderr.isatty())
    try:
        return _VERBS[arguments.verb](arguments, report)
    except ClusterError as error:
        report.line(_coloured(f"error: {error}"))
        return error.exit_code
    except KeyboardInterrupt:
        report.line(_coloured("interrupted: nothing was left behind"))
        return INTERRUPTED


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _to_stderr(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _coloured(text: str) -> str:
    return f"\033[31m{text}\033[0m" if sys.stderr.isatty() else text


def _up(arguments: argparse.Namespace, report: Reporter) -> int:
    made = providers.up(
        arguments.name,
        lane=arguments.lane,
        node=not arguments.control_plane_only,
        provider=arguments.provider,
        progress=report,
    )
    print(f"export KUBECONFIG={made.kubeconfig}")
    return 0


def _down(arguments: argparse.Namespace, report: Reporter) -> int:
    for name in state.names() if arguments.all else [arguments.name]:
        existed = providers.down(name)
        report.line(f"cluster {name} is gone" if existed else f"there is no cluster {name}")
    return 0


def _status(_arguments: argparse.Namespace, report: Reporter) -> int:
    found = providers.running()
    if not found:
        report.line("no cluster runs")
    for one in found:
        print(_row(one))
    return 0


def _row(one: Cluster) -> str:
    shape = "node" if one.node else "control-plane"
    return f"{one.name}\t{one.provider}\t{one.lane}\t{shape}\t{one.api_url}\t{one.kubeconfig}"


def _tool(arguments: argparse.Namespace, report: Reporter) -> int:
    print(build.tool(arguments.program, report))
    return 0


def _images(_arguments: argparse.Namespace, report: Reporter) -> int:
    for make in images.every():
        image = make(report)
        print(f"{image.ref}\t{image.archive}")
    return 0


_VERBS = {"up": _up, "down": _down, "status": _status, "tool": _tool, "images": _images}
