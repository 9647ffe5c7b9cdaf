"""Cuts a text into the token windows that every stage of a verification runs."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mmoe.checkpoints.tokenizer import load_tokenizer
from mmoe.export.artifact.artifact import Artifact
from mmoe.export.verify.metrics import NO_TARGET
from mmoe.export.verify.sampling_error import MIN_TOKENS
from mmoe.export.verify.text import VerificationText
from mmoe.runtime_bindings.python.errors import OptionError

# Long enough that attention matters, short enough that logits of a 128256-row head (512 x 0.5 MB) fit in memory.
MAX_WINDOW = 512


@dataclass(frozen=True)
class Window:
    """A run of consecutive tokens that starts at position 0.

    Attributes:
        tokens: int64 ``[1, T]``.
        targets: int64 ``[T]``, the token that follows each one; `NO_TARGET` for the last.
    """

    tokens: Tensor
    targets: npt.NDArray[np.int64]

    @property
    def length(self) -> int:
        """T."""
        return self.tokens.shape[1]


def cut_windows(ids: list[int], *, max_tokens: int, max_context_len: int, bos_id: int | None) -> list[Window]:
    """Splits a tokenised text into windows, each introduced by the BOS token if the model has one.

    Args:
        ids: The text's ids; a leading BOS is ignored.
        max_tokens: Tokens over all windows, counted with the BOS tokens.
        max_context_len: Rows of the KV cache.
        bos_id: What a text begins with.

    Raises:
        OptionError: fewer than two tokens are left to compare.
    """
    lead = [] if bos_id is None else [bos_id]
    if ids[: len(lead)] == lead:
        ids = ids[len(lead) :]
    body = min(MAX_WINDOW, max_context_len, max_tokens) - len(lead)
    windows, left = [], max_tokens
    for start in range(0, len(ids), max(body, 1)):
        piece = (lead + ids[start : start + body])[:left]
        if len(piece) < 2:
            break
        windows.append(Window(torch.tensor([piece]), np.array([*piece[1:], NO_TARGET], dtype=np.int64)))
        left -= len(piece)
    if not windows:
        raise OptionError("a verification needs a text and a token limit of at least 2 tokens")
    return windows


def windows_for(artifact: Artifact, text: VerificationText, *, max_tokens: int) -> list[Window]:
    """Tokenises a text with an artifact's own tokenizer and cuts it into windows that fit its context.

    Raises:
        MmoeError: The tokenizer is damaged, or fewer than `MIN_TOKENS` tokens are left to compare.
    """
    runtime = artifact.manifest.runtime
    windows = cut_windows(
        load_tokenizer(artifact.folder, artifact.config).encode(text.content),
        max_tokens=max_tokens,
        max_context_len=min(runtime.max_context_len, artifact.config.max_position_embeddings),
        bos_id=runtime.bos_id,
    )
    tokens = sum(window.length for window in windows)
    if tokens < MIN_TOKENS:
        raise OptionError(
            f"{tokens} tokens of text cannot tell a good artifact from a bad one; give a text and a token limit of at "
            f"least {MIN_TOKENS}"
        )
    return windows
