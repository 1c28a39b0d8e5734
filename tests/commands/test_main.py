"""The command line starts fast, explains itself, and turns what bartizan refuses into one line and exit code 2."""

import json
import re
import subprocess
import sys
from importlib.metadata import version

import pytest
import typer

from bartizan.cli import main as cli

HEAVY = ("pydantic", "yaml", "aiohttp", "kubernetes", "cryptography")


def run(*args: str) -> subprocess.CompletedProcess[str]:
    """Run `bartizan` as a user does."""
    return subprocess.run(
        [sys.executable, "-m", "bartizan", *args], capture_output=True, text=True, check=False, timeout=60
    )


def test_help_lists_every_verb():
    """`bartizan --help` names each verb with its line and documents the exit codes."""
    shown = run("--help")
    listed = re.findall(r"^  (\w+)  +[A-Z]", shown.stdout, flags=re.MULTILINE)
    assert (shown.returncode, shown.stderr, listed) == (
        0,
        "",
        [
            *("run", "probe", "crd", "admission", "defaults", "check", "graph", "can", "reach"),
            *("requests", "approve", "deny", "pki", "uninstall", "version"),
        ],
    )
    assert "Exit codes:\n    0  done" in shown.stdout


def test_help_imports_no_verb():
    """The table is enough for help: no verb and no heavy library is imported."""
    script = f"""
import contextlib, json, sys
from bartizan.cli.main import main
sys.argv = ["bartizan", "--help"]
with contextlib.redirect_stdout(None), contextlib.suppress(SystemExit):
    main()
print(json.dumps([name for name in sys.modules if name in {HEAVY!r} or name == "bartizan.cli.crd"]))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert json.loads(done.stdout) == []


@pytest.mark.parametrize("spelling", ["version", "--version"])
def test_version_is_the_package_s(spelling):
    """`bartizan version`, and the flag people try first, print the installed version and the API's."""
    shown = run(spelling)
    assert (shown.returncode, shown.stdout) == (0, f"bartizan {version('bartizan')} (bartizan.dev/v1alpha1)\n")


def test_a_refusal_is_one_line(tmp_path):
    """A BartizanError ends in one line on stderr and exit code 2, without a traceback, whatever the message holds."""
    (tmp_path / "two\nlines").write_text("")
    shown = run("crd", "--output-dir", str(tmp_path / "two\nlines"))
    assert (shown.returncode, shown.stdout) == (2, "")
    assert re.fullmatch(r"bartizan: cannot write .*/two lines/.*\n", shown.stderr)


def test_an_unknown_verb_is_named():
    """A mistyped verb is an error on stderr and exit code 2."""
    shown = run("crds")
    assert (shown.returncode, shown.stdout) == (2, "")
    assert "No such command 'crds'" in shown.stderr


@pytest.mark.parametrize("name", cli.VERBS)
def test_every_verb_documents_itself(name):
    """Each verb, and each command below it, has a sentence, an example that names it, and its exit codes; no colours."""
    for path, command in commands(name, cli.load(name)):
        context = command.make_context(path, [], resilient_parsing=True, terminal_width=100)
        text = command.get_help(context)
        assert re.search(r"Examples:\n +bartizan " + path, text), path
        assert re.search(r"Exit codes:\n +0  \w", text), path
        assert "\x1b" not in text, path


def commands(path: str, command: typer.core.TyperCommand | typer.core.TyperGroup):
    """Yield a verb's commands: the verb itself, or what its group holds."""
    children = getattr(command, "commands", {})
    if not children:
        yield path, command
    for name, child in children.items():
        yield from commands(f"{path} {name}", child)
