"""The core's tokenizer from Python, with the stream that a session makes of its tokens."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mmoe.runtime_bindings.python.core import CoreFailure
from mmoe.runtime_bindings.python.tokenizer import CoreTokenizer, array, tokenizer_library


class NativeTokenizerError(Exception):
    """The core refused a tokenizer.json; the text is "status N: why"."""


class NativeTokenizer(CoreTokenizer):
    """A tokenizer.json read by the core."""

    def __init__(self, json: bytes) -> None:
        try:
            super().__init__(json)
        except CoreFailure as failure:
            raise NativeTokenizerError(f"status {int(failure.status)}: {failure}") from failure

    def stream(self, ids: Sequence[int]) -> list[bytes]:
        """The pieces that come out as ids go in one by one, and what is left at the end."""
        text = np.empty(64 * len(ids) + 64, np.uint8)
        values = np.array(ids, np.int32)
        ends = np.empty(len(ids) + 1, np.uint64)
        count = tokenizer_library().mmoe_tokenizer_stream(
            self._handle, *array(values), *array(text), array(ends)[0]
        )
        assert count <= len(text)
        starts = [0, *ends[:-1].tolist()]
        return [text[start:end].tobytes() for start, end in zip(starts, ends.tolist(), strict=True)]
