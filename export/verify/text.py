"""The text that a verification runs on."""

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from mmoe.runtime_bindings.python.errors import OptionError


@dataclass(frozen=True)
class VerificationText:
    """Text and where it is from.

    Attributes:
        content: The text.
        source: What reports call it.
    """

    content: str
    source: str


def bundled_text() -> VerificationText:
    """Chapters of the King James Version that the bundled checkpoint was not trained on."""
    content = files("mmoe.export").joinpath("demo", "held_out.txt").read_text(encoding="utf-8")
    return VerificationText(content, "the bundled held-out text")


def read_text(path: Path) -> VerificationText:
    """Reads a UTF-8 text file, its line ends as they are.

    Raises:
        OptionError: The file cannot be read or is not UTF-8.
    """
    try:
        return VerificationText(path.read_bytes().decode(), path.name)
    except (OSError, UnicodeDecodeError) as error:
        raise OptionError(f"{path}: cannot be read as UTF-8 text: {error}") from error
