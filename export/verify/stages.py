"""The rungs of the verification ladder: each one turns a window of tokens into logits in its own way."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from mmoe.export.verify.windows import Window
from mmoe.runtime_bindings.python.runner import ModelRunner

Logits = npt.NDArray[np.float32]
Stage = Callable[[Window], Logits]
"""Maps a window of T tokens to float32 logits ``[T, V]``."""

# Tokens of one prefill call of the `.pte`. The program returns logits of the last token only, so the prefill of every
# position costs a call of this many tokens; 16 is past the point where kernels switch from decode to prefill code.
PREFILL_CHUNK = 16


def padded_window(module: Callable[[Tensor, Tensor], Tensor] | nn.Module, length: int) -> Stage:
    """Like `whole_window` for a module of static shape: what is added behind a text changes nothing before it."""
    whole = whole_window(module)

    def run(window: Window) -> Logits:
        added = length - window.length
        padded = replace(window, tokens=torch.nn.functional.pad(window.tokens, (0, added)))
        return whole(padded)[: window.length]

    return run


def whole_window(module: Callable[[Tensor, Tensor], Tensor] | nn.Module) -> Stage:
    """Runs ``module(tokens, input_pos) -> [1, T, V]`` once on the whole window."""

    def run(window: Window) -> Logits:
        with torch.no_grad():
            logits: Logits = module(window.tokens, torch.zeros(1, dtype=torch.int64))[0].numpy()
        return logits

    return run


def runtime_prefill(runner: ModelRunner) -> Stage:
    """Runs the `.pte`: the logits of each position are those of the last row of a prefill that ends there.

    Consecutive chunks overlap, so each call also rewrites cache rows that the call before it wrote.
    """

    def run(window: Window) -> Logits:
        ids = window.tokens[0].tolist()
        chunk = min(PREFILL_CHUNK, runner.max_seq_len)
        runner.reset()
        rows = []
        for end in range(1, len(ids) + 1):
            start = max(0, end - chunk)
            rows.append(runner.forward(ids[start:end], start))
        return np.stack(rows)

    return run


def runtime_decode(runner: ModelRunner) -> Stage:
    """Runs the `.pte` token by token."""

    def run(window: Window) -> Logits:
        runner.reset()
        return np.stack([runner.decode(token) for token in window.tokens[0].tolist()])

    return run
