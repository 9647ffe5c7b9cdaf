"""How many bytes a decoded token must touch: the lower bound of its time on a machine of known bandwidth."""

import math
from pathlib import Path

from executorch.exir import schema

from mmoe.export.config import MobileMoEConfig
from mmoe.export.inventory import TensorClass, expected_tensors, tensor_class
from mmoe.export.pte import ProgramFile

# Where `mmoe::attention` and `mmoe::attention_int8` take their caches; what follows them are numbers.
_CACHES = slice(6, 10)
_ITEM_BYTES = {
    schema.ScalarType.BYTE: 1,
    schema.ScalarType.CHAR: 1,
    schema.ScalarType.HALF: 2,
    schema.ScalarType.FLOAT: 4,
}


def active_weight_bytes(config: MobileMoEConfig) -> dict[TensorClass, int]:
    """Packed bytes by class of the weights that one token meets: all but the experts it is not sent to.

    The tied embedding counts once, as the head; a looked-up row is a few hundred bytes.
    """
    total: dict[TensorClass, int] = {}
    for name, spec in expected_tensors(config).items():
        kind, count = tensor_class(name), spec.num_bytes
        if kind is TensorClass.EXPERTS:
            count = count * config.num_experts_per_tok // config.num_local_experts
        total[kind] = total.get(kind, 0) + count
    return total


def cache_row_bytes(model_path: Path) -> int:
    """Bytes of KV cache per token in all layers, as this program stores it (scales and padding included)."""
    program = ProgramFile(model_path)
    rows = program.metadata()["get_max_context_len"]
    assert isinstance(rows, int)
    total = 0
    for call in program.kernel_calls("forward"):
        if call.operator.startswith("mmoe::attention"):
            caches = (value for value in call.arguments[_CACHES] if isinstance(value, schema.Tensor))
            total += sum(math.prod(cache.sizes) * _ITEM_BYTES[cache.scalar_type] for cache in caches)
    return total // rows
