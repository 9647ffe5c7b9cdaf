"""Bytes of the KV cache, by the shapes that a program declares for it."""

from pathlib import Path

import pytest

from mmoe.backends import program_schema as schema
from mmoe.backends.program_file import KernelCall
from mmoe.backends.xnnpack.ops.attention_int8 import cache_shapes
from mmoe.export.bench import traffic


def tensor(shape: tuple[int, ...], scalar_type: schema.ScalarType) -> schema.Tensor:
    return schema.Tensor(scalar_type=scalar_type, sizes=shape)


@pytest.mark.parametrize(
    ("operator", "expected"),
    [
        ("mmoe::attention.out", 2 * 4 * 64 * 2),
        ("mmoe::attention_int8.out", 2 * 4 * (64 + 4)),
        ("mmoe::attention_window.out", 2 * 4 * 64 * 2),
        ("mmoe::attention_window_int8.out", 2 * 4 * (64 + 4)),
    ],
)
def test_cache_of_a_token(monkeypatch: pytest.MonkeyPatch, operator: str, expected: int) -> None:
    windowed = "window" in operator
    rows, layers = 1024 if windowed else 8192, 3
    inputs = [tensor((1, rows, 256), schema.ScalarType.FLOAT)] * 6
    if operator.endswith("int8.out"):
        keys, values, scales = cache_shapes(num_kv_heads=4, max_context_len=rows, head_dim=64)
        caches = [tensor(keys, schema.ScalarType.CHAR), tensor(values, schema.ScalarType.CHAR)]
        caches += [tensor(scales, schema.ScalarType.FLOAT)] * 2
    else:
        caches = [tensor((1, 4, rows, 64), schema.ScalarType.HALF)] * 2
    numbers = [schema.Bool(True), schema.Bool(True), schema.Double(1e-5), schema.Double(0.125)]
    numbers += [schema.Int(512), schema.Int(8192)] if windowed else []
    call = KernelCall(operator, (*inputs, *caches, *numbers, inputs[0]))

    class Program:
        def __init__(self, path: Path) -> None: ...

        def kernel_calls(self, method: str) -> list[KernelCall]:
            return [call, KernelCall("mmoe::rms_norm.out", tuple(inputs))] * layers

    monkeypatch.setattr(traffic, "ProgramFile", Program)
    cache = traffic.cache_traffic(Path("model.pte"))
    assert cache.bytes_at(1) == layers * expected
    assert cache.bytes_at(8000) == (512 if windowed else 8000) * layers * expected
