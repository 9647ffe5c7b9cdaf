"""Words of a model's description that not every backend's programs can say."""

from __future__ import annotations

from mmoe.models.architectures.config import DecoderConfig
from mmoe.models.architectures.description import Attention, QkNorm, ShortConv

_NORM_ROWS = 16


def sliding_windows(config: DecoderConfig) -> tuple[str, ...]:
    """Named if a layer's attention sees the last keys only."""
    windowed = any(isinstance(mixer, Attention) and mixer.window for mixer in _mixers(config))
    return ("sliding-window attention",) if windowed else ()


def narrow_head_norms(config: DecoderConfig) -> tuple[str, ...]:
    """Named if heads are normalised with a weight whose width the normalisation's kernel does not take."""
    normalised = any(
        isinstance(mixer, Attention) and mixer.qk_norm is QkNorm.PER_HEAD for mixer in _mixers(config)
    )
    name = f"QK-norm over heads of {config.head_dim} elements (a multiple of {_NORM_ROWS} is needed)"
    return (name,) if normalised and config.head_dim % _NORM_ROWS else ()


def wide_scales(config: DecoderConfig) -> tuple[str, ...]:
    """Named if experts have scales that float16 would round, which programs with float16 activations would do."""
    wide = config.quantization is not None and config.quantization.scale_dtype == "float32"
    return ("expert scales in float32 with float16 activations",) if wide and config.expert_blocks else ()


def _mixers(config: DecoderConfig) -> list[Attention | ShortConv]:
    return [layer.mixer for layer in config.layers]
