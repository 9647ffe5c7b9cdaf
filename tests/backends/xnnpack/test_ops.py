"""The eager twins of the operators against float64 references and against the reference components."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmoe.backends.xnnpack import ops
from mmoe.backends.xnnpack.ops.moe_ffn import panel_matmul
from mmoe.models.architectures.description import Routing
from mmoe.models.components import ExpertTensors
from mmoe.models.reference import RoutedExperts
from mmoe.quant.expert_layout import pack_expert_panels
from mmoe.quant.int4 import dequantize


def random_experts(generator: torch.Generator, *shape: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Packed weights ``[E, in, out]`` and their scales."""
    *lead, outputs = shape
    qweight = torch.randint(0, 256, (*lead, outputs // 2), dtype=torch.uint8, generator=generator)
    scale = (torch.rand(*lead, outputs // 32, generator=generator) * 0.02 + 0.002).half()
    return qweight, scale


@settings(derandomize=True, deadline=None, max_examples=30)
@given(
    tokens=st.integers(0, 9), lines=st.integers(1, 40), panels=st.integers(1, 4), seed=st.integers(0, 1000)
)
def test_panel_matmul_stays_within_the_bound_of_its_roundings(
    tokens: int, lines: int, panels: int, seed: int
) -> None:
    """Half of int16's scale for the input, the weights' scale and their product, then half of int8's."""
    generator = torch.Generator().manual_seed(seed)
    qweight, scale = random_experts(generator, 1, 4 * lines, 32 * panels)
    packed = pack_expert_panels(qweight, scale)
    x = torch.randn(tokens, 4 * lines, generator=generator)
    exact = x.double() @ dequantize(qweight, scale)[0].double()
    actual = panel_matmul(x, packed.weight[0], packed.scale[0])
    integers = dequantize(qweight, torch.ones_like(scale))[0].double()  # [in, out]
    size, scales = x.double().abs().unsqueeze(-1), scale[0].double()  # [T, in, 1], [in, P]
    row_scale, scale_of_scales = size.amax(dim=1, keepdim=True) / 32767, scales.amax(dim=0) / 32767
    product_scale = row_scale * scale_of_scales * 2**15
    before = (
        scales * row_scale / 2
        + size * scale_of_scales / 2
        + row_scale * scale_of_scales / 4
        + product_scale / 2
    )
    int8_scale = product_scale + (size * scales + before).amax(dim=1, keepdim=True) / 126
    bound = torch.einsum(
        "tip,ipo->tpo", before + int8_scale / 2, integers.abs().unflatten(1, (-1, 32))
    ).flatten(1)
    assert bool(((actual - exact).abs() <= bound * (1 + 1e-5) + 1e-7).all())


@pytest.mark.parametrize("tokens", [0, 1, 17])
def test_moe_ffn_is_close_to_float32_experts(tokens: int) -> None:
    generator = torch.Generator().manual_seed(1)
    num_experts, hidden, width = 6, 128, 64
    gate_up, down = (
        random_experts(generator, num_experts, hidden, 2 * width),
        random_experts(generator, num_experts, width, hidden),
    )
    router = torch.randn(num_experts, hidden, generator=generator)
    bias = torch.randn(num_experts, generator=generator) * 0.1
    routing = Routing(top_k=2, norm_topk_prob=True, routed_scaling_factor=2.5)
    x = torch.randn(1, tokens, hidden, generator=generator)
    reference = RoutedExperts(
        ExpertTensors(
            router_weight=router,
            expert_bias=bias,
            gate_up_qweight=gate_up[0],
            gate_up_scale=gate_up[1],
            down_qweight=down[0],
            down_scale=down[1],
        ),
        routing,
    )(x)
    actual = ops.moe_ffn(
        x, router, bias, gate_up=pack_expert_panels(*gate_up), down=pack_expert_panels(*down), routing=routing
    )
    assert actual.shape == x.shape
    if tokens:
        noise = (actual - reference).square().sum() / reference.square().sum()
        assert -10 * torch.log10(noise) > 34  # what int8 activations alone leave


def test_zero_activations_give_zero() -> None:
    generator = torch.Generator().manual_seed(2)
    panels = pack_expert_panels(*random_experts(generator, 1, 32, 32))
    out = panel_matmul(torch.zeros(3, 32), panels.weight[0], panels.scale[0])
    assert torch.equal(out, torch.zeros(3, 32))


@pytest.mark.slow
def test_operators_pass_torch_own_checks() -> None:
    """Schema, fake-tensor shapes and aliasing, as torch.library checks them."""
    generator = torch.Generator().manual_seed(3)
    qweight, scale = random_experts(generator, 8, 32)
    torch.library.opcheck(torch.ops.mmoe.embedding.default, (qweight, scale, torch.tensor([[1, 7]])))
    torch.library.opcheck(
        torch.ops.mmoe.rms_norm.default, (torch.randn(1, 3, 32, generator=generator), torch.ones(32), 1e-5)
    )
    rows = torch.randn(3, 1, 3, 32, generator=generator)
    for y in (None, rows[2]):
        torch.library.opcheck(
            torch.ops.mmoe.add_rms_norm.default, (rows[0], rows[1], y, torch.ones(32), 1e-5)
        )
    qkv = [torch.randn(1, 3, heads * 16, generator=generator) for heads in (4, 2, 2)]
    angles = torch.randn(3, 8, generator=generator)
    keys, values, scales = ops.int8_cache_shapes(num_kv_heads=2, max_context_len=8, head_dim=16)
    for operator, caches in (
        (torch.ops.mmoe.attention.default, [torch.zeros(1, 2, 8, 16) for _ in range(2)]),
        (torch.ops.mmoe.attention.default, [torch.zeros(1, 2, 8, 16).half() for _ in range(2)]),
        (
            torch.ops.mmoe.attention_int8.default,
            [
                torch.zeros(keys, dtype=torch.int8),
                torch.zeros(values, dtype=torch.int8),
                *torch.zeros(2, *scales),
            ],
        ),
    ):
        torch.library.opcheck(
            operator, (*qkv, angles.cos(), angles.sin(), torch.tensor([2]), *caches, True, True, 1e-5, 0.25)
        )
