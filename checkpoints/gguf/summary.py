"""What a GGUF file holds, and what becomes of it, whether or not it can be converted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mmoe.checkpoints.gguf.block_types import FLOATS, INT4, INT8_GROUPS
from mmoe.checkpoints.gguf.gguf_file import GgufFile, GgufTensor

_IMATRIX = "quantize.imatrix.entries_count"


@dataclass(frozen=True, kw_only=True)
class TypeShare:
    """The tensors of one type.

    Attributes:
        type: Such as Q4_0.
        tensors: How many there are.
        weights: How many numbers they hold.
        bytes: What they take.
        becomes: What they are in a program.
    """

    type: str
    tensors: int
    weights: int
    bytes: int
    becomes: str


@dataclass(frozen=True, kw_only=True)
class GgufSummary:
    """A file in figures.

    Attributes:
        path: The file.
        architecture: As it names it; None if it does not.
        recipe: How it was quantised, as it says itself, such as MOSTLY_Q4_0; None if it does not.
        importance_matrix: Whether an importance matrix chose its scales.
        types: The types of its tensors, the one with the most bytes first.
    """

    path: str
    architecture: str | None
    recipe: str | None
    importance_matrix: bool
    types: tuple[TypeShare, ...]


def describe_gguf(path: Path) -> GgufSummary:
    """Describes a file from its header.

    Raises:
        CheckpointError: it is damaged, or one of several files.
    """
    file = GgufFile(path)
    by_type: dict[str, list[GgufTensor]] = {}
    for tensor in file.tensors.values():
        by_type.setdefault(tensor.type, []).append(tensor)
    shares = [_share(name, tensors) for name, tensors in by_type.items()]
    architecture = file.value("general.architecture")
    return GgufSummary(
        path=str(path),
        architecture=architecture if isinstance(architecture, str) else None,
        recipe=_recipe(file.value("general.file_type")),
        importance_matrix=file.value(_IMATRIX) is not None,
        types=tuple(sorted(shares, key=lambda share: share.bytes, reverse=True)),
    )


def _share(name: str, tensors: list[GgufTensor]) -> TypeShare:
    return TypeShare(
        type=name,
        tensors=len(tensors),
        weights=sum(tensor.size for tensor in tensors),
        bytes=sum(tensor.data.nbytes for tensor in tensors),
        becomes=_becomes(name),
    )


def _becomes(name: str) -> str:
    if name == INT4:
        return "the same int4 and scales"
    if name in INT8_GROUPS:
        return f"the same values as int8 and a scale per {INT8_GROUPS[name]}; not of experts"
    if name in FLOATS:
        return "the same floats; not of experts"
    return "refused, or int8 with --allow-requantize; not of experts"


def _recipe(file_type: object) -> str | None:
    from gguf import LlamaFileType

    known = {kind.value: kind.name for kind in LlamaFileType}
    return known.get(file_type) if isinstance(file_type, int) else None
