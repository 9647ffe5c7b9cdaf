"""Versions of the packages that decide what an artifact contains."""

from importlib.metadata import PackageNotFoundError, version

PACKAGES = ("mmoe-export", "torch", "executorch", "torchao")


def installed_versions() -> dict[str, str]:
    """Package name to installed version; "not installed" for a package that runs from its source tree."""
    return {name: _version(name) for name in PACKAGES}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
