"""From a decoder to an exported program with a dynamic sequence length, and the metadata that runners read."""

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram, export

from mmoe.backends.base import ConstantMethods
from mmoe.models.architectures.config import DecoderConfig
from mmoe.models.cache_rows import Lengths
from mmoe.models.decoder import Decoder


def export_program(decoder: nn.Module, *, max_seq_len: int) -> ExportedProgram:
    """Traces ``forward(tokens, input_pos)`` for every number of new tokens in 1..max_seq_len.

    Args:
        decoder: A `Decoder` of a backend's variant, or `AllLogits` around one.
        max_seq_len: Most tokens of one call, at least 2; longer prompts are fed in chunks.

    Returns:
        The exported program; its KV caches are mutable buffers.
    """
    # Two tokens, since torch.export specialises a dimension whose example is 1.
    tokens = torch.zeros(1, 2, dtype=torch.int64)
    with torch.no_grad():
        return export(
            decoder,
            (tokens, torch.zeros(1, dtype=torch.int64)),
            dynamic_shapes={"tokens": {1: Dim("num_tokens", min=1, max=max_seq_len)}, "input_pos": None},
            strict=False,
        )


class LastLogits(nn.Module):
    """A decoder as it is, under the names that `AllLogits` gives its caches: methods share what is called the same."""

    def __init__(self, decoder: nn.Module) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, tokens: Tensor, input_pos: Tensor) -> Tensor:
        """int64 ``[1, T]`` and int64 ``[1]`` -> float32 ``[1, V]``."""
        return cast(Tensor, self.decoder(tokens, input_pos))


class AllLogits(nn.Module):
    """A decoder that returns the logits of every token, to judge a text, or a draft, in a few calls."""

    def __init__(self, decoder: Decoder) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, tokens: Tensor, input_pos: Tensor) -> Tensor:
        """int64 ``[1, T]`` and int64 ``[1]`` -> float32 ``[1, T, V]``."""
        return self.decoder.all_logits(tokens, input_pos)


def runner_metadata(
    config: DecoderConfig,
    *,
    bos_id: int | None,
    eos_ids: Sequence[int],
    max_seq_len: int,
    max_context_len: int,
) -> ConstantMethods:
    """The constant methods that ExecuTorch's stock LLM runners ask a program for.

    Args:
        config: The model's config.
        bos_id: The token that begins a text; without one the method is left out.
        eos_ids: The tokens that end a text.
        max_seq_len: Most tokens of one call, the runner's prefill chunk.
        max_context_len: Positions of the KV cache.

    Returns:
        By name. A model with sliding windows has two more, for runners that go back in the context: the widest
        window, and the rows of the ring that its layers keep.
    """
    lengths = Lengths(max_context_len=max_context_len, max_seq_len=max_seq_len)
    windows = [layer.window for layer in config.layers if layer.window is not None]
    ring = (
        {"get_sliding_window": max(windows), "get_window_rows": lengths.cache_rows(max(windows))}
        if windows
        else {}
    )
    begin = {} if bos_id is None else {"get_bos_id": bos_id}
    return {
        **begin,
        **ring,
        "get_max_seq_len": max_seq_len,
        "get_max_context_len": max_context_len,
        "get_vocab_size": config.vocab_size,
        "get_n_layers": config.num_hidden_layers,
        "get_eos_ids": list(eos_ids),
        "enable_dynamic_shape": True,
        "use_kv_cache": True,
        "use_sdpa_with_kv_cache": False,
    }
