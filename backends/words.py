"""Words of a model's description that not every backend's programs can say."""

from __future__ import annotations

from mmoe.models.architectures.config import DecoderConfig
from mmoe.models.architectures.description import Attention, QkNorm, ShortConv

_NORM_ROWS = 16


def sliding_windows(config: DecoderConfig) -> tuple[str, ...]:
    """Named if a layer's attention sees the last keys only."""
    windowed = any(isinstance(mixer, Attention) and mixer.window for mixer in _mixers(config))
    return ("sliding-window attention",) if windowed else ()


def short_convolutions(config: DecoderConfig) -> tuple[str, ...]:
    """Named if a layer mixes tokens by a short convolution."""
    return ("short convolutions",) if any(isinstance(mixer, ShortConv) for mixer in _mixers(config)) else ()


def narrow_head_norms(config: DecoderConfig) -> tuple[str, ...]:
    """Named if heads are normalised with a weight whose width the normalisation's kernel does not take."""
    normalised = any(
        isinstance(mixer, Attention) and mixer.qk_norm is QkNorm.PER_HEAD for mixer in _mixers(config)
    )
    name = f"QK-norm over heads of {config.head_dim} elements (a multiple of {_NORM_ROWS} is needed)"
    return (name,) if normalised and config.head_dim % _NORM_ROWS else ()


def experts_by_input(config: DecoderConfig) -> tuple[str, ...]:
    """Named if experts are grouped along the input."""
    by_input = config.quantization is not None and config.quantization.experts_by_input
    return ("experts grouped along the input",) if by_input and config.expert_blocks else ()


def _mixers(config: DecoderConfig) -> list[Attention | ShortConv]:
    return [layer.mixer for layer in config.layers]
