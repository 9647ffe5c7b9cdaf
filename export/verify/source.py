"""Which checkpoint an artifact is verified against."""

from pathlib import Path

from mmoe.export.artifact.artifact import Artifact
from mmoe.export.demo.bundled import BUNDLED
from mmoe.runtime_bindings.python.errors import OptionError


def source_of(
    artifact: Artifact, checkpoint: str | Path | None, revision: str | None
) -> tuple[str | Path, str | None]:
    """The checkpoint that is given, else the one that the manifest names, if that can be found.

    Args:
        artifact: What `convert` wrote.
        checkpoint: A folder, a hub id, or "demo" for the bundled one.
        revision: Branch, tag or commit of a hub id.

    Returns:
        The checkpoint and its revision.

    Raises:
        OptionError: None is given, and the manifest names a local folder, whose place it does not know.
    """
    if checkpoint is not None:
        return checkpoint, revision
    recorded = artifact.manifest.source
    if recorded.revision is None and recorded.id == BUNDLED:
        return BUNDLED, revision
    if recorded.revision is None:
        raise OptionError(
            f"{artifact.folder}: was made from a local folder named {recorded.id}; say where it is with --checkpoint"
        )
    return recorded.id, revision or recorded.revision
