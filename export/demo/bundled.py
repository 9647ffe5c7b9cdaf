"""The small checkpoint that comes with the package: trained, quantised and packed like the released ones."""

from importlib.resources import files
from pathlib import Path

BUNDLED = "demo"
"""What names the bundled checkpoint wherever a source is given, and in the manifest of what is made from it.

A folder of that name is `./demo`.
"""


def bundled_checkpoint() -> Path:
    """The checkpoint's folder."""
    return Path(str(files("mmoe.export"))) / "demo" / "checkpoint"


def named_source(source: str | Path) -> str | Path:
    """The bundled checkpoint's folder if `source` is its name; any other folder or hub id as it is."""
    return bundled_checkpoint() if source == BUNDLED else source


def is_bundled(folder: Path) -> bool:
    """Whether a checkpoint's folder is the bundled one."""
    return folder.resolve() == bundled_checkpoint().resolve()
