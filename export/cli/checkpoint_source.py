"""Fetches a checkpoint from the hub before a progress display starts, because the hub's client draws its own."""

from mmoe.export.cli.ui.terminal import Terminal
from mmoe.export.demo.bundled import BUNDLED
from mmoe.models.files import as_path


def fetch(source: str, revision: str | None, terminal: Terminal, *, unpacked: bool = False) -> str | None:
    """Makes sure that a hub repository is in the local cache; a folder and the bundled checkpoint are left alone.

    Args:
        source: A checkpoint folder, a hub id, or `BUNDLED`.
        revision: Branch, tag or commit of a hub id.
        terminal: Told what happens.
        unpacked: Whether weights in bfloat16 will do.

    Returns:
        The commit that `revision` stands for, or `revision` for a folder.

    Raises:
        MmoeError: The checkpoint cannot be had.
    """
    folder = as_path(source)
    if source == BUNDLED:
        if folder.is_dir():
            terminal.say(f"{BUNDLED} is the bundled checkpoint; the folder of that name is ./{BUNDLED}")
        return revision
    if folder.exists():
        return revision  # what it is, the conversion says
    from mmoe.checkpoints.source import is_hub_id, locate_checkpoint

    if is_hub_id(source):
        terminal.say(f"Looking for {source} on the hub and in its local cache")
    return locate_checkpoint(source, revision=revision, unpacked=unpacked).source.revision
