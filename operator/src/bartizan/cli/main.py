"""The command line: a table of verbs, each imported only when it is called, so that `--help` and `version` answer at once.

A verb is a module of this package that exposes either `command` (a function with typer's annotations; `EPILOG` adds examples
and exit codes) or `app` (a `typer.Typer` with commands of its own). The output is plain text; nothing is coloured but what a
verb colours itself on a terminal that wants it (`NO_COLOR`, https://no-color.org).
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Annotated, Any, Final, TypeAlias, cast

import typer
from typer.core import TyperCommand, TyperGroup

from bartizan.cli.epilog import epilog
from bartizan.errors import BartizanError

Command: TypeAlias = TyperCommand | TyperGroup

FAILURE: Final = 2
"""The exit code of everything a `BartizanError` says, and of a wrong command line."""


@dataclass(frozen=True, slots=True)
class Verb:
    """One row of the table: where a verb lives and the line that `bartizan --help` prints for it."""

    module: str
    summary: str


VERBS: Final[Mapping[str, Verb]] = {
    "run": Verb("bartizan.cli.run", "Run one of the operator's processes: controller, webhook or prober."),
    "probe": Verb("bartizan.cli.probe", "Try connections as a probe pod does, and write down what became of each."),
    "crd": Verb("bartizan.cli.crd", "Print or write the CustomResourceDefinitions and their reference."),
    "admission": Verb("bartizan.cli.admission", "Render the API server's own admission policies."),
    "defaults": Verb("bartizan.cli.defaults", "Apply the chart's SecurityBaseline and TrustDomain."),
    "check": Verb("bartizan.cli.check", "Judge manifests by the cluster's rules, before a cluster sees them."),
    "graph": Verb("bartizan.cli.graph", "Draw who may talk to whom: text, DOT, Mermaid, SVG or JSON."),
    "can": Verb("bartizan.cli.can", "Say whether one service may call another, why, and what to add if not."),
    "reach": Verb("bartizan.cli.reach", "List everything that can be reached from one service."),
    "requests": Verb("bartizan.cli.requests", "List callers that wait for a policy's consent."),
    "approve": Verb("bartizan.cli.approve", "Admit a caller that asked."),
    "deny": Verb("bartizan.cli.deny", "Deny a caller, and close its edge if it has one."),
    "pki": Verb("bartizan.cli.pki", "See, rotate and distrust authorities, and see beforehand what that would do."),
    "uninstall": Verb("bartizan.cli.uninstall", "Open what bartizan closed, before its chart is removed."),
    "version": Verb("bartizan.cli.version", "Print the version of bartizan and of its API."),
}


def load(name: str) -> Command:
    """Import a verb and return its command."""
    module = import_module(VERBS[name].module)
    if hasattr(module, "app"):
        return _plain(typer.main.get_group(module.app))
    single = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    single.command(name, epilog=module.EPILOG)(module.command)
    return _plain(cast("Command", typer.main.get_command(single)))


def _plain(command: Command) -> Command:
    """Have help and usage errors printed as plain text, whatever the verb's own settings are."""
    command.rich_markup_mode = None
    for child in command.commands.values() if isinstance(command, TyperGroup) else ():
        _plain(cast("Command", child))
    return command


class LazyVerbs(TyperGroup):
    """Lists the verbs from the table and imports the one that is called."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 -- the base class decides the signature
        """Return the verbs in the order of the table."""
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 -- the base class decides the signature
        """Return the line of the table, enough for help; None for a verb that does not exist."""
        verb = VERBS.get(cmd_name)
        return TyperCommand(cmd_name, help=verb.summary) if verb else None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the verb itself, imported."""
        name, placeholder, rest = super().resolve_command(ctx, args)
        return name, load(name) if name and placeholder else placeholder, rest


app = typer.Typer(
    name="bartizan",
    cls=LazyVerbs,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:  # noqa: FBT001 -- typer hands the flag over by position
    if asked:
        print(import_module("bartizan.cli.version").text())
        raise typer.Exit


@app.callback(
    epilog=epilog(
        examples=("bartizan crd | kubectl apply --server-side -f -", "bartizan run controller"),
        exit_codes={
            0: "done",
            1: "a bug: the traceback says where",
            2: "refused or impossible, or a wrong command line; one line on stderr says why",
        },
    )
)
def bartizan(
    *,
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_version, help="Print the version and exit.")
    ] = False,
) -> None:
    """Hold the security posture that a ServiceSecurityPolicy declares for a microservice."""


def main() -> None:
    """Run the command line and exit: a `BartizanError` becomes one line on stderr and exit code 2."""
    try:
        app(prog_name="bartizan")
    except BartizanError as error:
        print(f"bartizan: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(FAILURE)
