"""The safetensors files of a checkpoint folder: found, validated, and opened without reading a tensor.

Importing this module and opening files import no framework; PyTorch comes with the first tensor.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open

from mmoe.checkpoints.errors import CheckpointError
from mmoe.checkpoints.file_diagnosis import PICKLE_SUFFIXES, describe_damage, refuse_pickle
from mmoe.checkpoints.mapped_arrays import MappedArrays
from mmoe.checkpoints.names import is_name, shown
from mmoe.checkpoints.tensor_spec import TensorSpec
from mmoe.models.files import read_regular
from mmoe.models.json_text import parse_json

if TYPE_CHECKING:
    from torch import Tensor

SINGLE_FILE = "model.safetensors"
INDEX_FILE = "model.safetensors.index.json"

# Linux lets a process map 65,530 areas of files.
_MOST_SHARDS = 10_000
# How many missing files or contradictions a message lists.
_LISTED = 50
# Of a file's name, on every file system in use.
_NAME_BYTES = 255


class TensorFiles:
    """Every tensor of the safetensors files in a folder, which are mapped and read only where touched."""

    def __init__(self, folder: Path) -> None:
        """Opens the files and checks their headers and, if there is one, the index.

        Raises:
            CheckpointError: naming the file that is missing or damaged, or each tensor that the index and the
                files disagree about.
        """
        index = _read_index(folder)
        names = sorted(set(index.values())) if index is not None else [SINGLE_FILE]
        # For what the headers say, which asks for no PyTorch; a file is opened for its tensors when one is asked for.
        headers = {name: _open(folder / name, "numpy") for name in names}
        self._folder = folder
        self._files: dict[str, safe_open] = {}
        self._arrays: dict[str, MappedArrays] = {}
        self._file_of: dict[str, str] = {}
        problems = []
        for file_name, file in headers.items():
            for tensor in file.keys():  # noqa: SIM118 (a safe_open file is not a mapping)
                if not is_name(tensor):
                    raise CheckpointError(
                        f"{folder / file_name}: a tensor's name is {shown(tensor)}, which is no name for one; take "
                        "the file from the checkpoint's own repository"
                    )
                if tensor in self._file_of:
                    problems.append(f"{tensor} is in both {self._file_of[tensor]} and {file_name}")
                self._file_of[tensor] = file_name
        if index is not None:
            problems += _index_problems(index, self._file_of)
        if problems:
            raise CheckpointError(
                f"{folder / INDEX_FILE} does not fit its shards:\n  " + "\n  ".join(problems)
            )
        self.num_files = len(headers)
        self.specs: Mapping[str, TensorSpec] = {
            name: _spec(headers[file_name], name) for name, file_name in self._file_of.items()
        }

    def tensor(self, name: str) -> Tensor:
        """A view of the mapped file.

        Raises:
            CheckpointError: when there is no tensor of that name.
        """
        file_name = self._file_with(name)
        if file_name not in self._files:
            self._files[file_name] = _open(self._folder / file_name, "pt")
        tensor: Tensor = self._files[file_name].get_tensor(name)
        return tensor

    def array(self, name: str) -> npt.NDArray[np.generic]:
        """The same without PyTorch: a NumPy array over the mapped file; of bfloat16 a copy in float32.

        Raises:
            CheckpointError: when there is no tensor of that name.
        """
        file_name = self._file_with(name)
        if file_name not in self._arrays:
            self._arrays[file_name] = MappedArrays(self._folder / file_name)
        return self._arrays[file_name].array(name)

    def _file_with(self, name: str) -> str:
        if name not in self._file_of:
            raise CheckpointError(f"the checkpoint has no tensor named {name}")
        return self._file_of[name]


def _spec(file: safe_open, name: str) -> TensorSpec:
    header = file.get_slice(name)
    return TensorSpec(header.get_dtype(), tuple(header.get_shape()))


def _read_index(folder: Path) -> dict[str, str] | None:
    """File by tensor name from the index, or None for a single `model.safetensors`."""
    index_path = folder / INDEX_FILE
    has_single = (folder / SINGLE_FILE).exists()
    if not index_path.exists():
        if not has_single:
            raise CheckpointError(_nothing_found(folder))
        return None
    try:
        index = parse_json(read_regular(index_path))
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"{index_path}: is not a safetensors index with a 'weight_map' ({error}); download it again"
        ) from error
    weight_map = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(weight_map, dict) or not weight_map:
        raise CheckpointError(f"{index_path}: 'weight_map' is not a JSON object that maps tensors to files")
    for tensor, name in weight_map.items():
        if not is_name(tensor):
            raise CheckpointError(
                f"{index_path}: a tensor's name is {shown(tensor)}, which is no name for one"
            )
        if not isinstance(name, str) or not _is_file_name(name):
            raise CheckpointError(
                f"{index_path}: tensor {tensor} is said to be in {shown(name)}, which is not a file name"
            )
    shards = set(weight_map.values())
    if len(shards) > _MOST_SHARDS:
        raise CheckpointError(
            f"{index_path}: names {len(shards):,} files, of which at most {_MOST_SHARDS:,} can be open at a time; "
            "join them"
        )
    if has_single and SINGLE_FILE not in weight_map.values():
        raise CheckpointError(
            f"{folder}: holds both {SINGLE_FILE} and {INDEX_FILE}, which does not name it; "
            "remove the one that is stale"
        )
    missing = sorted(name for name in shards if not (folder / name).exists())
    if missing:
        more = f" and {len(missing) - _LISTED} more" if len(missing) > _LISTED else ""
        raise CheckpointError(
            f"{folder}: {', '.join(missing[:_LISTED])}{more} missing, though {INDEX_FILE} names it; "
            "download the checkpoint again"
        )
    return weight_map


def _is_file_name(name: str) -> bool:
    """Whether a name can be that of a file in a folder, and of nothing outside of it."""
    is_plain = name not in ("", os.curdir, os.pardir) and "/" not in name and is_name(name)
    return is_plain and len(os.fsencode(name)) <= _NAME_BYTES


def _nothing_found(folder: Path) -> str:
    pickles = sorted(path.name for path in folder.iterdir() if path.suffix in PICKLE_SUFFIXES)
    if pickles:
        return (
            f"{folder}: holds pickle files only ({', '.join(pickles)}), which can run code when loaded and "
            f"are never opened here; use a checkpoint that has {SINGLE_FILE}"
        )
    others = [
        path.name if path.exists() else f"{path.name} (a link to nowhere)"
        for path in sorted(folder.glob("*.safetensors"))
    ]
    found = f"; it holds {', '.join(others)}" if others else ""
    return f"{folder}: neither {SINGLE_FILE} nor {INDEX_FILE} is in this folder{found}"


def _open(path: Path, framework: str) -> safe_open:
    refuse_pickle(path)
    try:
        str(path).encode()  # safetensors opens other paths, but none of them for PyTorch
        return safe_open(path, framework=framework)
    except (SafetensorError, OSError, UnicodeEncodeError) as error:
        raise CheckpointError(describe_damage(path, error)) from error


def _index_problems(index: Mapping[str, str], file_of: Mapping[str, str]) -> list[str]:
    problems = []
    for tensor, name in index.items():
        if tensor not in file_of:
            problems.append(f"{tensor} is not in {name}, where the index says it is")
        elif file_of[tensor] != name:
            problems.append(f"{tensor} is in {file_of[tensor]}, the index says {name}")
    return problems + [
        f"{tensor} in {file_of[tensor]} is not in the index" for tensor in file_of if tensor not in index
    ]
