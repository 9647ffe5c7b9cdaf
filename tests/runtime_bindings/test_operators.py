"""The registered operators inside ExecuTorch: the same bits as the bare kernels, and errors instead of aborts."""

import dataclasses

import numpy as np
import pytest
import torch
from executorch.exir import to_edge
from executorch.runtime import Runtime
from torch import nn

import mmoe.backends.xnnpack.ops  # noqa: F401 (registers the schemas)
from mmoe.runtime_bindings.python.library import load_operator_library
from tests.support import native_kernels
from tests.support.grouped_oracle import random_layer as random_grouped_layer
from tests.support.moe_oracle import random_layer
from tests.support.native_kernels import CacheType, KvCache

INVALID_ARGUMENT = "0x12"


class Call(nn.Module):
    """One operator; tensors whose place is in `variable` are inputs, the rest constants of the program."""

    def __init__(self, operator, arguments, variable):
        super().__init__()
        self.operator, self.arguments, self.variable = operator, list(arguments), variable
        for place, value in enumerate(arguments):
            if isinstance(value, torch.Tensor) and place not in variable:
                self.register_buffer(f"argument_{place}", value)

    def forward(self, *inputs):
        given = dict(zip(self.variable, inputs, strict=True))
        values = [
            given.get(place, getattr(self, f"argument_{place}", value))
            for place, value in enumerate(self.arguments)
        ]
        return self.operator(*values)


def compile_call(operator, *arguments, variable=(0,), dynamic=(), outputs=1):
    """Compiles the call and gives a function of the variable arguments; `dynamic` ones vary in dimension 1.

    The function returns one tensor, or a list if there are several `outputs`.
    """
    load_operator_library()
    inputs = tuple(arguments[place] for place in variable)
    tokens = torch.export.Dim("tokens", min=0, max=64)
    shapes = tuple({1: tokens} if place in dynamic else None for place in variable)
    exported = torch.export.export(Call(operator, arguments, variable), inputs, dynamic_shapes=(shapes,))
    buffer = to_edge(exported).to_executorch().buffer
    program = Runtime.get().load_program(buffer)
    method = program.load_method("forward")

    def run(*values):
        assert program.method_names  # a method must not outlive its program
        results = method.execute(list(values))
        return results[0] if outputs == 1 else results

    return run


def moe_arguments(layer, x):
    tensors = (
        x, layer.router_weight, layer.expert_bias, layer.gate_up_weight, layer.gate_up_scale, layer.down_weight,
        layer.down_scale,
    )  # fmt: skip
    return (*map(torch.from_numpy, tensors), layer.top_k, layer.norm_topk_prob, layer.routed_scaling_factor)


def embedding_table():
    rng = np.random.default_rng(0)
    qweight = rng.integers(0, 256, (20, 32), dtype=np.uint8)
    scale = rng.uniform(0, 1, (20, 2)).astype(np.float16)
    return qweight, scale


def test_moe_ffn_gives_the_kernels_bits_for_any_number_of_tokens():
    rng = np.random.default_rng(1)
    layer = random_layer(rng, experts=6, top_k=3, hidden=64, width=48).layer
    x = rng.normal(size=(1, 64, 64)).astype(np.float32)
    run = compile_call(torch.ops.mmoe.moe_ffn.default, *moe_arguments(layer, x), dynamic=(0,))
    for tokens in (64, 1, 7, 0):
        part = np.ascontiguousarray(x[:, :tokens])
        found = run(torch.from_numpy(part)).numpy()
        assert found.shape == part.shape
        np.testing.assert_array_equal(found[0], native_kernels.moe_ffn(layer, part[0]))


