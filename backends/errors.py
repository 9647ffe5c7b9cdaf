"""What can be wrong with a backend and with what it wrote."""

from mmoe.runtime_bindings.python.errors import MmoeError


class BackendError(MmoeError):
    """A backend cannot be used as it is installed: something it needs is absent or cannot be prepared."""


class ArtifactError(MmoeError):
    """An artifact's folder or program is incomplete, damaged, of another version, or would be overwritten."""
