"""The operator's own image for clusters without a registry, in three layers from the slowest to the quickest to change.

Debian's minimal Python (made once), the dependencies (made when a version changes), the wheel (seconds). The
dependencies are exactly the versions installed beside this interpreter: the image runs what the tests ran.
"""

from __future__ import annotations

import re
import sys
import tempfile
import zipfile
from collections.abc import Callable
from email.parser import HeaderParser
from importlib import metadata
from pathlib import Path

from cluster import cache, debian, oci
from cluster.commands import run
from cluster.errors import MissingDependency
from cluster.oci import Image, Runtime
from cluster.progress import Reporter

HOME = "/opt/bartizan"
BASE_PACKAGES = "python3-minimal,libpython3-stdlib,ca-certificates"
SUITE = "bookworm"
PYTHON = "3.11"
_KEPT_ARCHIVES = 2
_PLATFORMS = ("manylinux_2_36_x86_64", "manylinux_2_34_x86_64", "manylinux_2_28_x86_64", "manylinux2014_x86_64")
_RUNTIME = Runtime(
    ["/usr/bin/python3", "-m", "bartizan"], env={"PYTHONPATH": HOME, "PYTHONUNBUFFERED": "1"}, workdir=HOME
)
Requires = Callable[[str], tuple[str, list[str]] | None]


def operator_image(wheel_or_source: Path, tag: str, report: Reporter | None = None) -> Image:
    """Return the image `bartizan.local/bartizan:<tag>` of a wheel, or of the project in a folder.

    Raises:
        MissingDependency: mmdebstrap or an installed dependency is missing.
        CommandFailed: the wheel does not build, or a dependency has no wheel for the image's Python.
    """
    report = report or Reporter(print)
    ref = f"bartizan.local/bartizan:{tag}"
    with cache.locked("image", lambda: report.line("waiting: another run is making the operator's image")):
        base = _base_layer(report)
        with tempfile.TemporaryDirectory() as folder:
            wheel = _wheel(wheel_or_source, Path(folder), report)
            dependencies = _dependency_layer(wheel_requirements(wheel), report)
            project = _project_layer(wheel, Path(folder))
            key = cache.digest(ref, repr(_RUNTIME), base.name, dependencies.name, oci.file_digest(project))
            target = cache.root() / "image" / f"operator-{key}.tar"
            if not target.exists():
                with report.step(f"writing the image {ref}"), cache.replacing(target) as temporary:
                    oci.archive(temporary, ref, [base, dependencies, project], _RUNTIME)
            _forget_older(target)
    return Image(ref, target)


def base_command(target: Path) -> list[str]:
    """Return the command that makes Debian's minimal root with Python as a tar."""
    return [
        "mmdebstrap",
        "--variant=minbase",
        "--mode=root",
        f"--include={BASE_PACKAGES}",
        "--quiet",
        SUITE,
        str(target),
    ]


def _base_layer(report: Reporter) -> Path:
    target = cache.root() / "image" / f"base-{cache.digest(*base_command(Path('base')))}.tar"
    if target.exists():
        return target
    debian.require(debian.IMAGES, report)
    with report.step(f"making the base layer (Debian {SUITE}, Python {PYTHON})"), cache.replacing(target) as temporary:
        made = temporary.with_suffix(".tar")
        try:
            run(base_command(made))
            made.replace(temporary)
        finally:
            made.unlink(missing_ok=True)
    return target


def _wheel(given: Path, folder: Path, report: Reporter) -> Path:
    if given.is_file():
        return given
    with report.step(f"building the wheel of {given.name}"):
        run([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation",
             "--disable-pip-version-check", "--wheel-dir", str(folder), str(given)])  # fmt: skip
    return next(folder.glob("*.whl"))


def wheel_requirements(wheel: Path) -> list[str]:
    """Return the names of the distributions a wheel requires, extras left out."""
    with zipfile.ZipFile(wheel) as archive:
        name = next(n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        headers = HeaderParser().parsestr(archive.read(name).decode())
    return plain_names(headers.get_all("Requires-Dist") or [])


def plain_names(requirements: list[str]) -> list[str]:
    """Return the normalised names of requirement lines, those that only an extra asks for left out (PEP 503, 508)."""
    wanted = [line for line in requirements if "extra ==" not in line.replace("'", '"')]
    names = (re.match(r"[A-Za-z0-9._-]+", line.strip()) for line in wanted)
    return [re.sub(r"[-_.]+", "-", match[0]).lower() for match in names if match]


def installed(name: str) -> tuple[str, list[str]] | None:
    """Return (version, requirement lines) of a distribution beside this interpreter, or None."""
    try:
        found = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return None
    return found.version, list(found.requires or [])


def pins(direct: list[str], look_up: Requires = installed) -> list[str]:
    """Return `name==version` of everything the direct requirements need, sorted.

    A requirement of a requirement that is not installed is one whose marker does not hold here.

    Raises:
        MissingDependency: a direct requirement is not installed.
    """
    found: dict[str, str] = {}
    queue = list(direct)
    while queue:
        name = queue.pop()
        if name in found:
            continue
        known = look_up(name)
        if known is None:
            if name in direct:
                raise MissingDependency(
                    f"{name} is not installed beside {sys.executable}: run `pip install -e .` there"
                )
            continue
        found[name] = known[0]
        queue += plain_names(known[1])
    return [f"{name}=={version}" for name, version in sorted(found.items())]


def _dependency_layer(direct: list[str], report: Reporter) -> Path:
    wanted = pins(direct)
    target = cache.root() / "image" / f"deps-{cache.digest(PYTHON, HOME, *wanted)}.tar"
    if not target.exists():
        with (
            report.step(f"installing {len(wanted)} dependencies into a layer"),
            cache.replacing(target) as temporary,
            tempfile.TemporaryDirectory() as folder,
        ):
            _install(wanted, Path(folder) / "deps")
            _python_layer(temporary, Path(folder) / "deps")
    return target


def _install(pinned: list[str], folder: Path) -> None:
    platforms = [f"--platform={name}" for name in _PLATFORMS]
    run([sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile", "--no-deps",
         "--root-user-action=ignore", "--only-binary=:all:", "--implementation=cp", f"--python-version={PYTHON}",
         *platforms, "--target", str(folder), *pinned])  # fmt: skip


def _python_layer(target: Path, folder: Path) -> Path:
    """Write a folder of modules as a layer at HOME, compiled because a read-only root cannot keep what it compiles."""
    if f"{sys.version_info.major}.{sys.version_info.minor}" == PYTHON:
        run([sys.executable, "-m", "compileall", "-q", "-s", str(folder), "-p", HOME,
             "--invalidation-mode", "unchecked-hash", str(folder)], check=False)  # fmt: skip
    oci.layer(target, [(HOME, folder)])
    return target


def _project_layer(wheel: Path, folder: Path) -> Path:
    """Unpack the wheel: pip would add a file that names the build's folder, and the layer would never be the same."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "project")
    return _python_layer(folder / "project.tar", folder / "project")


def _forget_older(newest: Path) -> None:
    """Keep the latest archives only; each is large and every change of the source makes one."""
    archives = sorted(newest.parent.glob("operator-*.tar"), key=lambda path: path.stat().st_mtime, reverse=True)
    for old in [path for path in archives if path != newest][_KEPT_ARCHIVES:]:
        old.unlink(missing_ok=True)
