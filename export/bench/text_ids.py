"""The tokens that are measured: text, never one repeated id, which would send every token to the same experts."""

import itertools
from pathlib import Path

from mmoe.export.verify.text import bundled_text
from mmoe.runtime_bindings.python.model import Model


def text_ids(folder: Path, count: int) -> list[int]:
    """The bundled text in an artifact's tokens, over and over; its program is mapped for that moment only.

    Args:
        folder: The artifact's.
        count: Tokens to return.

    Raises:
        RuntimeFailure: The artifact cannot be opened.
    """
    with Model(folder) as model:
        ids = model.tokenize(bundled_text().content)
    return list(itertools.islice(itertools.cycle(ids), count))
