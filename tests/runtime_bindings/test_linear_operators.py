"""The dense operators and the norms inside ExecuTorch: the bits of their eager twins, and errors instead of aborts."""

import numpy as np
import pytest
import torch

from mmoe.backends.xnnpack import ops
from mmoe.quant.int8_planes import dequantize_int8, pack_int8_planes
from mmoe.quant.linear_layout import LinearPanels, stack_linear_panels
from tests.runtime_bindings.test_operators import INVALID_ARGUMENT, compile_call
from tests.support.linear_oracle import DenseMatrix

OPS = torch.ops.mmoe


def matrix(rng, outputs, inputs):
    weight, scale = DenseMatrix.random(rng, outputs, inputs).panels()
    return LinearPanels(torch.from_numpy(weight), torch.from_numpy(scale))


def activations(rng, *shape):
    # Copied, since numpy gives empty arrays strides that ExecuTorch's bindings refuse.
    return torch.from_numpy(rng.normal(size=shape).astype(np.float32)).clone(
        memory_format=torch.contiguous_format
    )


def test_linear_gives_its_twins_bits_for_any_number_of_tokens():
    rng = np.random.default_rng(0)
    panels = matrix(rng, 70, 96)
    run = compile_call(
        OPS.linear.default, activations(rng, 1, 64, 96), panels.weight, panels.scale, 70, dynamic=(0,)
    )
    for tokens in (64, 1, 7, 0):
        x = activations(rng, 1, tokens, 96)
        assert torch.equal(run(x), ops.linear(x, panels, out_features=70))


def test_linear_takes_rows_without_a_batch():
    rng = np.random.default_rng(1)
    panels, x = matrix(rng, 33, 32), activations(rng, 3, 32)
    run = compile_call(OPS.linear.default, x, panels.weight, panels.scale, 33)
    assert torch.equal(run(x), ops.linear(x, panels, out_features=33))


def test_linear_qkv_is_three_linears():
    rng = np.random.default_rng(2)
    query, key, value = (matrix(rng, outputs, 64) for outputs in (80, 20, 20))
    panels, x = stack_linear_panels(query, key, value), activations(rng, 1, 5, 64)
    outputs = ops.linear_qkv(x, panels, query_features=80, kv_features=20)
    widths = (80, 20, 20)
    for result, part, width in zip(outputs, (query, key, value), widths, strict=True):
        assert torch.equal(result, ops.linear(x, part, out_features=width))
    run = compile_call(OPS.linear_qkv.default, x, panels.weight, panels.scale, 80, 20, outputs=3)
    for found, expected in zip(run(x), outputs, strict=True):
        assert torch.equal(found, expected)


