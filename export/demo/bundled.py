"""The small checkpoint that comes with the package: trained, quantised and packed like the released ones."""

from importlib.resources import files
from pathlib import Path


def bundled_checkpoint() -> Path:
    """The checkpoint's folder."""
    return Path(str(files("mmoe.export"))) / "demo" / "checkpoint"
