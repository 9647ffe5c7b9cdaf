"""Post-training quantisation against exhaustive search in float64, and grids that come back from bfloat16."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmoe.quant.int4 import unpack_nibbles
from mmoe.quant.post_training import Quantized, quantize_weights


def values_of(quantized: Quantized) -> np.ndarray:
    """float64 ``[G, 32]``."""
    q = unpack_nibbles(quantized.qweight).double().view(-1, 32).numpy()
    return q * quantized.scale.double().view(-1, 1).numpy()


def squared_errors(groups: np.ndarray, scales: np.ndarray) -> np.ndarray:
    """Of each group ``[G, 32]`` on its scale ``[G]``, in float64."""
    q = np.clip(np.rint(groups / scales[:, None]), -8, 7)
    return ((groups - q * scales[:, None]) ** 2).sum(axis=1)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    exponent=st.integers(-12, 2),
    density=st.sampled_from([1.0, 0.5, 0.1]),
    largest=st.integers(1, 8),
)
def test_grids_come_back_from_bfloat16(seed: int, exponent: int, density: float, largest: int) -> None:
    rng = np.random.default_rng(seed)
    q = rng.integers(-largest, min(largest, 7) + 1, (64, 32)) * (rng.random((64, 32)) < density)
    scale = (2.0**exponent * rng.uniform(1, 2, 64)).astype(np.float16)
    released = torch.from_numpy(q * scale[:, None].astype(np.float64)).float().bfloat16()
    found = quantize_weights(released)
    assert found.recovered == 64
    again = torch.from_numpy(values_of(found)).float().bfloat16()
    np.testing.assert_array_equal(again.float().numpy(), released.float().numpy())
    # A group whose integers have a common factor is on a coarser grid too; any other has its integers back.
    integers = unpack_nibbles(found.qweight).numpy()
    coprime = np.gcd.reduce(q, axis=1) == 1
    np.testing.assert_array_equal(integers[coprime], q[coprime])
    relative = found.scale.view(-1).double().numpy()[coprime] / scale[coprime]
    assert np.abs(relative - 1).max(initial=0) < 2**-7


@settings(derandomize=True, deadline=None, max_examples=20)
@given(seed=st.integers(0, 2**32 - 1), heavy=st.booleans())
def test_scales_are_close_to_the_best_of_all(seed: int, heavy: bool) -> None:
    rng = np.random.default_rng(seed)
    drawn = rng.standard_t(3, (50, 32)) if heavy else rng.normal(size=(50, 32))
    weights = torch.from_numpy(0.02 * drawn).bfloat16()
    groups = weights.double().numpy()
    found = quantize_weights(weights)
    assert found.recovered == 0
    errors = ((groups - values_of(found)) ** 2).sum(axis=1)
    largest = np.abs(groups).max(axis=1)
    best = np.min([squared_errors(groups, largest / divisor) for divisor in np.linspace(5, 20, 600)], axis=0)
    absmax = squared_errors(groups, (largest / 7).astype(np.float16).astype(np.float64))
    assert (errors <= absmax * (1 + 1e-5)).all()
    assert errors.sum() < 1.06 * best.sum()
    assert errors.sum() < 0.9 * absmax.sum()


def test_noise_on_a_grid_is_not_called_a_grid() -> None:
    rng = np.random.default_rng(0)
    q = rng.integers(-8, 8, (200, 32)) + rng.normal(scale=0.1, size=(200, 32))
    assert quantize_weights(torch.from_numpy(0.01 * q).bfloat16()).recovered == 0


def test_zeros_and_mixed_rows() -> None:
    weights = torch.zeros(2, 64, dtype=torch.bfloat16)
    weights[0, :32] = torch.randn(32, generator=torch.Generator().manual_seed(1)).bfloat16()
    found = quantize_weights(weights)
    assert found.recovered == 3
    assert found.qweight.shape == (2, 32)
    assert found.scale.shape == (2, 2)
    np.testing.assert_array_equal(values_of(found)[1:], 0)


@settings(derandomize=True, deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 2**32 - 1),
    stored=st.sampled_from([torch.float16, torch.float32]),
    before=st.sampled_from([torch.bfloat16, torch.float16, None]),
)
def test_grids_come_back_from_wider_floats(
    seed: int, stored: torch.dtype, before: torch.dtype | None
) -> None:
    rng = np.random.default_rng(seed)
    q = rng.integers(-8, 8, (64, 32))
    scale = (2.0**-4 * rng.uniform(1, 2, 64)).astype(np.float16)
    exact = torch.from_numpy(q * scale[:, None].astype(np.float64)).float()
    released = (exact if before is None else exact.to(before)).to(stored)
    found = quantize_weights(released)
    assert found.recovered == 64
    again = torch.from_numpy(values_of(found)).float()
    roundings = [again.to(dtype).float() for dtype in (torch.bfloat16, torch.float16, torch.float32)]
    same = [(one == released.float()).all(dim=-1) for one in roundings]
    assert bool(torch.stack(same).any(dim=0).all())


@pytest.mark.parametrize("weights", [torch.zeros(2, 33, dtype=torch.bfloat16), torch.zeros(2, 32).double()])
def test_anything_but_groups_of_floats_is_refused(weights: torch.Tensor) -> None:
    with pytest.raises(ValueError, match="expected floats"):
        quantize_weights(weights)