@pytest.mark.parametrize("addends", [1, 2])
def test_add_rms_norm_is_the_additions_then_the_norm(addends):
    rng = np.random.default_rng(6)
    weight = activations(rng, 48)
    empty = [activations(rng, 1, 64, 48) for _ in range(1 + addends)]
    run = compile_call(
        OPS.add_rms_norm.default, *empty, *[None] * (2 - addends), weight, 1e-5, variable=range(1 + addends),
        dynamic=range(1 + addends), outputs=2,
    )  # fmt: skip
    norm = compile_call(OPS.rms_norm.default, empty[0], weight, 1e-5, dynamic=(0,))
    for tokens in (64, 1, 33, 0):
        residual, x, *y = (activations(rng, 1, tokens, 48) for _ in range(1 + addends))
        total, normalised = run(residual, x, *y)
        assert torch.equal(total, residual + (x + y[0] if y else x))
        assert torch.equal(normalised, norm(total))
        # The norm itself, in float64.
        exact = total.double() / (total.double().square().mean(dim=-1, keepdim=True) + 1e-5).sqrt() * weight
        torch.testing.assert_close(normalised.double(), exact, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("place", [1, 2, 3])
def test_add_rms_norm_refuses_another_width(place):
    rng = np.random.default_rng(7)
    values = [*(activations(rng, 1, 2, 32) for _ in range(3)), activations(rng, 32)]
    values[place] = activations(rng, *values[place].shape[:-1], 16)
    run = compile_call(OPS.add_rms_norm.default, *values, 1e-5, outputs=2)
    with pytest.raises(RuntimeError, match=INVALID_ARGUMENT):
        run(values[0])


def test_swiglu_ffn_is_close_to_its_twin():
    rng = np.random.default_rng(3)
    gate_up = stack_linear_panels(matrix(rng, 96, 64), matrix(rng, 96, 64))
    down, x = matrix(rng, 64, 96), activations(rng, 1, 20, 64)
    run = compile_call(OPS.swiglu_ffn.default, x, gate_up.weight, gate_up.scale, down.weight, down.scale)
    expected = ops.swiglu_ffn(x, gate_up=gate_up, down=down)
    # SiLU differs in its last bit, which may flip a rounding to int8.
    noise = (run(x) - expected).square().sum() / expected.square().sum()
    assert -10 * torch.log10(noise) > 60


def test_embedding_panels_gives_its_twins_bits_and_refuses_ids_outside_the_table():
    rng = np.random.default_rng(4)
    panels, ids = matrix(rng, 37, 64), torch.tensor([[36, 0, 17, 31, 32]])
    run = compile_call(OPS.embedding_panels.default, panels.weight, panels.scale, ids, 37, variable=(2,))
    assert torch.equal(run(ids), ops.embedding_panels(panels, ids, vocab_size=37))
    for bad in (-1, 37, 63, 2**62):
        with pytest.raises(RuntimeError, match=INVALID_ARGUMENT):
            run(torch.tensor([[3, bad, 1, 2, 3]]))
        with pytest.raises(IndexError, match="token id"):
            ops.embedding_panels(panels, torch.tensor([[bad]]), vocab_size=37)


def planes(rng, outputs, inputs, *, halves):
    values = torch.from_numpy(rng.integers(-128, 128, (outputs, inputs)).astype(np.int8))
    scale = torch.from_numpy(rng.normal(size=(outputs, inputs // (16 if halves else 32))).astype(np.float32))
    return values, scale if halves else scale.half()


@pytest.mark.parametrize("halves", [False, True])
def test_linear_planes_gives_its_twins_bits_and_is_near_the_product(halves):
    rng = np.random.default_rng(6)
    values, scale = planes(rng, 70, 96, halves=halves)
    table = pack_int8_planes(values, scale)
    run = compile_call(
        OPS.linear_planes.default, activations(rng, 1, 64, 96), table.weight, table.scale, 70, table.planes,
        dynamic=(0,),
    )  # fmt: skip
    for tokens in (64, 1, 7, 0):
        x = activations(rng, 1, tokens, 96)
        assert torch.equal(run(x), ops.linear_planes(x, table, out_features=70))
    x = activations(rng, 1, 9, 96)
    exact = x.double() @ dequantize_int8(values, scale).double().T
    assert float(10 * (exact.square().sum() / (run(x) - exact).square().sum()).log10()) > 40


@pytest.mark.parametrize("halves", [False, True])
def test_embedding_planes_gives_the_exact_rows_and_refuses_ids_outside_the_table(halves):
    rng = np.random.default_rng(7)
    values, scale = planes(rng, 37, 64, halves=halves)
    if halves:  # 18 bits, as the product of a float16 and an int8
        scale = scale.half().float() * torch.from_numpy(rng.integers(-127, 128, scale.shape)).float()
    table, ids = pack_int8_planes(values, scale), torch.tensor([[36, 0, 17, 31, 32]])
    run = compile_call(
        OPS.embedding_planes.default, table.weight, table.scale, ids, 37, table.planes, variable=(2,)
    )
    # Rows of six bits, as Q6_K has them, are exact with 18 bits of scale.
    expected = dequantize_int8(values, scale)[ids[0]].unsqueeze(0)
    assert torch.allclose(run(ids), expected, rtol=1e-6 if halves else 0, atol=0)
    assert torch.equal(run(ids), ops.embedding_planes(table, ids, vocab_size=37))
    for bad in (-1, 37, 63, 2**62):
        with pytest.raises(RuntimeError, match=INVALID_ARGUMENT):
            run(torch.tensor([[3, bad, 1, 2, 3]]))
        with pytest.raises(IndexError, match="token id"):
            ops.embedding_planes(table, torch.tensor([[bad]]), vocab_size=37)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("operator", "change"),
    [
        pytest.param("linear", {0: torch.zeros(1, 2, 96)}, id="x of another width"),
        pytest.param("linear", {0: torch.zeros(2, 2, 64)}, id="two sequences"),
        pytest.param("linear", {0: torch.zeros(64)}, id="x of rank 1"),
        pytest.param("linear", {0: torch.zeros(1, 2, 64, dtype=torch.float64)}, id="float64 x"),
        pytest.param("linear", {1: torch.zeros(2, 16, 64, dtype=torch.int8)}, id="signed bytes"),
        pytest.param("linear", {2: torch.zeros(2, 2, 32)}, id="float32 scales"),
        pytest.param("linear", {2: torch.zeros(2, 32, 2, dtype=torch.float16)}, id="scales by output"),
        pytest.param("linear", {3: 65}, id="more outputs than panels"),
        pytest.param("linear", {3: 0}, id="no outputs"),
        pytest.param("linear_qkv", {4: 33}, id="kv of another width"),
        pytest.param("linear_planes", {0: torch.zeros(1, 2, 96)}, id="x of another width than planes"),
        pytest.param("linear_planes", {2: torch.zeros(2, 2, 32)}, id="scales of one plane"),
        pytest.param("linear_planes", {4: 3}, id="three planes"),
        pytest.param("linear_planes", {4: 4}, id="four planes of two"),
    ],
)
def test_what_does_not_fit_is_refused(operator, change):
    rng = np.random.default_rng(5)
    if operator == "linear":
        panels = matrix(rng, 64, 64)
        arguments = [torch.zeros(1, 2, 64), panels.weight, panels.scale, 64]
    elif operator == "linear_planes":
        table = pack_int8_planes(*planes(rng, 64, 64, halves=False))
        arguments = [torch.zeros(1, 2, 64), table.weight, table.scale, 64, table.planes]
    else:
        panels = stack_linear_panels(*(matrix(rng, outputs, 64) for outputs in (64, 32, 32)))
        arguments = [torch.zeros(1, 2, 64), panels.weight, panels.scale, 64, 32]
    for place, value in change.items():
        arguments[place] = value
    outputs = 3 if operator == "linear_qkv" else 1
    run = compile_call(getattr(OPS, operator).default, *arguments, outputs=outputs)
    with pytest.raises(RuntimeError, match=INVALID_ARGUMENT):
        run(arguments[0])


def test_operators_pass_torch_own_checks():
    rng = np.random.default_rng(6)
    panels, x = matrix(rng, 96, 32), activations(rng, 1, 3, 32)
    torch.library.opcheck(OPS.linear.default, (x, panels.weight, panels.scale, 96))
    torch.library.opcheck(OPS.linear_qkv.default, (x, panels.weight, panels.scale, 30, 20))
    ids = torch.tensor([[1, 95]])
    torch.library.opcheck(OPS.embedding_panels.default, (panels.weight, panels.scale, ids, 96))
    gate_up, down = stack_linear_panels(matrix(rng, 64, 32), matrix(rng, 64, 32)), matrix(rng, 32, 64)
    torch.library.opcheck(OPS.swiglu_ffn.default, (x, gate_up.weight, gate_up.scale, down.weight, down.scale))
