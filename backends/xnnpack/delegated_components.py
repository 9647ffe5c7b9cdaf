"""The decoder's components for the CPU: XNNPACK's int8 x int4 linears and the `mmoe` operators around them."""

import torch
from torch import Tensor, nn
from torchao.quantization import IntxUnpackedToInt8Tensor

from mmoe.backends.xnnpack import ops
from mmoe.backends.xnnpack.appended_router import SoftmaxRoutedExperts
from mmoe.backends.xnnpack.attention import FloatCacheAttention
from mmoe.backends.xnnpack.float_components import FloatEmbedding, FloatLinear
from mmoe.backends.xnnpack.grouped_experts import InputGroupedExperts
from mmoe.backends.xnnpack.short_conv import RingConvolution
from mmoe.models.architectures.description import Routing, Score
from mmoe.models.components import Components, ExpertTensors
from mmoe.quant.expert_layout import ExpertPanels, pack_expert_panels
from mmoe.quant.int4 import GROUP_SIZE, unpack_nibbles

# What `mmoe::moe_ffn` adds to the sum of the selected scores.
OPERATOR_SUM_EPS = 1e-20


class Embedding(nn.Module):
    """Embedding rows read from the checkpoint's packed bytes."""

    qweight: Tensor
    scale: Tensor

    def __init__(self, qweight: Tensor, scale: Tensor) -> None:
        super().__init__()
        self.register_buffer("qweight", qweight)
        self.register_buffer("scale", scale)

    def forward(self, indices: Tensor) -> Tensor:
        """int64 ``[1, T]`` -> float32 ``[1, T, H]``."""
        return ops.embedding(self.qweight, self.scale, indices)


def embedding(qweight: Tensor, scale: Tensor) -> nn.Module:
    """The module of a table in int4, or in floats if it comes without a scale."""
    return Embedding(qweight, scale) if scale.numel() else FloatEmbedding(qweight)


def linear(qweight: Tensor, scale: Tensor) -> nn.Module:
    """The module of a matrix in int4, or in floats if it comes without a scale."""
    return delegated_linear(qweight, scale) if scale.numel() else FloatLinear(qweight)


def delegated_linear(qweight: Tensor, scale: Tensor) -> nn.Linear:
    """A linear that exports as dynamic int8 activations (asymmetric, per token) x int4 weights in blocks of 32.

    The integers are the checkpoint's; nothing is derived from dequantised weights. XNNPACK rounds the scales to
    bfloat16 when it packs them, which is the one loss on this path (43 dB). It refuses a scale of zero, with which a
    group is zero whatever its integers are: here such a group has zeros as integers, and a scale of one.

    Args:
        qweight: uint8 ``[out, in / 2]``.
        scale: float16 ``[out, in / 32]``.
    """
    empty = scale == 0
    values = unpack_nibbles(qweight).masked_fill(empty.repeat_interleave(GROUP_SIZE, dim=-1), 0)
    scale = scale.masked_fill(empty, 1)
    linear = nn.Linear(values.shape[1], values.shape[0], bias=False, device="meta")
    weight = IntxUnpackedToInt8Tensor(
        qdata=values,
        scale=scale.float(),
        zero_point=torch.zeros(scale.shape, dtype=torch.int8),
        target_dtype=torch.int4,  # type: ignore[attr-defined]  # missing from torch's stubs
        block_size=(1, GROUP_SIZE),
        dtype=torch.float32,
        activation_quantization="int8_asym_per_token",
    )
    linear.weight = nn.Parameter(weight, requires_grad=False)
    return linear


class RMSNorm(nn.Module):
    """RMS normalisation as one operator; as separate operators its mean would split every delegate in two."""

    weight: Tensor

    def __init__(self, weight: Tensor, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.register_buffer("weight", weight)

    def forward(self, x: Tensor) -> Tensor:
        """``[1, T, H]`` -> ``[1, T, H]``."""
        return ops.rms_norm(x, self.weight, eps=self.eps)


class RoutedExperts(nn.Module):
    """The routed experts of a layer as one operator on packed panels."""

    router_weight: Tensor
    expert_bias: Tensor
    gate_up_weight: Tensor
    gate_up_scale: Tensor
    down_weight: Tensor
    down_scale: Tensor

    def __init__(self, tensors: ExpertTensors, routing: Routing) -> None:
        super().__init__()
        self.routing = routing
        gate_up = pack_expert_panels(tensors.gate_up_qweight, tensors.gate_up_scale)
        down = pack_expert_panels(tensors.down_qweight, tensors.down_scale)
        self.register_buffer("router_weight", tensors.router_weight)
        self.register_buffer("expert_bias", tensors.expert_bias)
        self.register_buffer("gate_up_weight", gate_up.weight)
        self.register_buffer("gate_up_scale", gate_up.scale)
        self.register_buffer("down_weight", down.weight)
        self.register_buffer("down_scale", down.scale)

    def forward(self, x: Tensor) -> Tensor:
        """``[1, T, H]`` -> ``[1, T, H]``."""
        return ops.moe_ffn(
            x,
            self.router_weight,
            self.expert_bias,
            gate_up=ExpertPanels(self.gate_up_weight, self.gate_up_scale),
            down=ExpertPanels(self.down_weight, self.down_scale),
            routing=self.routing,
        )


class SmoothedExperts(nn.Module):
    """Routed experts whose weights' sum has a number added that is not the operator's."""

    router_columns: Tensor

    def __init__(self, tensors: ExpertTensors, routing: Routing) -> None:
        super().__init__()
        self.routing = routing
        self.experts = RoutedExperts(tensors, routing)
        self.register_buffer("router_columns", tensors.router_weight.T.contiguous())

    @property
    def router_weight(self) -> Tensor:
        """See `RoutedExperts`."""
        return self.experts.router_weight

    @property
    def expert_bias(self) -> Tensor:
        """See `RoutedExperts`."""
        return self.experts.expert_bias

    def forward(self, x: Tensor) -> Tensor:
        """``[1, T, H]`` -> ``[1, T, H]``."""
        scores = torch.sigmoid(torch.matmul(x, self.router_columns))
        selected = torch.topk(scores + self.experts.expert_bias, self.routing.top_k, dim=-1).indices
        total = scores.gather(-1, selected).sum(dim=-1, keepdim=True)
        mixed: Tensor = self.experts(x) * (total / (total + self.routing.sum_eps))
        return mixed


def routed_experts(tensors: ExpertTensors, routing: Routing) -> nn.Module:
    """The module that computes a kind of routing."""
    if routing.score is not Score.SIGMOID:
        return SoftmaxRoutedExperts(tensors, routing)
    if routing.norm_topk_prob and routing.sum_eps != OPERATOR_SUM_EPS:
        return SmoothedExperts(tensors, routing)
    return RoutedExperts(tensors, routing)


XNNPACK_COMPONENTS = Components(
    embedding=embedding,
    linear=linear,
    norm=RMSNorm,
    attention=FloatCacheAttention,
    experts=routed_experts,
    grouped_experts=InputGroupedExperts,
    short_conv=RingConvolution,
)
