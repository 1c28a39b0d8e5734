"""Schemas of forms that other people's programs read, and validators that share no code with ours.

The schemas are fetched from packages of pinned versions and never copied: SARIF's (OASIS, errata 01) lies in the Go module of
gosec, JUnit's in the source distribution of pytest. The validators are installed beside them, apart from our environment.
"""

from __future__ import annotations

import hashlib
import json
import tarfile
from pathlib import Path
from typing import Final

from cluster import cache
from cluster.commands import run
from judges import isolated
from judges.program import JudgeError

_VALIDATORS: Final = ("jsonschema==4.26.0", "xmlschema==4.3.2")
_PYTEST: Final = "9.0.2"
_GOSEC: Final = "github.com/securego/gosec/v2@v2.30.0"
_SARIF_SHA256: Final = "c3b4bb2d6093897483348925aaa73af03b3e3f4bd4ca38cef26dcb4212a2682e"
_ASK_JSON: Final = """
import json, sys
from jsonschema.validators import validator_for
schema, document = json.load(open(sys.argv[1])), json.load(sys.stdin)
validator = validator_for(schema)
validator.check_schema(schema)
for error in validator(schema).iter_errors(document):
    print(error.json_path, error.message[:200])
"""
_ASK_XML: Final = """
import io, sys, xmlschema
for error in xmlschema.XMLSchema10(sys.argv[1]).iter_errors(io.StringIO(sys.stdin.read())):
    print(error.path, error.reason)
"""


def sarif_problems(text: str) -> list[str]:
    """Return what the OASIS schema of SARIF 2.1.0 finds wrong with a log."""
    return _asked(_ASK_JSON, _ready() / "sarif.json", text)


def junit_problems(text: str) -> list[str]:
    """Return what the schema junit-10.xsd, which Jenkins and pytest go by, finds wrong with a report."""
    return _asked(_ASK_XML, _ready() / "junit.xsd", text)


def json_problems(schema: Path, text: str) -> list[str]:
    """Return what a JSON Schema finds wrong with a document; the schema itself is judged first."""
    return _asked(_ASK_JSON, schema, text)


def _asked(program: str, schema: Path, text: str) -> list[str]:
    return isolated.asked(program, isolated.library(*_VALIDATORS), str(schema), text=text).splitlines()


def _ready() -> Path:
    """Return the folder with the schemas, fetched if need be."""
    folder = cache.root() / "forms" / cache.digest(_PYTEST, _GOSEC)
    mark = folder / ".ready"
    if mark.exists():
        return folder
    with cache.locked("forms"):
        if not mark.exists():
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "junit.xsd").write_bytes(_junit(folder))
            (folder / "sarif.json").write_bytes(_sarif())
            mark.touch()
    return folder


def _junit(folder: Path) -> bytes:
    isolated.pip(
        "download", "--quiet", "--no-deps", "--no-binary", "pytest", "--dest", str(folder), f"pytest=={_PYTEST}"
    )
    with tarfile.open(folder / f"pytest-{_PYTEST}.tar.gz") as archive:
        member = archive.extractfile(f"pytest-{_PYTEST}/testing/example_scripts/junit-10.xsd")
        if member is None:
            raise JudgeError(f"pytest {_PYTEST} has no junit-10.xsd")
        return member.read()


def _sarif() -> bytes:
    found = run(["go", "mod", "download", "-json", _GOSEC], cwd=cache.root(), env={"GOFLAGS": "-mod=mod"})
    content = (Path(json.loads(found.stdout)["Dir"]) / "report/sarif/testdata/sarif-schema-2.1.0.json").read_bytes()
    if hashlib.sha256(content).hexdigest() != _SARIF_SHA256:
        raise JudgeError(f"the schema in {_GOSEC} is not the one that was looked at")
    return content
