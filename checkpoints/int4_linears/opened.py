"""Opens a folder whose `config.json` has a `quantization_config` of another tool."""

from __future__ import annotations

import json
from pathlib import Path

from mmoe.checkpoints.checkpoint import Checkpoint
from mmoe.checkpoints.errors import CheckpointError
from mmoe.checkpoints.int4_linears.compressed_tensors import CompressedTensors
from mmoe.checkpoints.int4_linears.detection import QUANTIZATION_KEY
from mmoe.checkpoints.int4_linears.gptq import Gptq
from mmoe.checkpoints.int4_linears.linear import Int4Format
from mmoe.checkpoints.int4_linears.tensors import Int4Tensors
from mmoe.checkpoints.int4_linears.torchao import Torchao
from mmoe.checkpoints.shards import TensorFiles
from mmoe.checkpoints.source import locate_checkpoint
from mmoe.models.architectures.config import CONFIG_FILE
from mmoe.models.architectures.config_reader import ConfigReader, read_json_object
from mmoe.models.architectures.registry import flat_config, parse_config

_METHOD = "quant_method"
_FORMATS: dict[str, type[CompressedTensors] | type[Gptq] | type[Torchao]] = {
    "compressed-tensors": CompressedTensors,
    "gptq": Gptq,
    "torchao": Torchao,
}


def _refuse_mxfp4(files: TensorFiles, *, where: str) -> None:
    """Refuses blocks of 4-bit floats by their tensors' names, which say more than the key does."""
    ends = "_blocks", "_scales"
    blocks = [name for name in files.specs if name.endswith(ends[0])]
    found = [name for name in blocks if name.removesuffix(ends[0]) + ends[1] in files.specs]
    if found:
        others = f" and {len(found) - 1} more tensors are" if len(found) > 1 else " is"
        raise CheckpointError(
            f"{where}: {found[0]}{others} in MXFP4, whose values (0, 0.5, 1, 1.5, 2, 3, 4 and 6, with a sign) are on "
            "no int4 grid; take a release in bfloat16 and convert it with --quantize, or one in int4"
        )


def open_int4_linears(folder: Path) -> Checkpoint:
    """Opens a folder and checks all but its values.

    Raises:
        ConfigError: `config.json` describes something unsupported.
        CheckpointError: a tensor is missing, unexpected or wrongly shaped, or experts are not in int4.
    """
    located = locate_checkpoint(folder)
    path = folder / CONFIG_FILE
    described = flat_config(read_json_object(path))
    reader = ConfigReader(described, where=str(path)).child(QUANTIZATION_KEY)
    method = reader.text(_METHOD)
    if method not in _FORMATS:
        _refuse_mxfp4(TensorFiles(folder), where=str(folder))
        reader.refuse(_METHOD, " or ".join(json.dumps(name) for name in _FORMATS))
    form: Int4Format = _FORMATS[method]()
    scheme = form.scheme(reader)
    config = parse_config(
        {key: value for key, value in described.items() if key != QUANTIZATION_KEY}, where=str(path)
    )
    tensors = Int4Tensors(TensorFiles(folder), config, form, scheme, where=str(folder))
    return Checkpoint(config=tensors.config, folder=folder, source=located.source, files=tensors)
