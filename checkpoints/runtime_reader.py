"""Asks the runtime whether it reads a tokenizer as Hugging Face does, before an app finds out."""

from __future__ import annotations

from pathlib import Path

from mmoe.checkpoints.errors import TokenizerError
from mmoe.checkpoints.tokenizer import TOKENIZER_FILE, ChatTokenizer
from mmoe.checkpoints.trials import TRIAL_TEXTS
from mmoe.models.files import is_absent, read_regular
from mmoe.runtime_bindings.python.core import CoreFailure, Status
from mmoe.runtime_bindings.python.tokenizer import CoreTokenizer

_CURE = "an app could not use it; take a checkpoint whose tokenizer the runtime has (docs/runtime.md lists the kinds)"


def require_intact(folder: Path) -> None:
    """Reads tokenizer.json with the runtime's reader first: on a hostile one Hugging Face's may end the process.

    Kinds of tokenizers that the runtime does not have pass; so does an absent file, which the loader refuses.

    Args:
        folder: Of the checkpoint.

    Raises:
        TokenizerError: the file is damaged.
    """
    path = folder / TOKENIZER_FILE
    if is_absent(path):
        return
    try:
        CoreTokenizer(read_regular(path))
    except OSError as error:
        raise TokenizerError(f"{path}: cannot be read ({error}); download it again") from error
    except CoreFailure as failure:
        if failure.status is not Status.UNSUPPORTED:
            raise TokenizerError(
                f"{path}: is not a readable tokenizer ({failure}); download it again"
            ) from failure


def require_readable(folder: Path, tokenizer: ChatTokenizer) -> None:
    """Compares the runtime's tokenizer with Hugging Face's on trial texts: ids, and the text that they stand for.

    Args:
        folder: Of the checkpoint.
        tokenizer: What was loaded from it.

    Raises:
        TokenizerError: the runtime cannot read tokenizer.json, or reads something else in it.
    """
    path = folder / TOKENIZER_FILE
    try:
        runtime = CoreTokenizer(read_regular(path))
    except CoreFailure as failure:
        raise TokenizerError(
            f"{path}: the runtime cannot read this tokenizer ({failure}): {_CURE}"
        ) from failure
    special = "".join(f" {token}x\n{token}{token}" for token in tokenizer.added_tokens)
    for text in (*TRIAL_TEXTS, special):
        expected = tokenizer.encode(text)
        found = runtime.encode(text.encode(), add_bos=True)
        if found != expected:
            _refuse(
                path,
                f"{_shown(text)} has the ids {_shown(found)} in it, and {_shown(expected)} in Hugging Face's",
            )
        decoded = runtime.decode(expected, skip_special=False).decode(errors="replace")
        if decoded != tokenizer.decode(expected, skip_special_tokens=False):
            _refuse(path, f"the ids {_shown(expected)} have another text in it than in Hugging Face's")


def _refuse(path: Path, why: str) -> None:
    raise TokenizerError(f"{path}: the runtime reads another tokenizer from this file: {why}: {_CURE}")


def _shown(value: object, limit: int = 80) -> str:
    text = repr(value)
    return text if len(text) <= limit else f"{text[:limit]}..."
