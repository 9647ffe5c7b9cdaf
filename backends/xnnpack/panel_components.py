"""Components with dense linears in `mmoe` kernels: exact integers and scales, read in place from the file."""

import dataclasses

import torch
from torch import Tensor, nn

from mmoe.backends.xnnpack import ops
from mmoe.backends.xnnpack.delegated_components import XNNPACK_COMPONENTS, embedding
from mmoe.backends.xnnpack.float_components import FloatLinear
from mmoe.backends.xnnpack.plane_components import PlaneEmbedding, PlaneLinear, Planes
from mmoe.models.components import Packed
from mmoe.quant.linear_layout import LinearPanels, pack_linear_panels, stack_linear_panels


class Panels(nn.Module):
    """One matrix, or several below each other, as constants of the program."""

    weight: Tensor
    scale: Tensor

    def __init__(self, panels: LinearPanels) -> None:
        super().__init__()
        self.register_buffer("weight", panels.weight)
        self.register_buffer("scale", panels.scale)

    @property
    def panels(self) -> LinearPanels:
        """The constants."""
        return LinearPanels(self.weight, self.scale)


class PanelLinear(nn.Module):
    """Linear layer without bias."""

    def __init__(self, matrix: Panels, *, out_features: int) -> None:
        super().__init__()
        self.matrix, self.out_features = matrix, out_features

    def forward(self, x: Tensor) -> Tensor:
        """``[..., in]`` -> ``[..., out]``."""
        return ops.linear(x, self.matrix.panels, out_features=self.out_features)


class PanelProjections(nn.Module):
    """The query, key and value projections as one operator."""

    def __init__(self, query: Packed, key: Packed, value: Packed) -> None:
        super().__init__()
        self.matrices = Panels(stack_linear_panels(*(pack_linear_panels(*m) for m in (query, key, value))))
        self.query_features, self.kv_features = query[0].shape[0], key[0].shape[0]

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """``[1, T, H]`` -> ``[1, T, Hq * D]`` and twice ``[1, T, Hkv * D]``."""
        return ops.linear_qkv(
            x, self.matrices.panels, query_features=self.query_features, kv_features=self.kv_features
        )


class PanelEmbedding(nn.Module):
    """Embedding rows read from the head's panels."""

    def __init__(self, table: Panels, *, vocab_size: int) -> None:
        super().__init__()
        self.table, self.vocab_size = table, vocab_size

    def forward(self, indices: Tensor) -> Tensor:
        """int64 ``[1, T]`` -> float32 ``[1, T, H]``."""
        return ops.embedding_panels(self.table.panels, indices, vocab_size=self.vocab_size)


class PanelSwiGLU(nn.Module):
    """A dense gated block as one operator."""

    def __init__(self, gate: Packed, up: Packed, down: Packed) -> None:
        super().__init__()
        self.gate_up = Panels(stack_linear_panels(pack_linear_panels(*gate), pack_linear_panels(*up)))
        self.down = Panels(pack_linear_panels(*down))

    def forward(self, x: Tensor) -> Tensor:
        """``[1, T, H]`` -> ``[1, T, H]``."""
        return ops.swiglu_ffn(x, gate_up=self.gate_up.panels, down=self.down.panels)


def _embedding(qweight: Tensor, scale: Tensor) -> nn.Module:
    if qweight.dtype == torch.int8:
        return PlaneEmbedding(Planes(qweight, scale), vocab_size=qweight.shape[0])
    return embedding(qweight, scale)


def _linear(qweight: Tensor, scale: Tensor) -> nn.Module:
    if not scale.numel():
        return FloatLinear(qweight)
    if qweight.dtype == torch.int8:
        return PlaneLinear(Planes(qweight, scale), out_features=qweight.shape[0])
    return PanelLinear(Panels(pack_linear_panels(qweight, scale)), out_features=qweight.shape[0])


def _tied_embedding(qweight: Tensor, scale: Tensor) -> tuple[nn.Module, nn.Module]:
    vocab_size = qweight.shape[0]
    if qweight.dtype == torch.int8:
        planes = Planes(qweight, scale)
        return PlaneEmbedding(planes, vocab_size=vocab_size), PlaneLinear(planes, out_features=vocab_size)
    table = Panels(pack_linear_panels(qweight, scale))
    return PanelEmbedding(table, vocab_size=vocab_size), PanelLinear(table, out_features=vocab_size)


PANEL_COMPONENTS = dataclasses.replace(
    XNNPACK_COMPONENTS,
    embedding=_embedding,
    linear=_linear,
    tied_embedding=_tied_embedding,
    projections=PanelProjections,
    gated=PanelSwiGLU,
)
