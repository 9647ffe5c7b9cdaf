"""Converts a checkpoint into an artifact: read, build, export, lower, write.

Importing this module imports no framework, and a checkpoint that must be refused is refused before one is imported.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from mmoe.export.artifact.artifact import Artifact
from mmoe.export.convert.checks import check_source
from mmoe.export.convert.options import ConvertOptions as ConvertOptions
from mmoe.export.convert.plan import ConversionPlan
from mmoe.export.limits import explained_limits, require_room_for_pytorch
from mmoe.export.progress import SILENT, Progress

if TYPE_CHECKING:
    from mmoe.export.convert.job import Job


def convert(
    source: str | Path,
    target: str | Path,
    *,
    revision: str | None = None,
    options: ConvertOptions | None = None,
    progress: Progress = SILENT,
    tell: Callable[[str], None] | None = None,
) -> Artifact:
    """Converts a checkpoint into an artifact folder, completely or not at all.

    At its end, what libmmoe is to run is run in it: one token, before the folder has its name.

    Args:
        source: A checkpoint folder, a GGUF file, a hub id, or "demo" for the bundled checkpoint.
        target: The artifact's folder.
        revision: Branch, tag or commit of a hub id.
        options: How to convert; None for the defaults.
        progress: Told of every phase.
        tell: Given what the user should know of the artifact, a sentence at a time; None for nobody.

    Returns:
        The artifact, not yet verified.

    Raises:
        MmoeError: The checkpoint, the options or the target are at fault; nothing was written.
    """
    with explained_limits(f"converting {source}"):
        return _prepare(source, target, revision, options or ConvertOptions(), progress, tell).run(
            progress, tell
        )


def dry_run(
    source: str | Path,
    target: str | Path,
    *,
    revision: str | None = None,
    options: ConvertOptions | None = None,
    progress: Progress = SILENT,
    tell: Callable[[str], None] | None = None,
) -> ConversionPlan:
    """Checks all that `convert` checks before its long work, and stops there; nothing is written.

    Args:
        source: A checkpoint folder, a GGUF file, a hub id, or "demo" for the bundled checkpoint.
        target: The artifact's folder.
        revision: Branch, tag or commit of a hub id.
        options: How to convert; None for the defaults.
        progress: Told of every phase.
        tell: Given what the user should know of the artifact, a sentence at a time; None for nobody.

    Returns:
        The sizes that the conversion will have.

    Raises:
        MmoeError: The conversion would fail.
    """
    with explained_limits(f"converting {source}"):
        return _prepare(source, target, revision, options or ConvertOptions(), progress, tell).plan


def _prepare(
    source: str | Path,
    target: str | Path,
    revision: str | None,
    options: ConvertOptions,
    progress: Progress,
    tell: Callable[[str], None] | None,
) -> Job:
    require_room_for_pytorch()
    progress.phase("Checking the checkpoint")
    checked = check_source(source, target, revision=revision, options=options)
    progress.phase("Loading PyTorch and ExecuTorch")
    from mmoe.export.convert.job import prepare

    return prepare(checked, source, options, progress, tell)
