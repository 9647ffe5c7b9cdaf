"""Reads the routing that `mmoe-bench` records while a program runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from mmoe.runtime_bindings.python.errors import RuntimeFailure

Selections = npt.NDArray[np.int32]
_HEAD = 3  # layer, tokens, top_k


def read_trace(path: Path) -> list[Selections]:
    """The experts of every token, by MoE layer.

    Returns:
        For each MoE layer in program order int32 ``[T, top_k]``, the best expert first; tokens in the order they ran,
        and in the last layer of the model only the last token of every call.

    Raises:
        RuntimeFailure: The file ends within a record.
    """
    data = np.fromfile(path, np.int32)
    layers: dict[int, list[Selections]] = {}
    at = 0
    while at < len(data):
        layer, tokens, top_k = (int(value) for value in (*data[at : at + _HEAD], 0, 0)[:_HEAD])
        at += _HEAD
        if at + tokens * top_k > len(data) or tokens * top_k <= 0:
            raise RuntimeFailure(f"{path}: the routing trace is cut; is the disk full?")
        layers.setdefault(layer, []).append(data[at : at + tokens * top_k].reshape(tokens, top_k))
        at += tokens * top_k
    return [np.concatenate(layers[layer]) for layer in sorted(layers)]
