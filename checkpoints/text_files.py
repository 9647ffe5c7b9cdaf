"""The small files beside a checkpoint's weights: absent is fine for most of them, unreadable for none."""

from __future__ import annotations

from pathlib import Path

from mmoe.checkpoints.errors import TokenizerError
from mmoe.models.architectures.config_reader import read_json_object
from mmoe.models.errors import ConfigError
from mmoe.models.files import is_absent, read_regular


def read_text(path: Path) -> str | None:
    """The text of a UTF-8 file, its line ends untouched; None if there is no such file.

    Raises:
        TokenizerError: it is there and cannot be read.
    """
    if is_absent(path):
        return None
    try:
        return read_regular(path).decode()
    except (OSError, UnicodeDecodeError) as error:
        raise TokenizerError(f"{path}: cannot be read ({error}); download it again, or remove it") from error


def read_json(path: Path) -> dict[str, object] | None:
    """A JSON object; None if there is no such file.

    Raises:
        TokenizerError: it is there and cannot be read as one.
    """
    if is_absent(path):
        return None
    try:
        return read_json_object(path)
    except ConfigError as error:
        raise TokenizerError(f"{error}; download it again, or remove it") from error
