"""SwiGLU, and through it the kernels' exponential."""

import numpy as np
import pytest

from tests.support.native_kernels import available_isas, swiglu

ISAS = available_isas()


@pytest.mark.parametrize("isa", ISAS)
def test_against_float64(isa):
    gate = np.concatenate([np.linspace(-87, 87, 40_000), np.linspace(-1, 1, 8_000)]).astype(np.float32)
    found = swiglu(np.concatenate([gate, np.ones_like(gate)]), isa=isa)
    exact = gate.astype(np.float64) / (1 + np.exp(-gate.astype(np.float64)))
    # exp within 2 ulp, then an addition and a division: 4 ulp of float32 in all.
    np.testing.assert_allclose(found, exact, rtol=4 * 2**-24, atol=1e-43)


@pytest.mark.parametrize("isa", ISAS)
def test_extremes(isa):
    gate = np.array([0, -0.0, 1000, -1000, np.inf, 3e38, -3e38, np.nan] * 2, np.float32)
    found = swiglu(np.concatenate([gate, np.full_like(gate, 2)]), isa=isa)
    expected = np.array([0, 0, 2000, 0, np.inf, np.inf, 0, np.nan] * 2)
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("isa", ISAS)
def test_instruction_sets_agree_to_the_bit(isa):
    values = np.random.default_rng(0).normal(scale=20, size=4096).astype(np.float32)
    np.testing.assert_array_equal(swiglu(values, isa=isa), swiglu(values))
