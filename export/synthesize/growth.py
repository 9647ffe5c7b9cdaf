"""A trained model, grown: a larger one that computes nearly the same from repeated weights of the trained one.

Random weights, whatever their distribution, make a network that differs from a trained one in what a verification and a
profile look at: noise grows from layer to layer, experts are nearly tied, next tokens are a toss-up. A model grown from
a trained one (Chen et al., Net2Net, arXiv 1511.05641) keeps all that.

- Width: channels are repeated by groups of 32, so that integers stay the trained ones and only scales change.
- Experts: a copy of an expert serves the tokens whose code it was dealt; a token's code is one of 32 channels that only
  the embedding writes and only routers read. Which experts a token takes, and by what margin, is as trained.
- Depth: each trained layer is followed by quiet copies of itself.
- Vocabulary: further ids have rows mixed from those of trained and of untrained tokens.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from functools import lru_cache
from typing import ClassVar

import numpy as np

from mmoe.checkpoints.checkpoint import Checkpoint
from mmoe.checkpoints.inventory import expected_tensors
from mmoe.export.synthesize.axes import (
    EMPTY,
    Axis,
    Factor,
    Index,
    copied_axis,
    repeated,
    residual_axis,
)
from mmoe.export.synthesize.gather import bfloat16_bytes, gathered_scales, gathered_values, with_empty
from mmoe.export.synthesize.heads import HeadAxes, head_axes
from mmoe.export.synthesize.tokenizer import bundled_ids, bundled_special_ids
from mmoe.models.architectures.config import DecoderConfig
from mmoe.models.architectures.mobilemoe import MobileMoEConfig
from mmoe.quant.int4 import GROUP_SIZE

# The share of a trained layer's output that each of its copies adds; the first adds what is left.
_QUIET_GAIN = 0.1
# What the embedding writes into the channel of a token's code, and what a router that does not serve it reads from
# there. The residual stream grows to an RMS of 5, and of 28 at the first token: of 0.3 * 1000 that leaves at least 10,
# and a score below 1e-4.
_CODE = 0.3
_REFUSAL = -1000.0
_ROWS_AT_ONCE = 4096
# Rows of further ids take this share of their groups from rows of tokens that were trained, and the rest from tokens
# that no text contained. All seen, 126,000 of them would have most of the probability; none seen, all would be alike.
_SEEN_SHARE = 0.5
_UNTRAINED = ("<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|eom|>")


def can_grow(small: DecoderConfig, large: DecoderConfig) -> bool:
    """Whether the large model has room for the small one's function."""
    if not isinstance(small, MobileMoEConfig) or not isinstance(large, MobileMoEConfig):
        return False
    wide_enough = (
        large.hidden_size >= small.hidden_size + GROUP_SIZE
        and large.intermediate_size >= small.intermediate_size
        and large.intermediate_size_mlp >= small.intermediate_size_mlp
        and large.head_dim >= small.head_dim
        and large.num_key_value_heads >= small.num_key_value_heads
        and large.num_attention_heads * small.num_key_value_heads
        >= small.num_attention_heads * large.num_key_value_heads
        and large.num_local_experts >= small.num_local_experts
        and large.vocab_size >= small.vocab_size
    )
    whole_groups = large.intermediate_size % GROUP_SIZE == large.head_dim % GROUP_SIZE == 0
    same_rules = all(
        getattr(large, name) == getattr(small, name)
        for name in ("num_experts_per_tok", "norm_topk_prob", "routed_scaling_factor", "use_qk_norm")
    )
    all_alike = large.interleave_moe_layer_step == 1 and all(large.no_rope_layers)
    return wide_enough and whole_groups and same_rules and all_alike


