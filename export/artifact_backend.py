"""The backend that an artifact was made with."""

from mmoe.backends.base import Backend
from mmoe.backends.registry import BackendName, BackendOptions, load_backend
from mmoe.export.artifact import Artifact


def backend_of(artifact: Artifact) -> Backend:
    """Loads the backend that the manifest names, with the options it records.

    Raises:
        MmoeError: An option is unknown, or the backend cannot be used as it is installed.
    """
    record = artifact.manifest.backend
    options = BackendOptions.from_manifest(record.options, where=f"{artifact.folder}: backend.options")
    return load_backend(BackendName(record.name), options)
