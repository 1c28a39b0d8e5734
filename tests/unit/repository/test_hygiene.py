"""Rules of the repository that no linter knows, so that they hold without anybody remembering them."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[3]
SOURCES = sorted((ROOT / "operator" / "src").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("test_*.py"))
MAX_LINES, MAX_FUNCTION_LINES, MAX_README_LINES = 300, 40, 150


def _functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_the_operator_folder_is_no_package() -> None:
    """A module `operator/__init__.py` would shadow the standard library's `operator` for whoever runs Python from here."""
    assert not (ROOT / "operator" / "__init__.py").exists()
    assert not [path for path in (ROOT / "tests").rglob("operator") if path.is_dir()]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT / "operator/src")))
def test_a_source_file_is_one_idea_that_says_why_it_exists(path: Path) -> None:
    """Every source file opens with a docstring, stays within 300 lines and its functions within 40."""
    text = path.read_text()
    long_functions = {
        node.name: node.end_lineno - node.lineno + 1
        for node in _functions(path)
        if node.end_lineno and node.end_lineno - node.lineno + 1 > MAX_FUNCTION_LINES
    }
    assert ast.get_docstring(ast.parse(text))
    assert len(text.splitlines()) <= MAX_LINES
    assert long_functions == {}


def test_no_file_is_named_after_nothing() -> None:
    """Files are named after what they are about: never utils, helpers or manager."""
    banned = re.compile(r"(util|helper|manager|misc|common_functions)", re.IGNORECASE)
    assert [path for path in SOURCES if banned.search(path.name)] == []


def test_nothing_is_left_for_later() -> None:
    """The source holds no note to finish something some day."""
    banned = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
    assert [str(path) for path in SOURCES if banned.search(path.read_text())] == []


@pytest.mark.parametrize("path", TESTS, ids=lambda path: str(path.relative_to(ROOT / "tests")))
def test_every_test_states_its_promise(path: Path) -> None:
    """Each test function has a docstring: the sentence it stands for."""
    assert [
        node.name for node in _functions(path) if node.name.startswith("test_") and not ast.get_docstring(node)
    ] == []


def test_the_readme_is_short() -> None:
    """The README is read in one sitting."""
    assert len((ROOT / "README.md").read_text().splitlines()) <= MAX_README_LINES


def test_each_rejected_example_promises_its_words() -> None:
    """Every file of examples/rejected begins with the words of the refusal and is readable YAML."""
    files = sorted((ROOT / "examples" / "rejected").glob("*.yaml"))
    assert len(files) >= 12
    for path in files:
        assert path.read_text().startswith("# expect: "), path.name
        assert len(list(yaml.safe_load_all(path.read_text()))) == 1, path.name
