"""One panel: the integer arithmetic equals its definition to the bit, on every instruction set."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.moe_oracle import Matrix, emulate_panel, pack_panels, quantized_matmul_bound
from tests.support.native_kernels import KernelError, available_isas, check_isa, project_panel

ISAS = available_isas()
# Fits the tile of every instruction set.
MAX_TOKENS = 4


def random_panel(rng, *, tokens, inputs):
    x = (rng.normal(size=(tokens, inputs)) * rng.choice([1e-3, 1, 50], (tokens, 1))).astype(np.float32)
    values = rng.integers(-8, 8, (inputs, 32), dtype=np.int8)
    scale = rng.uniform(0, 0.05, inputs).astype(np.float16)
    return x, values, scale


def random_spread_panel(rng, *, tokens, inputs):
    """Any scales that a checkpoint may hold; half of the tokens make up for them, so that products have one size."""
    values = rng.integers(-8, 8, (inputs, 32), dtype=np.int8)
    scale = rng.integers(0, 0x7C00, inputs).astype(np.uint16).view(np.float16)
    scale[rng.integers(inputs, size=3)] = [0, 2.0**-24, np.finfo(np.float16).max]
    opposite = np.where(scale > 0, 1 / np.maximum(scale.astype(np.float64), 2.0**-24), 1)
    size = np.where(rng.random((tokens, 1)) < 0.5, opposite, 2.0 ** rng.integers(-20, 20, (tokens, inputs)))
    return (rng.normal(size=(tokens, inputs)) * size).astype(np.float32), values, scale


def run(x, values, scale, isa):
    return project_panel(x, pack_panels(values[None])[0, 0], scale, isa=isa)


@pytest.mark.parametrize("isa", ISAS)
@settings(derandomize=True, deadline=None, max_examples=60)
@given(tokens=st.integers(0, MAX_TOKENS), chunks=st.integers(1, 20), seed=st.integers(0, 2**32 - 1))
def test_arithmetic_is_exact(isa, tokens, chunks, seed):
    x, values, scale = random_panel(np.random.default_rng(seed), tokens=tokens, inputs=16 * chunks)
    found, expected = run(x, values, scale, isa), emulate_panel(x, values, scale)
    np.testing.assert_array_equal(found.quantized, expected.quantized)
    np.testing.assert_array_equal(found.scales, expected.scales)
    np.testing.assert_array_equal(found.outputs, expected.outputs)


@pytest.mark.parametrize("isa", ISAS)
@settings(derandomize=True, deadline=None, max_examples=60)
@given(tokens=st.integers(1, MAX_TOKENS), chunks=st.integers(1, 20), seed=st.integers(0, 2**32 - 1))
def test_scales_far_apart_stay_within_the_bound(isa, tokens, chunks, seed):
    x, values, scale = random_spread_panel(np.random.default_rng(seed), tokens=tokens, inputs=16 * chunks)
    found, expected = run(x, values, scale, isa), emulate_panel(x, values, scale)
    np.testing.assert_array_equal(found.quantized, expected.quantized)
    np.testing.assert_array_equal(found.scales, expected.scales)
    np.testing.assert_array_equal(found.outputs, expected.outputs)
    matrix = Matrix(values[None], scale[None, None])
    for row, outputs in zip(x.astype(np.float64), found.outputs, strict=True):
        bound = quantized_matmul_bound(row, np.zeros_like(row), matrix, 0)
        assert (np.abs(outputs - row @ matrix.dense(0)) <= bound).all()


@pytest.mark.parametrize("isa", ISAS)
def test_powers_of_two_may_stand_in_the_scales_or_in_the_activations(isa):
    x, values, scale = random_panel(np.random.default_rng(7), tokens=4, inputs=128)
    x[:, :32] *= 2.0**-8
    scale[:32] *= 2.0**8
    there = run(x, values, scale, isa)
    x[:, :32] *= 2.0**-5
    scale[:32] *= 2.0**5
    np.testing.assert_array_equal(run(x, values, scale, isa).outputs, there.outputs)


@pytest.mark.parametrize("isa", ISAS)
def test_a_large_activation_without_a_weight_does_not_hide_the_others(isa):
    x, values, scale = random_panel(np.random.default_rng(8), tokens=1, inputs=64)
    expected = run(x, values, np.where(np.arange(64) == 5, 0, scale).astype(np.float16), isa)
    x[0, 5], scale[5] = 1e9, 0
    found = run(x, values, scale, isa)
    # int8 both times, from int16 or from floats.
    np.testing.assert_allclose(found.outputs, expected.outputs, atol=0.02 * np.abs(expected.outputs).max())


@pytest.mark.parametrize("isa", ISAS)
def test_largest_sums_do_not_overflow(isa):
    inputs = 4096
    values = np.full((inputs, 32), -8, np.int8)
    found = run(np.full((1, inputs), 3, np.float32), values, np.ones(inputs, np.float16), isa)
    # Two roundings to 15 bits stand before the sums.
    np.testing.assert_allclose(found.outputs, -8 * 3 * inputs, rtol=2**-13)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("value", [0.0, -0.0, 1e-40, 1e-38, 3.7e-37])
def test_vanishing_activations_do_not_break_the_step(isa, value):
    x = np.full((1, 32), value, np.float32)
    found = run(x, np.full((32, 32), 7, np.int8), np.ones(32, np.float16), isa)
    assert np.isfinite(found.outputs).all()
    np.testing.assert_allclose(found.outputs, value * 7 * 32, atol=1e-34)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_non_finite_activation_is_not_hidden(isa, value):
    x, values, scale = random_panel(np.random.default_rng(0), tokens=3, inputs=96)
    x[1, 77], scale[77] = value, 1
    found = run(x, values, scale, isa)
    assert np.isnan(found.outputs[1]).all()
    expected = emulate_panel(x[[0, 2]], values, scale)
    np.testing.assert_array_equal(found.outputs[[0, 2]], expected.outputs)


@pytest.mark.parametrize("isa", ISAS)
def test_subnormal_scales_are_exact(isa):
    rng = np.random.default_rng(1)
    x, values, _ = random_panel(rng, tokens=2, inputs=64)
    scale = rng.integers(0, 0x0500, 64).astype(np.uint16).view(np.float16)
    np.testing.assert_array_equal(run(x, values, scale, isa).outputs, emulate_panel(x, values, scale).outputs)


def test_unknown_instruction_sets_are_refused():
    with pytest.raises(KernelError, match="unknown instruction set"):
        check_isa("mmx")
