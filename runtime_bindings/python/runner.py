"""Ids in, logits out: a converted model with its place in the context, on the ExecuTorch runtime."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from mmoe.runtime_bindings.python.errors import RuntimeFailure
from mmoe.runtime_bindings.python.program import LanguageProgram, LoadedProgram, ProgramMetadata


class ModelRunner:
    """A `.pte` and the number of tokens its KV cache holds.

    The cache is masked by position, so going back (`reset`, `truncate`) costs nothing and going ahead
    over unwritten rows is refused. So is going back to where a ring of a windowed layer has lost the rows that the
    window there would see; position 0 always works. A call that fails leaves `position` where it was before that
    call's chunk.
    """

    def __init__(self, program: str | Path | LanguageProgram, *, threads: int | None = None) -> None:
        """Loads the program.

        Args:
            program: the `.pte` file, or a program that is loaded already.
            threads: threads for the whole process's pool; None keeps the runtime's default.

        Raises:
            RuntimeFailure: the program cannot be loaded; the message says why and what to do.
            OptionError: threads is below 1.
        """
        self._program: LanguageProgram = (
            LoadedProgram(Path(program), threads=threads) if isinstance(program, str | Path) else program
        )
        self._position = 0
        self._written = 0  # positions written since the last start at 0

    @property
    def metadata(self) -> ProgramMetadata:
        """What the program says of itself."""
        return self._program.metadata

    @property
    def max_seq_len(self) -> int:
        """Tokens per call at most."""
        return self.metadata.max_seq_len

    @property
    def max_context_len(self) -> int:
        """Tokens the cache holds at most."""
        return self.metadata.max_context_len

    @property
    def vocab_size(self) -> int:
        """Width V of the logits."""
        return self.metadata.vocab_size

    @property
    def position(self) -> int:
        """Tokens in the cache; the next token is written to this row."""
        return self._position

    def reset(self) -> None:
        """Forgets the context."""
        self._position = 0

    def truncate(self, position: int) -> None:
        """Keeps the first `position` tokens of the context.

        Raises:
            RuntimeFailure: the context does not hold that many tokens, or a ring has lost what they need.
        """
        self._check_position(position)
        self._position = position

    def prefill(self, ids: Sequence[int]) -> npt.NDArray[np.float32]:
        """Appends tokens at `position`, in chunks of `max_seq_len`.

        Args:
            ids: at least one token id.

        Returns:
            Logits of the last token, float32 ``[V]``.

        Raises:
            RuntimeFailure: no ids, an id outside the vocabulary, or more ids than the context has room for
                (checked before anything runs); or the runtime failed.
        """
        self._check_ids(ids, self._position)
        for start in range(0, len(ids), self.max_seq_len):
            logits = self._run(ids[start : start + self.max_seq_len], self._position)
        return logits

    def decode(self, token_id: int) -> npt.NDArray[np.float32]:
        """Appends one token at `position`; as `prefill` otherwise."""
        return self.prefill((token_id,))

    def forward(self, ids: Sequence[int], position: int) -> npt.NDArray[np.float32]:
        """One call of the program at a given position; the context then ends after `ids`.

        Args:
            ids: 1..max_seq_len token ids.
            position: cache row of the first one, 0..`self.position`.

        Returns:
            Logits of the last token, float32 ``[V]``.

        Raises:
            RuntimeFailure: as for `prefill`, or too many ids for one call, or a position past the context.
        """
        self._check_position(position)
        self._check_ids(ids, position)
        if len(ids) > self.max_seq_len:
            raise RuntimeFailure(
                f"{self._program.path}: {len(ids)} tokens in one call; the program takes {self.max_seq_len}"
            )
        return self._run(ids, position)

    def _run(self, ids: Sequence[int], position: int) -> npt.NDArray[np.float32]:
        # If the call fails midway the rows from here on are undefined: the context ends before them.
        self._position = position
        self._written = max(self._written if position else 0, position + len(ids))
        tokens = torch.tensor([list(ids)], dtype=torch.int64)
        logits = self._program.forward(tokens, torch.tensor([position], dtype=torch.int64))
        self._position = position + len(ids)
        values: npt.NDArray[np.float32] = logits[0].float().numpy()
        return values

    def _check_position(self, position: int) -> None:
        if not 0 <= position <= self._position:
            raise RuntimeFailure(
                f"position {position} is outside the context, which holds {self._position} tokens"
            )

        window, rows = self.metadata.sliding_window, self.metadata.window_rows
        if window is None or rows is None or position == 0:
            return
        lost = self._written - rows
        if max(0, position - window + 1) < lost:
            raise RuntimeFailure(
                f"position {position} is too far back: layers with a window of {window} tokens keep {rows} rows, and "
                f"{self._written} positions were written; the furthest is {lost + window - 1}. Start again at 0"
            )

    def _check_ids(self, ids: Sequence[int], position: int) -> None:
        if not ids:
            raise RuntimeFailure("there are no tokens to run: the prompt is empty")
        for index, token in enumerate(ids):
            if not 0 <= token < self.vocab_size:
                raise RuntimeFailure(
                    f"token {token} at index {index} is outside the vocabulary of {self.vocab_size} ids"
                )
        room = self.max_context_len - position
        if len(ids) > room:
            raise RuntimeFailure(
                f"the context of {self.max_context_len} tokens has room for {room} more, not for {len(ids)}; "
                "shorten the prompt or convert with a longer context"
            )
