"""Hands the tensors below one name prefix to the constructors of a variant."""

import torch
from torch import Tensor, nn

from mmoe.models.architectures.config import DecoderConfig
from mmoe.models.components import Components, Packed
from mmoe.models.tensor_source import TensorSource
from mmoe.quant.grouped_layout import GroupedExperts


class Weights:
    """The tensors of a checkpoint whose names begin with a prefix."""

    def __init__(self, checkpoint: TensorSource, components: Components, prefix: str = "") -> None:
        self._checkpoint = checkpoint
        self._prefix = prefix
        self.components = components
        self.config: DecoderConfig = checkpoint.config

    def at(self, name: str) -> "Weights":
        """Returns the weights below ``prefix + name``."""
        return Weights(self._checkpoint, self.components, f"{self._prefix}{name}.")

    def tensor(self, name: str) -> Tensor:
        """Returns one tensor in its stored dtype."""
        return self._checkpoint.tensor(self._prefix + name)

    def packed(self, name: str) -> Packed:
        """Returns ``(qweight, scale)`` of an int4 or int8 matrix; of an unpacked one the weight and nothing."""
        if self._is_int8(name):
            return self.tensor(f"{name}.qweight"), self.tensor(f"{name}.weight_scale")
        return self._parts(f"{name}.qweight", f"{name}.weight_scale", f"{name}.weight")

    def experts(self, name: str) -> Packed:
        """Returns the same of the matrices of all experts."""
        return self._parts(f"experts.{name}_qweight", f"experts.{name}_scale", f"experts.{name}_proj")

    def grouped_experts(self, name: str) -> GroupedExperts:
        """Returns the same of experts that are grouped along the input, with their zeros if they have any."""
        quantization = self.config.quantization
        symmetric = quantization is None or quantization.symmetric
        return GroupedExperts(
            self.tensor(f"experts.{name}_qweight"),
            self.tensor(f"experts.{name}_scale"),
            None if symmetric else self.tensor(f"experts.{name}_zero"),
        )

    def all_packed(self, *names: str) -> bool:
        """Whether all these dense matrices are in int4, so that a variant may fuse them."""
        quantization = self.config.quantization
        return quantization is not None and all(quantization.is_packed(self._prefix + name) for name in names)

    def _is_int8(self, name: str) -> bool:
        quantization = self.config.quantization
        return quantization is not None and quantization.int8_group(self._prefix + name) is not None

    def _parts(self, qweight: str, scale: str, weight: str) -> Packed:
        if not self.all_packed(weight.removesuffix(".weight")):
            return self.tensor(weight), torch.empty(0)
        return self.tensor(qweight), self.tensor(scale)

    def linear(self, name: str) -> nn.Module:
        """Builds a linear layer without bias."""
        return self.components.linear(*self.packed(name))

    def bias(self, name: str) -> "Bias":
        """Builds what adds the bias of a linear layer."""
        return Bias(self.tensor(f"{name}.bias").float())

    def embedding_and_head(self) -> tuple[nn.Module, nn.Module]:
        """Builds the embedding and the head, which share one table if the config ties them."""
        table = self.packed("model.embed_tokens")
        if not self.config.tie_word_embeddings:
            return self.components.embedding(*table), self.linear("lm_head")
        shared = self.all_packed("model.embed_tokens") or self._is_int8("model.embed_tokens")
        if self.components.tied_embedding is not None and shared:
            return self.components.tied_embedding(*table)
        return self.components.embedding(*table), self.components.linear(*table)

    def norm(self, name: str) -> nn.Module:
        """Builds an RMSNorm; a 16-bit weight is widened, which is exact."""
        return self.components.norm(self.tensor(f"{name}.weight").float(), self.config.rms_norm_eps)


class Bias(nn.Module):
    """Adds a vector to every token."""

    bias: Tensor

    def __init__(self, bias: Tensor) -> None:
        super().__init__()
        self.register_buffer("bias", bias)

    def forward(self, x: Tensor) -> Tensor:
        """``[1, T, N]`` -> the same."""
        return x + self.bias.to(x.dtype)
