"""The eager operators of the MLX variant against NumPy loops over the checkpoint's own nibbles."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmoe.backends.mlx import ops
from mmoe.backends.mlx.weights import dequantize_words, from_words, to_words
from tests.support.grouped_oracle import GroupedMatrix


def _packed(shape: tuple[int, ...], seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    qweight = torch.randint(0, 256, (*shape[:-1], shape[-1] // 2), dtype=torch.uint8, generator=generator)
    scale = torch.rand(*shape[:-1], shape[-1] // 32, generator=generator) / 16
    return qweight, scale.half()


def _weights(qweight: torch.Tensor, scale: torch.Tensor) -> np.ndarray:
    """float64 values, nibble by nibble."""
    data, factors = qweight.numpy(), scale.numpy().astype(np.float64)
    result = np.empty((*data.shape[:-1], data.shape[-1] * 2))
    for index in np.ndindex(result.shape):
        byte = int(data[(*index[:-1], index[-1] // 2)])
        nibble = byte >> 4 if index[-1] % 2 else byte & 15
        result[index] = (nibble - 16 if nibble > 7 else nibble) * factors[(*index[:-1], index[-1] // 32)]
    return result


@settings(derandomize=True, deadline=None, max_examples=20)
@given(st.integers(1, 4), st.integers(1, 3), st.integers(0, 1000))
def test_words_hold_the_nibbles_plus_eight_lowest_bits_first(rows: int, groups: int, seed: int) -> None:
    qweight, scale = _packed((rows, groups * 32), seed)
    words = to_words(qweight)
    nibbles = [(int(word) >> 4 * place) & 15 for word in words.flatten().tolist() for place in range(8)]
    signed = (np.array(nibbles).reshape(rows, -1) - 8) * np.repeat(scale.double().numpy(), 32, axis=1)
    np.testing.assert_array_equal(signed, _weights(qweight, scale))
    assert torch.equal(from_words(words), qweight)
    np.testing.assert_array_equal(dequantize_words(words, scale).double().numpy(), signed)


def test_linear_multiplies_by_the_transposed_matrix() -> None:
    qweight, scale = _packed((96, 64), 1)
    x = torch.randn(1, 5, 64, generator=torch.Generator().manual_seed(2))
    expected = x.double().numpy() @ _weights(qweight, scale).T
    np.testing.assert_allclose(ops.linear(x, to_words(qweight), scale), expected, atol=1e-5)
    assert ops.linear(x.half(), to_words(qweight), scale).dtype == torch.float16


def test_embedding_reads_rows_exactly() -> None:
    qweight, scale = _packed((20, 64), 3)
    rows = ops.embedding(to_words(qweight), scale, torch.tensor([[3, 19, 3]]), torch.float32)
    np.testing.assert_array_equal(rows.double().numpy()[0], _weights(qweight, scale)[[3, 19, 3]])


def test_routed_experts_weigh_the_output_of_each_chosen_expert() -> None:
    hidden, width, tokens, top_k = 64, 32, 6, 2
    gate_up, down = _packed((4, hidden, 2 * width), 4), _packed((4, width, hidden), 5)
    generator = torch.Generator().manual_seed(6)
    x = torch.randn(tokens, hidden, generator=generator)
    experts = torch.stack([torch.randperm(4, generator=generator)[:top_k] for _ in range(tokens)])
    weights = torch.rand(tokens, top_k, generator=generator)
    result = ops.routed_experts(
        x, experts, weights, to_words(gate_up[0]), gate_up[1], to_words(down[0]), down[1]
    )
    first, second = _weights(*gate_up), _weights(*down)
    for token in range(tokens):
        expected = np.zeros(hidden)
        for place in range(top_k):
            z = x[token].double().numpy() @ first[experts[token, place]]
            gate, up = z[:width], z[width:]
            swiglu = gate / (1 + np.exp(-gate)) * up
            expected += float(weights[token, place]) * (swiglu @ second[experts[token, place]])
        np.testing.assert_allclose(result[token], expected, atol=1e-5)


@pytest.mark.parametrize(("group", "zeros"), [(32, False), (64, True)])
def test_experts_grouped_along_the_input(group: int, zeros: bool) -> None:
    rng = np.random.default_rng(7)
    hidden, width, tokens, top_k = 64, 64, 5, 2
    gate_up, down = (
        GroupedMatrix.random(rng, 4, outputs, inputs, group=group, zeros=zeros, dtype=np.float16)
        for outputs, inputs in ((2 * width, hidden), (hidden, width))
    )

    def parts(matrix: GroupedMatrix) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
        pairs = (matrix.nibbles[..., 0::2] | matrix.nibbles[..., 1::2] << 4) ^ 0x88
        zero = None if matrix.zero is None else torch.from_numpy(matrix.zero)
        return to_words(torch.from_numpy(pairs)), torch.from_numpy(matrix.scale), zero

    x = rng.standard_normal((tokens, hidden)).astype(np.float32)
    chosen = np.stack([rng.permutation(4)[:top_k] for _ in range(tokens)])
    weights = rng.random((tokens, top_k)).astype(np.float32)
    result = ops.routed_experts_in(
        *map(torch.from_numpy, (x, chosen, weights)), gate_up=parts(gate_up), down=parts(down)
    )
    for token in range(tokens):
        expected = np.zeros(hidden)
        for expert, weight in zip(chosen[token], weights[token], strict=True):
            gate, up = np.split(gate_up.dense(expert) @ x[token].astype(np.float64), 2)
            expected += weight * (down.dense(expert) @ (gate / (1 + np.exp(-gate)) * up))
        np.testing.assert_allclose(result[token], expected, atol=1e-5)
