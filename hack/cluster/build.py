"""Compiles what is not in the cache yet, one program after another under one lock, so two runs never build at once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cluster import cache, debian
from cluster.catalogue import DEFAULT_LANE, Program, binary, build_command, build_env, find, key
from cluster.commands import run
from cluster.errors import BuildFailed, CommandFailed
from cluster.progress import Reporter
from cluster.sources import source

_LOCK = "build"
PAUSE_COMMAND = ("gcc", "-Os", "-Wall", "-static")


def ensure(programs: Sequence[Program], report: Reporter) -> dict[str, Path]:
    """Return the path of every program by name, compiling those that are missing.

    Raises:
        BuildFailed: the compiler refused one.
        MissingDependency: no Go compiler, or a Debian package it needs.
    """
    if any(not binary(program).exists() for program in programs):
        with cache.locked(_LOCK, lambda: report.line("waiting: another run is compiling the cluster's programs")):
            _build_missing([p for p in programs if not binary(p).exists()], report)
    return {program.name: binary(program) for program in programs}


def tool(name: str, report: Reporter | None = None, lane: str = DEFAULT_LANE) -> Path:
    """Return the path of one program, compiling it first if need be."""
    return ensure([find(name, lane)], report or Reporter(print))[name]


def _build_missing(programs: Sequence[Program], report: Reporter) -> None:
    if not programs:
        return
    debian.require_go()
    if any(program.cgo for program in programs):
        debian.require(debian.BUILD_C, report)
    for number, program in enumerate(programs, start=1):
        with report.step(f"compiling {number} of {len(programs)}: {program.name} ({program.module})"):
            _build(program)


def _build(program: Program) -> None:
    with cache.replacing(binary(program)) as output:
        try:
            run(build_command(program, output), env=build_env(program), cwd=program.folder)
        except CommandFailed as error:
            raise BuildFailed(f"{program.module}: {program.name} does not compile. {error}") from error


def pause(report: Reporter) -> Path:
    """Return the static `pause` program every pod's sandbox runs, compiled from the pinned Kubernetes source.

    Raises:
        BuildFailed: gcc refused it.
    """
    module = f"kubernetes-{DEFAULT_LANE}"
    output = cache.root() / "bin" / f"pause-{cache.digest(key(find('agnhost')), *PAUSE_COMMAND)}" / "pause"
    if output.exists():
        return output
    debian.require(debian.BUILD_C, report)
    with cache.locked(_LOCK), report.step("compiling pause (C)"), cache.replacing(output) as temporary:
        try:
            program = source(module, "k8s.io/kubernetes") / "build" / "pause" / "linux" / "pause.c"
            run([*PAUSE_COMMAND, "-o", str(temporary), str(program)])
        except CommandFailed as error:
            raise BuildFailed(f"pause does not compile. {error}") from error
    return output
