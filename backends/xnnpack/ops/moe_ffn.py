"""`mmoe::moe_ffn`: router, top-k, grouped int4 experts and the weighted combination in one operator."""

import torch
from torch import Tensor
from torch.nn.functional import silu

from mmoe.backends.xnnpack.ops.registration import register_operator
from mmoe.backends.xnnpack.ops.routed_experts import routed_experts
from mmoe.models.architectures.description import Routing
from mmoe.quant.expert_layout import ExpertPanels, unpack_panel_values

_ARGUMENTS = (
    "Tensor x, Tensor router_weight, Tensor expert_bias, Tensor gate_up_weight, Tensor gate_up_scale, "
    "Tensor down_weight, Tensor down_scale, int top_k, bool norm_topk_prob, float routed_scaling_factor"
)

_INT16_LEVELS = 32767
_INT8_LEVELS = 127
# Tokens whose largest product in a panel has fewer levels of int16 are multiplied as floats.
_FEWEST_LEVELS = 2048


def panel_matmul(x: Tensor, weight: Tensor, scale: Tensor) -> Tensor:
    """Multiplies activations by one expert matrix the way the kernels do.

    Each panel of 32 outputs shares a scale per input. Activations (per token) and scales (per panel) become int16;
    their products, again int16, become int8 per (token, panel), symmetric within +-127; the rest is an integer
    dot product with the int4 values. Where int16 is too coarse, because scales and activations are spread far and
    opposite ways, float32 products become int8 instead.

    Args:
        x: float32 ``[T, in]``.
        weight: uint8 ``[out / 32, in / 4, 64]``.
        scale: float16 ``[out / 32, in]``.

    Returns:
        float32 ``[T, out]``.
    """
    rows, row_scale = _to_int16(x)
    scales, scale_of_scales = _to_int16(scale.float())
    scaled = _multiply_rounded(rows, scales.unsqueeze(1))  # [P, T, in]
    largest = scaled.abs().amax(dim=-1, keepdim=True)
    factor = torch.div(_INT8_LEVELS << 15, largest.clamp(min=1), rounding_mode="floor").clamp(
        max=_INT16_LEVELS
    )
    quantised = _multiply_rounded(scaled, factor)
    output_scale = row_scale * (scale_of_scales.unsqueeze(1) * (2.0**30 / factor.float()))
    _quantise_exactly(x, scale.float(), largest.squeeze(-1) < _FEWEST_LEVELS, quantised, output_scale)
    # Sums of at most in * 127 * 8 are exact in float64 for any width.
    sums = torch.bmm(quantised.double(), unpack_panel_values(weight).double())  # [P, T, 32]
    return (sums.float() * output_scale).transpose(0, 1).flatten(1)


def _quantise_exactly(
    x: Tensor, scale: Tensor, coarse: Tensor, quantised: Tensor, output_scale: Tensor
) -> None:
    """Puts what float32 says in the place of int16's results, for pairs of a panel and a token.

    They stay where all products are zero, or so small that the inverse overflows, or one is not finite.

    Args:
        x: float32 ``[T, in]``.
        scale: float32 ``[P, in]``.
        coarse: bool ``[P, T]``, the pairs.
        quantised: int32 ``[P, T, in]``, changed in place.
        output_scale: float32 ``[P, T, 1]``, changed in place.
    """
    panels, tokens = coarse.nonzero(as_tuple=True)
    products = x[tokens] * scale[panels]
    largest = products.abs().amax(dim=-1, keepdim=True)
    factor = _INT8_LEVELS / largest
    representable = (torch.isfinite(largest) & torch.isfinite(factor)).squeeze(-1)
    panels, tokens = panels[representable], tokens[representable]
    integers = torch.round(products[representable] * factor[representable])
    quantised[panels, tokens] = integers.to(quantised.dtype)
    output_scale[panels, tokens] = largest[representable] / _INT8_LEVELS


def _to_int16(values: Tensor) -> tuple[Tensor, Tensor]:
    """float32 ``[..., n]`` -> int32 within +-32767 and their scale, ``[..., 1]``.

    What is zero, or so small that its inverse overflows, vanishes; a value that is not finite makes the scale NaN.
    """
    largest = values.abs().amax(dim=-1, keepdim=True)
    factor = _INT16_LEVELS / largest
    representable = torch.isfinite(largest) & torch.isfinite(factor)
    integers = torch.round(torch.where(representable, values * factor, 0.0)).to(torch.int32)
    scale = torch.where(
        representable, largest / _INT16_LEVELS, torch.where(torch.isfinite(largest), 0.0, torch.nan)
    )
    return integers, scale


def _multiply_rounded(a: Tensor, b: Tensor) -> Tensor:
    """``a * b / 2^15``, rounded to nearest, halves up."""
    return (a * b + (1 << 14)) >> 15


def _twin(
    x: Tensor,
    router_weight: Tensor,
    expert_bias: Tensor,
    gate_up_weight: Tensor,
    gate_up_scale: Tensor,
    down_weight: Tensor,
    down_scale: Tensor,
    top_k: int,
    norm_topk_prob: bool,
    routed_scaling_factor: float,
) -> Tensor:
    routing = Routing(top_k=top_k, norm_topk_prob=norm_topk_prob, routed_scaling_factor=routed_scaling_factor)

    def feed_forward(rows: Tensor, expert: int) -> Tensor:
        gate, up = panel_matmul(rows, gate_up_weight[expert], gate_up_scale[expert]).chunk(2, dim=-1)
        return panel_matmul(silu(gate) * up, down_weight[expert], down_scale[expert])

    return routed_experts(x, router_weight, expert_bias, routing, feed_forward)


def _shape_like(x: Tensor, *_: object) -> Tensor:
    return torch.empty_like(x)


register_operator("moe_ffn", _ARGUMENTS, twin=_twin, shape_like=_shape_like)


def moe_ffn(
    x: Tensor,
    router_weight: Tensor,
    expert_bias: Tensor,
    *,
    gate_up: ExpertPanels,
    down: ExpertPanels,
    routing: Routing,
) -> Tensor:
    """Applies the routed experts of one layer.

    Args:
        x: float32 ``[1, T, H]``, the normalised hidden states.
        router_weight: float32 ``[E, H]``.
        expert_bias: float32 ``[E]``.
        gate_up: Panels of ``[E, H, 2F]``, gate half first.
        down: Panels of ``[E, F, H]``.
        routing: How experts are chosen and weighted.

    Returns:
        float32 ``[1, T, H]``, without the shared expert and the residual.
    """
    result: Tensor = torch.ops.mmoe.moe_ffn(
        x, router_weight, expert_bias, gate_up.weight, gate_up.scale, down.weight, down.scale,
        routing.top_k, routing.norm_topk_prob, routing.routed_scaling_factor,
    )  # fmt: skip
    return result
