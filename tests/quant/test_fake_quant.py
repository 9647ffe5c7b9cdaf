"""Fake quantisation against the codec (forward) and against a numpy transcription of LSQ (backward)."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmoe.quant.fake_quant import fake_quantize, initial_log_scale, scale_from_log
from mmoe.quant.int4 import GROUP_SIZE, dequantize, quantize


def _random_weights(rows: int, groups: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(rows, groups * GROUP_SIZE, generator=generator) * 0.05


@settings(derandomize=True, deadline=None)
@given(rows=st.integers(1, 6), groups=st.integers(1, 4), seed=st.integers(0, 2**31))
def test_forward_equals_the_packed_values(rows: int, groups: int, seed: int) -> None:
    values = _random_weights(rows, groups, seed)
    log_scale = initial_log_scale(values)
    scale = scale_from_log(log_scale)
    assert torch.equal(fake_quantize(values, log_scale), dequantize(quantize(values, scale), scale))


@settings(derandomize=True, deadline=None)
@given(rows=st.integers(1, 4), groups=st.integers(1, 3), seed=st.integers(0, 2**31))
def test_gradients_match_lsq_in_numpy(rows: int, groups: int, seed: int) -> None:
    values = _random_weights(rows, groups, seed).requires_grad_()
    # a narrow scale, so that some values are clipped
    log_scale = (initial_log_scale(values) - 0.7).requires_grad_()
    upstream = _random_weights(rows, groups, seed + 1)
    fake_quantize(values, log_scale).backward(upstream)

    scale = scale_from_log(log_scale).numpy().astype(np.float64)[..., None]
    grouped = values.detach().numpy().astype(np.float64).reshape(rows, groups, GROUP_SIZE)
    gradient = upstream.numpy().astype(np.float64).reshape(rows, groups, GROUP_SIZE)
    quotient = grouped / scale
    clipped = np.clip(np.rint(quotient), -8, 7)
    inside = (quotient >= -8) & (quotient <= 7)
    step_slope = np.where(inside, clipped - quotient, clipped)
    assert values.grad is not None
    assert log_scale.grad is not None
    np.testing.assert_array_equal(values.grad.numpy().reshape(grouped.shape), np.where(inside, gradient, 0))
    expected = (gradient * step_slope).sum(-1) * scale[..., 0]
    np.testing.assert_allclose(log_scale.grad.numpy(), expected, rtol=1e-4, atol=1e-6)


def test_initial_scale_beats_the_largest_magnitude() -> None:
    values = _random_weights(64, 8, 3)
    absmax = values.unflatten(-1, (-1, GROUP_SIZE)).abs().amax(-1)
    plain = fake_quantize(values, (absmax / 7).log())
    searched = fake_quantize(values, initial_log_scale(values))
    assert (searched - values).square().mean() < 0.95 * (plain - values).square().mean()


def test_all_zero_group_stays_zero_and_finite() -> None:
    values = torch.zeros(1, GROUP_SIZE)
    log_scale = initial_log_scale(values)
    assert torch.isfinite(log_scale).all()
    assert not fake_quantize(values, log_scale).any()
    assert scale_from_log(log_scale).item() > 0


def test_training_the_scale_recovers_a_quantised_target() -> None:
    target = fake_quantize(_random_weights(8, 2, 11), torch.full((8, 2), -4.0))
    values = target.clone().requires_grad_()
    log_scale = torch.full((8, 2), -3.7, requires_grad=True)
    optimizer = torch.optim.Adam([values, log_scale], lr=2e-3)
    losses = []
    for _ in range(300):
        loss = (fake_quantize(values, log_scale) - target).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.1 * losses[0]
