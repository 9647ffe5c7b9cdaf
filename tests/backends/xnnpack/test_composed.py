"""What the operators do not compute and a program composes: routers, short convolutions, and biases beside norms."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from mmoe.backends.xnnpack.appended_router import (
    SoftmaxRoutedExperts,
    copying_router,
    width_without_room,
)
from mmoe.backends.xnnpack.delegated_components import RoutedExperts, SmoothedExperts, routed_experts
from mmoe.backends.xnnpack.short_conv import RingConvolution
from mmoe.models.architectures.description import Routing, Score
from mmoe.models.components import ConvShape, ExpertTensors
from mmoe.models.reference import RoutedExperts as ReferenceExperts


def random_experts(num_experts: int, *, width: int = 64, seed: int = 0, bias: bool = False) -> ExpertTensors:
    """Experts of 32, whose scales keep results near one."""
    generator = torch.Generator().manual_seed(seed)

    def packed(rows: int, columns: int) -> tuple[Tensor, Tensor]:
        nibbles = torch.randint(0, 256, (num_experts, rows, columns // 2), generator=generator)
        spread = 0.5 + torch.rand(num_experts, rows, columns // 32, generator=generator)
        return nibbles.to(torch.uint8), (spread * 0.03).half()

    gate_up, down = packed(width, 64), packed(32, width)
    return ExpertTensors(
        router_weight=torch.randn(num_experts, width, generator=generator) / 4,
        expert_bias=torch.randn(num_experts, generator=generator) * float(bias),
        gate_up_qweight=gate_up[0],
        gate_up_scale=gate_up[1],
        down_qweight=down[0],
        down_scale=down[1],
    )


def sqnr(found: Tensor, expected: Tensor) -> float:
    noise = (found - expected).double().square().sum()
    return float(10 * torch.log10(expected.double().square().sum() / noise))


@pytest.mark.parametrize("num_experts", [8, 32, 40])
@pytest.mark.parametrize("normalised", [False, True])
@pytest.mark.parametrize("score", [Score.SOFTMAX, Score.SOFTMAX_OF_SELECTED])
def test_softmax_routed_experts(num_experts: int, normalised: bool, score: Score) -> None:
    tensors = random_experts(num_experts, seed=num_experts)
    routing = Routing(top_k=3, norm_topk_prob=normalised, score=score, selection_bias=False, sum_eps=0.0)
    x = torch.randn(1, 50, 64, generator=torch.Generator().manual_seed(3))
    module = routed_experts(tensors, routing)
    assert isinstance(module, SoftmaxRoutedExperts)
    # What int8 activations cost; another expert or weight would leave no 10 dB.
    assert sqnr(module(x), ReferenceExperts(tensors, routing)(x)) > 35


def test_room_for_the_logits_costs_no_precision() -> None:
    """Beside a sigmoid router with the same weights: the room changes no integer of the activations."""
    tensors = random_experts(8, seed=1)
    only = torch.zeros(8, 64)
    routing = Routing(top_k=8, norm_topk_prob=True, routed_scaling_factor=8.0, selection_bias=False)
    even = ExpertTensors(**vars(tensors) | {"router_weight": only})
    x = torch.randn(1, 20, 64, generator=torch.Generator().manual_seed(3))
    plain = RoutedExperts(even, routing)(x)
    softmax = Routing(top_k=8, norm_topk_prob=True, routed_scaling_factor=8.0, score=Score.SOFTMAX)
    torch.testing.assert_close(SoftmaxRoutedExperts(even, softmax)(x), plain, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 30.0])
def test_extreme_logits_select_and_weigh_as_a_softmax(scale: float) -> None:
    """Probabilities from e^-100 to 1 - 2^-24, against NumPy in float64."""
    tensors = random_experts(16, seed=4)
    sharp = ExpertTensors(**vars(tensors) | {"router_weight": tensors.router_weight * scale})
    routing = Routing(top_k=1, norm_topk_prob=False, score=Score.SOFTMAX, selection_bias=False)
    x = torch.randn(1, 40, 64, generator=torch.Generator().manual_seed(5))
    logits = x[0].double().numpy() @ sharp.router_weight.double().numpy().T
    likely = np.exp(logits - logits.max(axis=1, keepdims=True))
    largest = torch.from_numpy(1 / likely.sum(axis=1))
    certain = Routing(top_k=1, norm_topk_prob=True, score=Score.SOFTMAX, selection_bias=False)
    share = SoftmaxRoutedExperts(sharp, routing)(x)[0].double()
    whole = SoftmaxRoutedExperts(sharp, certain)(x)[0].double()
    torch.testing.assert_close(share, whole * largest.unsqueeze(-1), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("sum_eps", [1e-6, 0.5])
def test_a_number_added_to_the_sum(sum_eps: float) -> None:
    tensors = random_experts(8, seed=6, bias=True)
    routing = Routing(top_k=3, norm_topk_prob=True, routed_scaling_factor=1.5, sum_eps=sum_eps)
    x = torch.randn(1, 50, 64, generator=torch.Generator().manual_seed(7))
    module = routed_experts(tensors, routing)
    assert isinstance(module, SmoothedExperts)
    assert sqnr(module(x), ReferenceExperts(tensors, routing)(x)) > 35


def test_the_room_is_told_from_a_router() -> None:
    assert width_without_room(copying_router(40, 128)) == 128
    altered = copying_router(40, 128)
    altered[3, 5] = 1
    assert width_without_room(altered) == 192
    assert width_without_room(torch.randn(8, 64)) == 64


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("taps", [2, 3, 4])
def test_ring_convolution(taps: int, bias: bool) -> None:
    """Against NumPy's convolution of the whole text: calls of any length, past the end of the ring, and a new text."""
    rng = np.random.default_rng(taps)
    weight = rng.normal(size=(32, taps)).astype(np.float32)
    offset = rng.normal(size=32).astype(np.float32) if bias else None
    shape = ConvShape(taps=taps, channels=32, max_context_len=64, cache_rows=16)
    module = RingConvolution(
        torch.from_numpy(weight), None if offset is None else torch.from_numpy(offset), shape
    )
    for lengths in ((5, 1, 1, 9, 12, 1, 11), (1, 1, 3)):
        before, behind, inner = rng.normal(size=(3, sum(lengths), 32)).astype(np.float32)
        text = before * inner
        expected = np.stack(
            [np.convolve(text[:, c], weight[c, ::-1])[: len(text)] for c in range(32)], axis=1
        ) + (0 if offset is None else offset)
        expected *= behind
        start = 0
        for length in lengths:
            part = slice(start, start + length)
            projected = np.concatenate((before[part], behind[part], inner[part]), axis=-1)
            found = module(torch.from_numpy(projected).unsqueeze(0), torch.tensor([start]))[0].numpy()
            np.testing.assert_allclose(found, expected[start : start + length], rtol=1e-5, atol=1e-5)
            start += length
