"""`bartizan crd` writes what is committed, byte for byte, and says so plainly when it cannot."""

from pathlib import Path

import pytest
import yaml

from bartizan.api.reference import reference
from bartizan.cli.crd import HEADER, command, crd_files
from bartizan.cli.files import FilesOutputError

ROOT = Path(__file__).parents[2]


def test_committed_definitions_are_current():
    """crds/ holds exactly what the models render (`bartizan crd --output-dir crds`)."""
    assert {path.name: path.read_text() for path in (ROOT / "crds").iterdir()} == crd_files()


def test_committed_reference_is_current():
    """docs/reference/api.md is what the models render (`bartizan crd --docs --output-dir docs/reference`)."""
    assert (ROOT / "docs/reference/api.md").read_text() == reference()


def test_every_file_says_it_is_generated():
    """Nobody edits a definition by mistake."""
    assert {text.partition("\n")[0] + "\n" for text in crd_files().values()} == {HEADER}


def test_printing_and_writing_agree(tmp_path, capsys):
    """Standard output holds the same objects as the files, as one stream of YAML documents."""
    command()
    printed = list(yaml.safe_load_all(capsys.readouterr().out))
    command(output_dir=tmp_path / "made" / "here")
    listed = capsys.readouterr().out.split()
    assert [yaml.safe_load(Path(path).read_text()) for path in listed] == printed


def test_no_anchors():
    """Repeated parts are written out: a diff never hides behind an alias."""
    events = [event for text in crd_files().values() for event in yaml.parse(text)]
    assert [event for event in events if isinstance(event, yaml.AliasEvent)] == []


def test_unwritable_directory_is_one_clear_error(tmp_path):
    """A place that cannot be written is named together with the way out."""
    (tmp_path / "file").write_text("")
    with pytest.raises(
        FilesOutputError, match=r"^cannot write .*/file/servicesecuritypolicies\.yaml: .*; --output-dir must name"
    ):
        command(output_dir=tmp_path / "file")
