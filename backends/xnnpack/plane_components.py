"""Components with dense int8 matrices in planes of nibbles, which the kernels of int4 panels compute."""

from torch import Tensor, nn

from mmoe.backends.xnnpack import ops
from mmoe.quant.int8_planes import Int8Planes, pack_int8_planes


class Planes(nn.Module):
    """One matrix as constants of the program."""

    weight: Tensor
    scale: Tensor

    def __init__(self, values: Tensor, scale: Tensor) -> None:
        super().__init__()
        matrix = pack_int8_planes(values, scale)
        self.planes = matrix.planes
        self.register_buffer("weight", matrix.weight)
        self.register_buffer("scale", matrix.scale)

    @property
    def matrix(self) -> Int8Planes:
        """The constants."""
        return Int8Planes(self.weight, self.scale, self.planes)


class PlaneLinear(nn.Module):
    """Linear layer without bias."""

    def __init__(self, matrix: Planes, *, out_features: int) -> None:
        super().__init__()
        self.matrix, self.out_features = matrix, out_features

    def forward(self, x: Tensor) -> Tensor:
        """``[..., in]`` -> ``[..., out]``."""
        return ops.linear_planes(x, self.matrix.matrix, out_features=self.out_features)


class PlaneEmbedding(nn.Module):
    """Embedding rows, read from the head's planes where the two are tied."""

    def __init__(self, table: Planes, *, vocab_size: int) -> None:
        super().__init__()
        self.table, self.vocab_size = table, vocab_size

    def forward(self, indices: Tensor) -> Tensor:
        """int64 ``[1, T]`` -> float32 ``[1, T, H]``."""
        return ops.embedding_planes(self.table.matrix, indices, vocab_size=self.vocab_size)
