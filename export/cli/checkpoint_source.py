"""Fetches a checkpoint from the hub before a progress display starts, because the hub's client draws its own."""

from pathlib import Path

from mmoe.export.cli.ui.terminal import Terminal


def fetch(source: str, revision: str | None, terminal: Terminal, *, unpacked: bool = False) -> str | None:
    """Makes sure that a hub repository is in the local cache; a folder is left alone.

    Args:
        source: A checkpoint folder or a hub id.
        revision: Branch, tag or commit of a hub id.
        terminal: Told what happens.
        unpacked: Whether weights in bfloat16 will do.

    Returns:
        The commit that `revision` stands for, or `revision` for a folder.

    Raises:
        MmoeError: The checkpoint cannot be had.
    """
    if Path(source).expanduser().is_dir():
        return revision
    from mmoe.checkpoints.source import locate_checkpoint

    terminal.say(f"Looking for {source} on the hub and in its local cache")
    return locate_checkpoint(source, revision=revision, unpacked=unpacked).source.revision