def test_embedding_gives_the_kernels_bits_and_refuses_ids_outside_the_table():
    qweight, scale = embedding_table()
    ids = torch.tensor([[3, 0, 19]])
    tensors = torch.from_numpy(qweight), torch.from_numpy(scale), ids
    run = compile_call(torch.ops.mmoe.embedding.default, *tensors, variable=(2,))
    expected = native_kernels.embedding(qweight, scale, ids[0].numpy())
    np.testing.assert_array_equal(run(ids)[0].numpy(), expected)
    for bad in (-1, 20, 2**62):
        with pytest.raises(RuntimeError, match=INVALID_ARGUMENT):
            run(torch.tensor([[3, bad, 1]]))
    np.testing.assert_array_equal(run(ids)[0].numpy(), expected)


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        pytest.param({7: 0}, id="top_k of 0"),
        pytest.param({7: 7}, id="top_k above the number of experts"),
        pytest.param({0: torch.zeros(1, 2, 32)}, id="x of another width"),
        pytest.param({0: torch.zeros(2, 2, 64)}, id="two sequences"),
        pytest.param({0: torch.zeros(2, 64)}, id="x of rank 2"),
        pytest.param({0: torch.zeros(1, 2, 64, dtype=torch.float64)}, id="float64 x"),
        pytest.param({1: torch.zeros(6, 48)}, id="router of another width"),
        pytest.param({2: torch.zeros(5)}, id="too few biases"),
        pytest.param({3: torch.zeros(6, 3, 16, 32, dtype=torch.uint8)}, id="panels of another layout"),
        pytest.param({4: torch.zeros(6, 3, 64)}, id="float32 scales"),
        pytest.param({5: torch.zeros(6, 2, 12, 64, dtype=torch.int8)}, id="signed bytes"),
        pytest.param({6: torch.zeros(6, 2, 40, dtype=torch.float16)}, id="expert width of 40"),
    ],
)
def test_moe_ffn_refuses_what_does_not_fit(change):
    rng = np.random.default_rng(2)
    layer = random_layer(rng, experts=6, top_k=3, hidden=64, width=48).layer
    arguments = list(moe_arguments(layer, np.zeros((1, 2, 64), np.float32)))
    for place, value in change.items():
        arguments[place] = value
    run = compile_call(torch.ops.mmoe.moe_ffn.default, *arguments)
    with pytest.raises(RuntimeError, match=INVALID_ARGUMENT):
        run(arguments[0])


def attention_arguments(rng, *, tokens, position, cache=CacheType.FLOAT32, **changes):
    def normal(*shape):
        return torch.from_numpy(rng.normal(size=shape).astype(np.float32))

    empty = KvCache.filled(cache, (2, 10, 8), 0.0)
    arguments = {
        "query": normal(1, tokens, 4 * 8),
        "key": normal(1, tokens, 2 * 8),
        "value": normal(1, tokens, 2 * 8),
        "rope_cos": normal(tokens, 4),
        "rope_sin": normal(tokens, 4),
        "input_pos": torch.tensor([position]),
        "key_cache": torch.from_numpy(empty.keys)[None],
        "value_cache": torch.from_numpy(empty.values)[None],
    }
    if cache is CacheType.INT8:
        arguments["key_steps"] = torch.from_numpy(empty.key_steps)[None]
        arguments["value_steps"] = torch.from_numpy(empty.value_steps)[None]
    options = {"use_rope": True, "use_qk_norm": True, "qk_norm_eps": 1e-5, "scale": 0.3}
    return [*{**arguments, **options, **changes}.values()]


def attention_operator(cache):
    return (torch.ops.mmoe.attention_int8 if cache is CacheType.INT8 else torch.ops.mmoe.attention).default


@pytest.mark.slow
@pytest.mark.parametrize("cache_type", CacheType)
def test_attention_writes_its_caches_and_gives_the_kernels_bits(cache_type):
    rng = np.random.default_rng(3)
    arguments = attention_arguments(rng, tokens=3, position=0, cache=cache_type)
    run = compile_call(attention_operator(cache_type), *arguments, variable=(0, 1, 2, 5))
    cache = KvCache.filled(cache_type, (2, 10, 8), 0.0)
    cosine, sine = (t.numpy() for t in arguments[3:5])
    for position in (0, 3, 6):
        query, key, value = (t.clone() for t in attention_arguments(rng, tokens=3, position=0)[:3])
        inputs = native_kernels.AttentionInputs(
            query=query[0].numpy().reshape(3, 4, 8),
            key=key[0].numpy().reshape(3, 2, 8),
            value=value[0].numpy().reshape(3, 2, 8),
            rope_cos=cosine,
            rope_sin=sine,
        )
        options = native_kernels.AttentionOptions(
            use_rope=True, use_qk_norm=True, qk_norm_eps=1e-5, scale=0.3
        )
        expected = native_kernels.attention(inputs, options, position=position, cache=cache)
        found = run(query, key, value, torch.tensor([position]))
        np.testing.assert_array_equal(found[0].numpy(), expected.reshape(3, 32))


