"""A program that `ModelRunner` drives: what it says of itself, and its `forward`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch

from mmoe.runtime_bindings.python.model import Model
from mmoe.runtime_bindings.python.session import Session


@dataclass(frozen=True, kw_only=True)
class ProgramMetadata:
    """What the constant methods of a program say (the contract of ExecuTorch's own LLM runners).

    Attributes:
        max_seq_len: tokens one call of `forward` takes at most (the prefill chunk).
        max_context_len: rows of the KV cache.
        vocab_size: width of the logits.
        sliding_window: keys that the layers with the widest window see; None without such layers.
        window_rows: rows of the ring that they keep.
    """

    max_seq_len: int
    max_context_len: int
    vocab_size: int
    sliding_window: int | None = None
    window_rows: int | None = None


class LanguageProgram(Protocol):
    """What a `ModelRunner` drives: a program in some runtime."""

    @property
    def path(self) -> Path:
        """The `.pte` file."""

    @property
    def metadata(self) -> ProgramMetadata:
        """What the program says of itself."""

    def forward(self, tokens: torch.Tensor, input_pos: torch.Tensor) -> torch.Tensor:
        """One call: int64 ``[1, T]`` and the cache row of the first token, int64 ``[1]`` -> logits ``[1, V]``.

        Raises:
            RuntimeFailure: the runtime refused the call.
        """


class LoadedProgram:
    """An artifact's program in the core; constants stay mapped from the file."""

    def __init__(self, pte_path: Path, *, threads: int | None = None) -> None:
        """Opens the artifact that the program belongs to.

        Args:
            pte_path: the `.pte` file, in its artifact folder.
            threads: size of the runtime's thread pool, which belongs to the whole process; None keeps it.

        Raises:
            OptionError: threads is outside 1..1024.
            RuntimeFailure: the folder is no artifact, or a file in it is absent, cut, of another version or not
                a language model, or an operator or a backend that it needs is missing.
        """
        self.path = pte_path
        self._model = Model(pte_path.parent, threads=threads)
        self._session = Session(self._model)
        info = self._model.info
        self.metadata = ProgramMetadata(
            max_seq_len=info.max_seq_len,
            max_context_len=info.max_context_len,
            vocab_size=info.vocab_size,
            sliding_window=info.sliding_window,
            window_rows=info.window_rows,
        )

    def forward(self, tokens: torch.Tensor, input_pos: torch.Tensor) -> torch.Tensor:
        """One call of the program.

        Args:
            tokens: int64 ``[1, T]``, 1 <= T <= max_seq_len.
            input_pos: int64 ``[1]``, the cache row of the first token; rows before it must have been written.

        Returns:
            Logits of the last token, float32 ``[1, V]``; a copy that later calls leave alone.

        Raises:
            RuntimeFailure: the runtime refused the call.
        """
        self._session.truncate(int(input_pos))
        self._session.prefill(tokens[0].tolist())
        return torch.from_numpy(self._session.logits())[None]
