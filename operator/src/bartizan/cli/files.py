"""Files that verbs write into a directory the caller names: one way to do it, and one error when it cannot be done."""

from collections.abc import Mapping
from pathlib import Path

from bartizan.errors import BartizanError


class FilesOutputError(BartizanError):
    """A file could not be written; the message names it and says why."""


def write_files(files: Mapping[str, str], directory: Path) -> None:
    """Write each text under its name, making the directory if need be, and print each path.

    Raises:
        FilesOutputError: the directory cannot be made or a file cannot be written; those before it stay.
    """
    for name, text in files.items():
        path = directory / name
        try:
            directory.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise FilesOutputError(
                f"cannot write {path}: {error.strerror}; --output-dir must name a directory you may write to"
            ) from error
        print(path)