@pytest.mark.parametrize("cache_type", CacheType)
def test_attention_refuses_positions_outside_the_cache(cache_type):
    arguments = attention_arguments(np.random.default_rng(4), tokens=3, position=0, cache=cache_type)
    run = compile_call(attention_operator(cache_type), *arguments, variable=(5,))
    for position in (-1, 8, 2**62, -(2**63)):
        with pytest.raises(RuntimeError, match=INVALID_ARGUMENT):
            run(torch.tensor([position]))
    assert np.isfinite(run(torch.tensor([7])).numpy()).all()


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"query": torch.zeros(1, 3, 36)}, id="query of a broken head"),
        pytest.param({"query": torch.zeros(1, 3, 24)}, id="heads that do not divide"),
        pytest.param({"key": torch.zeros(1, 2, 16)}, id="fewer keys than queries"),
        pytest.param({"rope_cos": torch.zeros(3, 8)}, id="angles per element"),
        pytest.param({"input_pos": torch.zeros(2, dtype=torch.int64)}, id="two positions"),
        pytest.param({"input_pos": torch.zeros(1, dtype=torch.int32)}, id="int32 position"),
        pytest.param({"value_cache": torch.zeros(1, 2, 9, 8)}, id="caches of unequal length"),
        pytest.param({"value_cache": torch.zeros(1, 2, 10, 8).half()}, id="caches of unequal dtype"),
        pytest.param({"key_cache": torch.zeros(1, 2, 10, 8, dtype=torch.int8)}, id="plain int8 cache"),
    ],
)
def test_attention_refuses_what_does_not_fit(changes):
    arguments = attention_arguments(np.random.default_rng(5), tokens=3, position=0, **changes)
    run = compile_call(torch.ops.mmoe.attention.default, *arguments)
    with pytest.raises(RuntimeError, match=INVALID_ARGUMENT):
        run(arguments[0])


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"key_cache": torch.zeros(1, 2, 10, 8, dtype=torch.int8)}, id="keys in plain rows"),
        pytest.param({"value_cache": torch.zeros(1, 2, 3, 8, 4, dtype=torch.int8)}, id="too narrow values"),
        pytest.param({"key_steps": torch.zeros(1, 2, 17)}, id="more scales than rows"),
        pytest.param({"value_steps": torch.zeros(1, 2, 10).half()}, id="float16 scales"),
        pytest.param({"key": torch.zeros(1, 3, 17)}, id="keys of a broken head"),
    ],
)
def test_int8_attention_refuses_what_does_not_fit(changes):
    rng = np.random.default_rng(5)
    arguments = attention_arguments(rng, tokens=3, position=0, cache=CacheType.INT8, **changes)
    run = compile_call(torch.ops.mmoe.attention_int8.default, *arguments)
    with pytest.raises(RuntimeError, match=INVALID_ARGUMENT):
        run(arguments[0])


def grouped_arguments(changes=None):
    layer = random_grouped_layer(
        np.random.default_rng(7), experts=4, top_k=2, hidden=64, width=64, group=32, zeros=True
    ).layer
    tensors = (
        np.random.default_rng(8).normal(size=(1, 16, 64)).astype(np.float32), layer.router_weight, layer.expert_bias,
        layer.gate_up_weight, layer.gate_up_scale, layer.down_weight, layer.down_scale, layer.gate_up_zero,
        layer.down_zero,
    )  # fmt: skip
    settings = (layer.group_size, layer.top_k, layer.softmax, layer.norm_topk_prob, layer.sum_eps)
    arguments = [*map(torch.from_numpy, tensors), *settings, layer.routed_scaling_factor]
    for place, value in (changes or {}).items():
        arguments[place] = value
    return layer, arguments


@pytest.mark.parametrize("zeros", [True, False])
def test_moe_ffn_in_gives_the_kernels_bits_for_any_number_of_tokens(zeros):
    layer, arguments = grouped_arguments({} if zeros else {7: None, 8: None})
    if not zeros:
        layer = dataclasses.replace(layer, gate_up_zero=None, down_zero=None)
    x = arguments[0]
    run = compile_call(torch.ops.mmoe.moe_ffn_in.default, *arguments, dynamic=(0,))
    for tokens in (16, 1, 0):
        part = x[:, :tokens].contiguous()
        expected = native_kernels.moe_ffn_in(layer, part[0].numpy())
        np.testing.assert_array_equal(run(part)[0].numpy(), expected)


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({9: 48}, id="groups of 48"),
        pytest.param({9: 64}, id="wider groups than there are scales for"),
        pytest.param({10: 5}, id="top_k above the number of experts"),
        pytest.param({1: torch.zeros(4, 32)}, id="router of another width"),
        pytest.param({2: torch.zeros(3)}, id="too few biases"),
        pytest.param({3: torch.zeros(4, 4, 16, 32, dtype=torch.uint8)}, id="lines of 32 bytes"),
        pytest.param({4: torch.zeros(4, 4, 2, 32, dtype=torch.float64)}, id="float64 scales"),
        pytest.param({6: torch.zeros(4, 2, 1, 32, dtype=torch.float16)}, id="too few scales"),
        pytest.param({7: torch.zeros(4, 4, 2, 32)}, id="float32 zeros"),
        pytest.param({8: torch.zeros(4, 2, 1, 32, dtype=torch.uint8)}, id="too few zeros"),
    ],
)
def test_moe_ffn_in_refuses_what_does_not_fit(changes):
    _, arguments = grouped_arguments(changes)
    run = compile_call(torch.ops.mmoe.moe_ffn_in.default, *arguments)
    with pytest.raises(RuntimeError, match=INVALID_ARGUMENT):
        run(arguments[0])
