"""Forms that other programs read are judged by those programs' own schemas."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bartizan.cli.checking.document import SCHEMA_FILE
from judges import forms

ROOT = Path(__file__).parents[3]
ENVIRON = {"PYTHONPATH": str(ROOT / "operator/src"), "PATH": ""}
CLEAN = "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: b}\nspec: {containers: [{name: a, image: b}]}\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Findings of every severity, names that need escaping, clean objects, accepted findings and unreadable files."""
    found = tmp_path_factory.mktemp("forms")
    for path in (ROOT / "examples/rejected").glob("*.yaml"):
        (found / f"ü {path.name}").write_text(path.read_text())
    (found / "bad <&>.yaml").write_text("a: [\x02\n")
    (found / "clean.yaml").write_text(CLEAN)
    (found / "late.yaml").write_text((ROOT / "examples/shop/web.yaml").read_text())
    accepted = told("json", found)
    (found / "accepted.txt").write_text(json.dumps({"findings": json.loads(accepted)["findings"][:3]}))
    return found


def told(form, folder, *more):
    """What `bartizan check` prints about the folder."""
    words = [sys.executable, "-m", "bartizan", "check", ".", "--output", form, *more]
    done = subprocess.run(words, cwd=folder, env=ENVIRON, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    """What is printed where nothing is found."""
    path = tmp_path_factory.mktemp("empty") / "a.yaml"
    path.write_text(CLEAN)

    def tell(form):
        words = [sys.executable, "-m", "bartizan", "check", str(path), "--output", form]
        return subprocess.run(words, env=ENVIRON, capture_output=True, text=True, check=True).stdout

    return tell


def test_sarif_is_what_oasis_says(folder, empty):
    """No violation of the OASIS schema, with findings and without; and the schema does see a wrong one."""
    text = told("sarif", folder, "--baseline-file", "accepted.txt")
    assert len(json.loads(text)["runs"][0]["results"]) >= 15
    assert (forms.sarif_problems(text), forms.sarif_problems(empty("sarif"))) == ([], [])
    assert forms.sarif_problems(text.replace('"level": "error"', '"level": "bad"')) != []


def test_junit_is_what_jenkins_and_pytest_say(folder, empty):
    """No violation of junit-10.xsd, with failures, errors and passed cases; and the schema does see a wrong one."""
    text = told("junit", folder, "--baseline-file", "accepted.txt")
    assert all(word in text for word in ("<failure ", "<error ", 'name="Pod b/a" time="0"/>'))
    assert (forms.junit_problems(text), forms.junit_problems(empty("junit"))) == ([], [])
    assert forms.junit_problems(text.replace("<failure ", "<fault ").replace("</failure>", "</fault>")) != []


def test_json_is_what_its_own_schema_says(folder, empty):
    """The committed schema is a schema, and describes what is printed; and it does see a wrong one."""
    schema = ROOT / "docs/reference" / SCHEMA_FILE
    text = told("json", folder, "--baseline-file", "accepted.txt")
    assert (forms.json_problems(schema, text), forms.json_problems(schema, empty("json"))) == ([], [])
    assert forms.json_problems(schema, text.replace('"waived": true', '"waived": 1')) != []
