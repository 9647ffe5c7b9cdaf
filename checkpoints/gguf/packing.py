"""What of a GGUF file becomes int4, int8 or floats, by the types of its tensors."""

from __future__ import annotations

from mmoe.checkpoints.errors import CheckpointError
from mmoe.checkpoints.gguf.block_types import CARRIED, FLOATS, INT4, INT8_GROUPS, is_dequantized
from mmoe.checkpoints.gguf.families import GgufFamily, names_of
from mmoe.checkpoints.gguf.gguf_file import GgufFile
from mmoe.checkpoints.inventory import matrices
from mmoe.models.architectures.config import DecoderConfig
from mmoe.models.architectures.input_grouped import InputGroupedConfig
from mmoe.quant.int4_format import GROUP_SIZE

# Listed in one message.
_MOST = 20


def packed_config(
    file: GgufFile, family: GgufFamily, config: DecoderConfig, *, requantize: bool = False
) -> InputGroupedConfig:
    """What of a file is in int4: the experts, and the dense matrices that are not named as int8 or floats.

    Args:
        file: The file.
        family: Its architecture.
        config: Without a quantisation.
        requantize: Whether dense matrices of a type that is not carried over become int8, which changes their values.

    Raises:
        CheckpointError: naming the tensors of a type that is not carried over.
    """
    named: dict[str, list[str]] = {"floats": [], "int8": [], "int8_g16": []}
    problems: list[str] = []
    dense: set[str] = set()
    for matrix in matrices(config):
        experts = ".experts." in matrix.weight
        module = matrix.weight.removesuffix("_proj" if experts else ".weight")
        for source in names_of(family, module, "weight"):
            stored = file.tensors.get(source)
            if stored is None or stored.type == INT4:
                continue
            form = _dense_form(stored.type, requantize=requantize)
            if experts or form is None:
                problems.append(f"{source} ({stored.type})")
            else:
                named[form].append(module)
                dense.add(source)
    others = [
        f"{name} ({tensor.type})"
        for name, tensor in file.tensors.items()
        if tensor.type not in (INT4, *CARRIED)
        and name not in dense
        and f"{name} ({tensor.type})" not in problems
    ]
    if problems or others:
        listed = (problems + others)[:_MOST]
        more = len(problems) + len(others) - len(listed)
        raise CheckpointError(
            f"{file.path}: cannot carry over {', '.join(listed)}{f' and {more} more' if more else ''} without changing "
            f"values; experts must be {INT4}, everything else {INT4} or {', '.join(CARRIED)}. llama-quantize MODEL "
            f"{INT4}, without an importance matrix, makes such a file; --allow-requantize rounds "
            "matrices that are no experts to int8"
        )
    kept, int8, int8_g16 = (tuple(named[form]) for form in ("floats", "int8", "int8_g16"))
    return InputGroupedConfig(floats=kept, int8=int8, int8_g16=int8_g16)


def _dense_form(type_name: str, *, requantize: bool) -> str | None:
    """The field of the config that names dense matrices of a type; None if there is none."""
    if type_name in FLOATS:
        return "floats"
    if type_name in INT8_GROUPS:
        return "int8" if INT8_GROUPS[type_name] == GROUP_SIZE else "int8_g16"
    return "int8" if requantize and is_dequantized(type_name) else None