class GrownModel:
    """Tensors of the large model, one at a time.

    Attributes:
        ORIGIN: What a model card says of the weights.
        specs: Type and shape of every tensor.
    """

    ORIGIN: ClassVar[str] = (
        "**The weights are those of a small trained model, many times over; the model knows no more than that one.**"
    )

    def __init__(self, trained: Checkpoint, config: DecoderConfig, *, seed: int) -> None:
        """Lays out what all layers share.

        Args:
            trained: The small model.
            config: The large one's; `can_grow` must hold.
            seed: Decides which copies stand where and which codes they serve.
        """
        assert isinstance(trained.config, MobileMoEConfig)
        assert isinstance(config, MobileMoEConfig)
        self.specs = expected_tensors(config)
        self._trained, self._small, self._large, self._seed = trained, trained.config, config, seed
        small_groups = self._small.hidden_size // GROUP_SIZE
        copies = repeated(small_groups, config.hidden_size // GROUP_SIZE - 1, self._rng("hidden"))
        self._hidden = residual_axis(np.append(copies, EMPTY), small_groups)  # the codes are last
        self._channels = self._hidden.by_channel()
        self._codes = self._rng("codes").integers(GROUP_SIZE, size=config.vocab_size)
        self._heads = lru_cache(maxsize=1)(self._head_axes)
        self._feed_forward = lru_cache(maxsize=4)(self._feed_forward_axis)

    def chunks(self, name: str) -> Iterator[bytes]:
        """The bytes of a tensor of the large model, in pieces."""
        if name.startswith("model.embed_tokens."):
            yield from self._embedding(scales=name.endswith("_scale"))
        elif name == "model.norm.weight":
            # The tied head sums over all copies; what they have in common is taken out here.
            yield self._norm(name, code=0.0, gain=self._small.hidden_size / self._large.hidden_size)
        else:
            match = re.fullmatch(r"model\.layers\.(\d+)\.(.*)", name)
            assert match is not None, name
            yield from self._layer_tensor(int(match[1]), match[2])

    def _layer_tensor(self, layer: int, name: str) -> Iterator[bytes]:
        source, gain = self._source_layer(layer)
        trained = f"model.layers.{source}.{name}"
        block, _, kind = name.rpartition(".")
        if name.endswith("layernorm.weight"):
            yield self._norm(trained, code=float(name.startswith("post_attention")), gain=1.0)
        elif name == "feed_forward.router.weight":
            yield self._router(layer, trained)
        elif name == "feed_forward.expert_bias":
            yield bfloat16_bytes(self._trained.tensor(trained).float().numpy()[self._experts(layer).source])
        elif block == "feed_forward.experts":
            yield from self._expert_tensor(layer, trained, gain, scales=kind.endswith("_scale"))
        else:
            rows, row_factor, groups, group_factor = self._matrix(layer, block, gain)
            values = self._trained.tensor(trained).numpy()
            if kind == "qweight":
                yield gathered_values(values, rows, groups).tobytes()
            else:
                yield gathered_scales(values, rows, groups, row_factor, group_factor).tobytes()

    def _matrix(self, layer: int, name: str, gain: float) -> tuple[Index, Factor, Index, Factor]:
        """Where the rows and the input groups of a dense matrix come from, and their factors."""
        hidden, channels, heads = self._hidden, self._channels, self._heads(layer)
        projection = name.rsplit(".", 1)[1]
        outputs = {"q_proj": heads.query, "k_proj": heads.key, "v_proj": heads.value}
        if projection in outputs:
            rows = outputs[projection]
            return rows.source, rows.write, hidden.source, hidden.read
        if projection == "o_proj":
            return channels.source, channels.write * gain, heads.output.source, heads.output.read
        width = self._feed_forward(layer, "shared")
        if projection == "down_proj":
            return channels.source, channels.write * gain, width.source, width.read
        rows = width.by_channel()
        return rows.source, rows.write, hidden.source, hidden.read

    def _expert_tensor(self, layer: int, trained: str, gain: float, *, scales: bool) -> Iterator[bytes]:
        width = self._feed_forward(layer, "experts")
        if ".gate_up_" in trained:
            halves = self._small.intermediate_size // GROUP_SIZE
            rows, row_factor = self._channels.source, self._channels.read
            groups, factor = np.append(width.source, width.source + halves), np.ones(2 * len(width.source))
        else:
            wide = width.by_channel()
            rows, row_factor = wide.source, wide.read
            groups, factor = self._hidden.source, self._hidden.write * gain
        values = self._trained.tensor(trained).numpy()
        for expert in self._experts(layer).source:
            if scales:
                yield gathered_scales(values[expert], rows, groups, row_factor, factor).tobytes()
            else:
                yield gathered_values(values[expert], rows, groups).tobytes()

    def _source_layer(self, layer: int) -> tuple[int, float]:
        """The trained layer that a layer repeats, and the share of its output that it adds."""
        small, large = self._small.num_hidden_layers, self._large.num_hidden_layers
        sources = [index * small // large for index in range(large)]
        copies = sources.count(sources[layer])
        first = sources.index(sources[layer]) == layer
        return sources[layer], 1 - _QUIET_GAIN * (copies - 1) if first else _QUIET_GAIN

    def _norm(self, trained: str, *, code: float, gain: float) -> bytes:
        weight = np.append(self._trained.tensor(trained).float().numpy(), code)
        return bfloat16_bytes(weight[self._channels.source] * gain)

    def _router(self, layer: int, trained: str) -> bytes:
        experts = self._experts(layer)
        small = self._trained.tensor(trained).double().numpy()[experts.source]
        router = np.append(small, np.zeros((len(small), 1)), axis=1)[:, self._channels.source]
        router *= self._channels.read
        rng = self._rng("dealt", layer)
        for source in range(self._small.num_local_experts):
            copies = np.flatnonzero(experts.source == source)
            dealt = copies[repeated(len(copies), GROUP_SIZE, rng)]  # the copy that serves each code
            router[copies, -GROUP_SIZE:] = np.where(dealt == copies[:, None], 0.0, _REFUSAL)
        return router.astype("<f4").tobytes()

    def _experts(self, layer: int) -> Axis:
        sizes = self._small.num_local_experts, self._large.num_local_experts
        return copied_axis(repeated(*sizes, self._rng("experts", layer)))

    def _head_axes(self, layer: int) -> HeadAxes:
        return head_axes(self._small, self._large, self._rng("heads", layer))

    def _feed_forward_axis(self, layer: int, block: str) -> Axis:
        name = "intermediate_size" if block == "experts" else "intermediate_size_mlp"
        small, large = (getattr(config, name) // GROUP_SIZE for config in (self._small, self._large))
        return copied_axis(repeated(small, large, self._rng(block, layer)))

    def _embedding(self, *, scales: bool) -> Iterator[bytes]:
        table = "model.embed_tokens." + ("weight_scale" if scales else "qweight")
        values = self._trained.tensor(table).numpy()
        small_groups = self._small.hidden_size // GROUP_SIZE
        values = with_empty(values.reshape(len(values), small_groups, -1), axis=1)
        rows = self._embedding_rows()
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            part = slice(start, start + _ROWS_AT_ONCE)
            chunk = values[rows[part], self._hidden.source]  # [rows, groups, bytes or 1]
            if scales:
                chunk = chunk[..., 0] * self._hidden.write
                chunk[:, -1] = _CODE / 7
                yield chunk.astype("<f2").tobytes()
            else:
                codes = self._codes[part]
                chunk[np.arange(len(codes)), -1, codes // 2] = np.where(codes % 2, 0x70, 0x07)
                yield chunk.tobytes()

    def _embedding_rows(self) -> Index:
        """int64 ``[V, groups]``: the trained row that each group of each row comes from."""
        known = bundled_ids(self._large)
        special = bundled_special_ids()
        shape = (self._large.vocab_size, len(self._hidden.source))
        rng = self._rng("filler")
        seen = rng.integers(min(special.values()), size=shape)
        unseen = rng.choice([special[text] for text in _UNTRAINED], size=shape)
        rows: Index = np.where(rng.random(shape) < _SEEN_SHARE, seen, unseen)
        rows[list(known)] = np.array(list(known.values()))[:, None]
        return rows

    def _rng(self, purpose: str, layer: int = 0) -> np.random.Generator:
        return np.random.Generator(np.random.SFC64([self._seed, zlib.crc32(purpose.encode()), layer]))
