"""The backend that an artifact was made with."""

from mmoe.backends.base import Backend
from mmoe.backends.declaration import BackendOptionError
from mmoe.backends.errors import ArtifactError
from mmoe.backends.registry import load_backend
from mmoe.export.artifact.artifact import Artifact
from mmoe.export.artifact.manifest import MANIFEST_FILE


def backend_of(artifact: Artifact) -> Backend:
    """Loads the backend that the manifest names, with the options it records.

    Raises:
        ArtifactError: The backend or one of its options is unknown.
        BackendError: The backend cannot be used as it is installed.
    """
    record = artifact.manifest.backend
    try:
        return load_backend(record.name, record.options)
    except BackendOptionError as error:
        raise ArtifactError(f"{artifact.folder / MANIFEST_FILE}: backend: {error}") from error
