"""Opens a GGUF file as a checkpoint: its texts go to a scratch folder, its tensors stay where they are."""

from __future__ import annotations

import json
import shutil
import tempfile
import weakref
from dataclasses import replace
from functools import partial
from pathlib import Path

from mmoe.checkpoints.checkpoint import Checkpoint, Rounded
from mmoe.checkpoints.gguf.families import config_json, family_of
from mmoe.checkpoints.gguf.gguf_file import GgufFile
from mmoe.checkpoints.gguf.packing import packed_config
from mmoe.checkpoints.gguf.tensors import GgufTensors
from mmoe.checkpoints.gguf.tokenizer_files import write_tokenizer_files
from mmoe.checkpoints.source import CheckpointSource
from mmoe.models.architectures.config import CONFIG_FILE
from mmoe.models.architectures.registry import parse_config


def open_gguf(path: Path, *, requantize: bool = False) -> Checkpoint:
    """Opens a file and checks all but its values.

    Args:
        path: The file.
        requantize: Whether dense matrices of a type that cannot be carried over are rounded to int8; the checkpoint's
            `rounded` says what that loses.

    Raises:
        ConfigError: the metadata describes something unsupported.
        CheckpointError: the file is damaged, one of several, of an architecture that is not read here, or holds tensors
            that are missing, unexpected, wrongly shaped or of a type that cannot be carried over exactly.
        TokenizerError: its tokenizer is of a kind that is not read here.
    """
    file = GgufFile(path)
    family, _ = family_of(file)
    described = config_json(file)
    config = parse_config(described, where=str(path))
    quantization = packed_config(file, family, config, requantize=requantize)
    config = replace(config, quantization=quantization)
    tensors = GgufTensors(file, family, config)
    folder = Path(tempfile.mkdtemp(prefix="mmoe-gguf-"))
    # The texts live as long as the tensors do.
    weakref.finalize(tensors, shutil.rmtree, folder, ignore_errors=True)
    _write_texts(file, folder, described | {"quantization": quantization.to_block()})
    return Checkpoint(
        config=config,
        folder=folder,
        source=CheckpointSource(id=path.name, revision=None),
        files=tensors,
        file=path,
        rounded=partial(_rounded, file) if requantize else dict,
    )


def _rounded(file: GgufFile) -> dict[str, Rounded]:
    # Every value of such tensors is read and rounded, with PyTorch.
    from mmoe.checkpoints.gguf.values import rounded

    return rounded(file.tensors)


def _write_texts(file: GgufFile, folder: Path, config: dict[str, object]) -> None:
    (folder / CONFIG_FILE).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    write_tokenizer_files(file, folder)
    licence = file.value("general.license")
    if isinstance(licence, str):
        (folder / "README.md").write_text(f"---\nlicense: {licence}\n---\n", encoding="utf-8")
