"""Which folders `--overwrite` may replace: artifacts, and nothing with anything else in it."""

from __future__ import annotations

import os
from pathlib import Path

from mmoe.export.artifact.artifact import CARD_FILE
from mmoe.export.artifact.manifest import MANIFEST_FILE
from mmoe.models.files import read_regular
from mmoe.models.json_text import parse_json

# How many names a message lists.
_NAMED = 5


def why_not_replaceable(folder: Path) -> str | None:
    """Why what is there must stay; None for an empty folder, and for an artifact with nothing beside its own files.

    An artifact's files are those that its manifest lists, the manifest and the model card. Its format version may be
    any: an artifact that this exporter no longer reads can still be replaced.

    Args:
        folder: What is at the target.
    """
    if not folder.is_dir():
        return "exists and is not an artifact but a file"
    try:
        entries = list(os.scandir(folder))
    except OSError as error:
        return f"exists and cannot be looked into ({error.strerror})"
    if not entries:
        return None
    listed = _listed_files(folder / MANIFEST_FILE)
    if listed is None:
        return f"exists and is not an artifact, since no {MANIFEST_FILE} of ours says what is in it"
    own = {*listed, MANIFEST_FILE, CARD_FILE}
    foreign = sorted(
        entry.name for entry in entries if entry.name not in own or entry.is_dir(follow_symlinks=False)
    )
    if not foreign:
        return None
    more = f" and {len(foreign) - _NAMED} more" if len(foreign) > _NAMED else ""
    return f"holds what is no part of the artifact: {', '.join(foreign[:_NAMED])}{more}"


def _listed_files(manifest: Path) -> frozenset[str] | None:
    """Names of the files that a manifest lists; None if it is not one of ours."""
    try:
        data = parse_json(read_regular(manifest))
    except (OSError, ValueError):
        return None
    if not isinstance(data, dict) or not isinstance(data.get("format_version"), int):
        return None
    files = data.get("files")
    return frozenset(files) if isinstance(files, dict) else None
