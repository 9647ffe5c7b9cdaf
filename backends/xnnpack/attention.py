"""Attention modules, one for each kind of KV cache; the caches are mutable buffers of the program."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from mmoe.backends.xnnpack import ops
from mmoe.backends.xnnpack.declaration import KvCache
from mmoe.models.components import AttentionShape


class FloatCacheAttention(nn.Module):
    """Attention with a float32 or float16 cache."""

    key_cache: Tensor
    value_cache: Tensor

    def __init__(self, shape: AttentionShape, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.shape = shape
        rows = (1, shape.num_kv_heads, shape.cache_rows, shape.head_dim)
        # Not cleared: no row is read before it was written, and clearing would touch 0.3 GB at 8K context.
        self.register_buffer("key_cache", torch.empty(rows, dtype=dtype))
        self.register_buffer("value_cache", torch.empty(rows, dtype=dtype))

    def forward(
        self, query: Tensor, key: Tensor, value: Tensor, cos: Tensor, sin: Tensor, input_pos: Tensor
    ) -> Tensor:
        """See `mmoe.models.Components.attention`."""
        return ops.attention(
            query,
            key,
            value,
            cos,
            sin,
            input_pos,
            self.key_cache,
            self.value_cache,
            use_rope=self.shape.use_rope,
            use_qk_norm=self.shape.use_qk_norm,
            qk_norm_eps=self.shape.norm_eps,
            scale=self.shape.scale,
            window=_window(self.shape),
        )


class Int8CacheAttention(nn.Module):
    """Attention with an int8 cache and a float32 scale per row."""

    key_cache: Tensor
    value_cache: Tensor
    key_steps: Tensor
    value_steps: Tensor

    def __init__(self, shape: AttentionShape) -> None:
        super().__init__()
        self.shape = shape
        keys, values, scales = ops.int8_cache_shapes(
            num_kv_heads=shape.num_kv_heads, max_context_len=shape.cache_rows, head_dim=shape.head_dim
        )
        self.register_buffer("key_cache", torch.empty(keys, dtype=torch.int8))
        self.register_buffer("value_cache", torch.empty(values, dtype=torch.int8))
        self.register_buffer("key_steps", torch.empty(scales))
        self.register_buffer("value_steps", torch.empty(scales))

    def forward(
        self, query: Tensor, key: Tensor, value: Tensor, cos: Tensor, sin: Tensor, input_pos: Tensor
    ) -> Tensor:
        """See `mmoe.models.Components.attention`."""
        return ops.attention_int8(
            query,
            key,
            value,
            cos,
            sin,
            input_pos,
            caches=(self.key_cache, self.value_cache, self.key_steps, self.value_steps),
            use_rope=self.shape.use_rope,
            use_qk_norm=self.shape.use_qk_norm,
            qk_norm_eps=self.shape.norm_eps,
            scale=self.shape.scale,
            window=_window(self.shape),
        )


def _window(shape: AttentionShape) -> ops.Window | None:
    return None if shape.window is None else ops.Window(shape.window, shape.max_context_len)


def attention_component(kv_cache: KvCache) -> Callable[[AttentionShape], nn.Module]:
    """What `Components.attention` is for a kind of cache."""
    match kv_cache:
        case KvCache.FLOAT32:
            return FloatCacheAttention
        case KvCache.FLOAT16:
            return partial(FloatCacheAttention, dtype=torch.float16)
        case KvCache.INT8:
            return Int8CacheAttention
