"""Dense int4 linears: their definition to the bit on every instruction set, and float64 within the derived bound."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.linear_oracle import DenseMatrix, emulate_linear, error_bound
from tests.support.native_kernels import (
    GatedBlock,
    KernelError,
    available_isas,
    embedding_panels,
    linear,
    swiglu,
    swiglu_ffn,
)

ISAS = available_isas()


def activations(rng, tokens, inputs):
    return (rng.normal(size=(tokens, inputs)) * rng.choice([1e-3, 1, 50], (tokens, 1))).astype(np.float32)


def run(x, matrix, **options):
    return linear(x, *matrix.panels(), outputs=matrix.values.shape[0], **options)


@pytest.mark.parametrize("isa", ISAS)
@settings(derandomize=True, deadline=None, max_examples=60)
@given(
    tokens=st.integers(0, 40),
    groups=st.integers(1, 9),
    outputs=st.integers(1, 140),
    threads=st.integers(1, 4),
    seed=st.integers(0, 2**32 - 1),
)
def test_arithmetic_is_exact_and_near_float64(isa, tokens, groups, outputs, threads, seed):
    rng = np.random.default_rng(seed)
    matrix, x = DenseMatrix.random(rng, outputs, 32 * groups), activations(rng, tokens, 32 * groups)
    found = run(x, matrix, isa=isa, threads=threads)
    np.testing.assert_array_equal(found, emulate_linear(x, matrix))
    assert (np.abs(found - x.astype(np.float64) @ matrix.dense().T) <= error_bound(x, matrix)).all()


@pytest.mark.parametrize("isa", ISAS)
def test_token_splits_and_long_batches_change_no_bit(isa):
    rng = np.random.default_rng(1)
    matrix, x = DenseMatrix.random(rng, 70, 96), activations(rng, 1100, 96)  # more than two chunks of 512
    whole = run(x, matrix, isa=isa, threads=2)
    np.testing.assert_array_equal(whole, emulate_linear(x, matrix))
    for tokens in (1, 2, 3, 5, 7, 13, 512):
        np.testing.assert_array_equal(run(x[:tokens], matrix, isa=isa), whole[:tokens])


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("value", [0.0, -0.0, 1e-40, 1e-38, 3.7e-37])
def test_vanishing_activations_do_not_break_the_step(isa, value):
    matrix = DenseMatrix(np.full((32, 32), 7, np.int8), np.ones((32, 1), np.float16))
    found = run(np.full((1, 32), value, np.float32), matrix, isa=isa)
    np.testing.assert_allclose(found, value * 7 * 32, atol=1e-34)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [3, 77, 95])
def test_a_non_finite_activation_is_not_hidden(isa, value, place):
    rng = np.random.default_rng(2)
    matrix, x = DenseMatrix.random(rng, 40, 96), activations(rng, 3, 96)
    x[1, place] = value
    found = run(x, matrix, isa=isa)
    assert np.isnan(found[1]).all()
    np.testing.assert_array_equal(found[[0, 2]], emulate_linear(x[[0, 2]], matrix))


@pytest.mark.parametrize("isa", ISAS)
def test_extreme_weights_and_scales_are_exact(isa):
    rng = np.random.default_rng(3)
    values = rng.choice(np.array([-8, 7], np.int8), (64, 64))
    scale = rng.integers(0, 0x7C00, (64, 2)).astype(np.uint16).view(np.float16)  # subnormals included
    matrix, x = DenseMatrix(values, scale), np.full((2, 64), 3, np.float32)
    np.testing.assert_array_equal(run(x, matrix, isa=isa), emulate_linear(x, matrix))


@pytest.mark.parametrize("isa", ISAS)
@settings(derandomize=True, deadline=None, max_examples=30)
@given(
    tokens=st.integers(0, 30),
    hidden=st.integers(1, 4),
    width=st.integers(1, 6),
    threads=st.integers(1, 4),
    seed=st.integers(0, 2**32 - 1),
)
def test_swiglu_ffn_is_its_three_steps(isa, tokens, hidden, width, threads, seed):
    rng = np.random.default_rng(seed)
    gate, up = (DenseMatrix.random(rng, 32 * width, 32 * hidden) for _ in range(2))
    down = DenseMatrix.random(rng, 32 * hidden, 32 * width)
    (gate_weight, gate_scale), (up_weight, up_scale) = gate.panels(), up.panels()
    block = GatedBlock(
        np.concatenate([gate_weight, up_weight]), np.concatenate([gate_scale, up_scale]), *down.panels()
    )
    x = activations(rng, tokens, 32 * hidden)
    projected = np.concatenate([emulate_linear(x, gate), emulate_linear(x, up)], axis=1)
    activated = np.array([swiglu(row) for row in projected], np.float32).reshape(tokens, 32 * width)
    found = swiglu_ffn(block, x, isa=isa, threads=threads)
    np.testing.assert_array_equal(found, emulate_linear(activated, down))


@settings(derandomize=True, deadline=None, max_examples=30)
@given(
    vocab_size=st.integers(1, 100),
    groups=st.integers(1, 4),
    tokens=st.integers(0, 70),
    threads=st.integers(1, 4),
    seed=st.integers(0, 2**32 - 1),
)
def test_embedding_rows_are_the_matrix_rows(vocab_size, groups, tokens, threads, seed):
    rng = np.random.default_rng(seed)
    matrix = DenseMatrix.random(rng, vocab_size, 32 * groups)
    ids = rng.integers(0, vocab_size, tokens)
    found = embedding_panels(*matrix.panels(), ids, vocab_size=vocab_size, threads=threads)
    np.testing.assert_array_equal(found, matrix.dense().astype(np.float32)[ids])


def test_sizes_that_do_not_fit_are_refused():
    x, weight, scale = (
        np.zeros((1, 48), np.float32),
        np.zeros((1, 12, 64), np.uint8),
        np.zeros(32, np.float16),
    )
    with pytest.raises(KernelError, match="multiple of 32"):
        linear(x, weight, scale, outputs=32)
    with pytest.raises(KernelError, match="outputs must be positive"):
        linear(x[:, :32].copy(), weight, scale, outputs=0)
    matrix = DenseMatrix.random(np.random.default_rng(0), 7, 32)
    for bad in (-1, 7, 2**40):
        with pytest.raises(KernelError, match="token id is outside"):
            embedding_panels(*matrix.panels(), np.array([0, bad]), vocab_size=7)
