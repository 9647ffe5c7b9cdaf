"""How many bytes a decoded token must touch: the lower bound of its time on a machine of known bandwidth."""

import math
from dataclasses import dataclass
from pathlib import Path

from mmoe.backends import program_schema as schema
from mmoe.backends.program_file import KernelCall, ProgramFile
from mmoe.checkpoints.inventory import TensorClass, expected_tensors, tensor_class
from mmoe.models.architectures.config import DecoderConfig

# Where `mmoe::attention` and its variants take their caches; what follows them are numbers.
_CACHES = slice(6, 10)
_ITEM_BYTES = {
    schema.ScalarType.BYTE: 1,
    schema.ScalarType.CHAR: 1,
    schema.ScalarType.HALF: 2,
    schema.ScalarType.FLOAT: 4,
}


def active_weight_bytes(config: DecoderConfig) -> dict[TensorClass, int]:
    """Packed bytes by class of the weights that one token meets: all but the experts it is not sent to.

    A tied embedding counts once, since the head reads all of it; of an untied one a token meets a row.
    """
    total: dict[TensorClass, int] = {}
    for name, spec in expected_tensors(config).items():
        kind, count = tensor_class(name), spec.num_bytes
        if kind is TensorClass.EXPERTS:
            count = int(count * config.active_experts)
        total[kind] = total.get(kind, 0) + count
    if TensorClass.HEAD in total:
        total[TensorClass.EMBEDDING] //= config.vocab_size
    return total


@dataclass(frozen=True)
class CacheTraffic:
    """What the layers read of their KV caches, as this program stores them (scales and padding included).

    Attributes:
        row_bytes: by layer, of one position.
        windows: by layer, the positions it sees; None for all.
    """

    row_bytes: tuple[int, ...]
    windows: tuple[int | None, ...]

    def bytes_at(self, depth: int) -> int:
        """Bytes that a token behind ``depth`` others reads."""
        return sum(
            row * (depth if window is None else min(depth, window))
            for row, window in zip(self.row_bytes, self.windows, strict=True)
        )


def cache_traffic(model_path: Path) -> CacheTraffic:
    """Reads the caches' shapes from a program."""
    program = ProgramFile(model_path)
    rows, windows = [], []
    for call in program.kernel_calls("forward"):
        if call.operator.startswith("mmoe::attention"):
            caches = [value for value in call.arguments[_CACHES] if isinstance(value, schema.Tensor)]
            held = caches[-1].sizes[2]  # scales and float rows alike: [1, heads, positions, ..]
            total = sum(math.prod(cache.sizes) * _ITEM_BYTES[cache.scalar_type] for cache in caches)
            rows.append(total // held)
            windows.append(_window(call))
    return CacheTraffic(tuple(rows), tuple(windows))


def _window(call: KernelCall) -> int | None:
    if not call.operator.startswith("mmoe::attention_window"):
        return None
    window: int = next(value.int_val for value in call.arguments if isinstance(value, schema.Int))
    return window
