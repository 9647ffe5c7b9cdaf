"""Opens an artifact for running it."""

from pathlib import Path

from mmoe.backends.registry import declaration, declarations
from mmoe.export.artifact.artifact import Artifact
from mmoe.runtime_bindings.python.errors import RuntimeFailure
from mmoe.runtime_bindings.python.model import Model
from mmoe.runtime_bindings.python.progress import OnProgress


def load(
    folder: str | Path,
    *,
    threads: int | None = None,
    verify_checksums: bool = False,
    on_progress: OnProgress | None = None,
) -> Model:
    """Opens an artifact in libmmoe; no other framework is imported.

    Args:
        folder: What `convert` wrote.
        threads: Of the pool that all models of the process share; None keeps it, and the first model makes it as large
            as the machine has performance cores, if its cores differ and it tells how.
        verify_checksums: Whether to read every file and compare it with the manifest.
        on_progress: Is told how far opening is; an exception from it ends the opening and is raised.

    Raises:
        ArtifactError: The folder is no whole artifact.
        RuntimeFailure: Its program is not one that libmmoe runs, or it cannot be opened.
        OptionError: `threads` is below 1.
    """
    artifact = Artifact.open(folder)
    require_libmmoe(artifact)
    return Model(artifact.folder, threads=threads, verify_checksums=verify_checksums, on_progress=on_progress)


def require_libmmoe(artifact: Artifact) -> None:
    """Refuses an artifact whose program libmmoe cannot run, before anything is loaded.

    Raises:
        RuntimeFailure: The message says what to do instead.
        BackendOptionError: The manifest names an unknown backend.
    """
    backend = declaration(artifact.manifest.backend.name)
    if not backend.runs_in_libmmoe:
        able = ", ".join(name for name, each in declarations().items() if each.runs_in_libmmoe)
        raise RuntimeFailure(
            f"{artifact.folder}: a program of the {backend.name} backend, which is for {backend.help}, does not run "
            f"in libmmoe; check it with `mmoe-export verify`, or make one that runs with "
            f"`mmoe-export convert --backend {able}`"
        )
