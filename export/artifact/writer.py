"""Writes an artifact all at once or not at all."""

import os
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import fields
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from mmoe.backends.errors import ArtifactError
from mmoe.export.artifact.artifact import CARD_FILE, REQUIRED_FILES, Artifact
from mmoe.export.artifact.card import render_model_card
from mmoe.export.artifact.manifest import MANIFEST_FILE, FileRecord, Manifest, ManifestContent
from mmoe.export.artifact.replaceable import why_not_replaceable
from mmoe.export.files.place import require_place
from mmoe.export.files.scratch import remove_abandoned, scratch_folder
from mmoe.export.files.writing import (
    encoded,
    explained_write_errors,
    free_bytes,
    has_no_room,
    no_room_error,
    sha256_of,
    sync,
)

_PARTIAL = ".partial"
# In the hidden folder: the artifact that is being written, and the one that it replaces.
_NEW, _OLD = "new", "old"


class ArtifactWriter:
    """Collects files in a hidden folder next to the target and renames it when it is whole.

    Leaving the `with` block without `commit`, by whatever exception, leaves nothing behind and an existing
    artifact untouched. A replaced artifact is moved into the hidden folder first, so for an instant there is none.
    """

    def __init__(self, target: str | Path, *, overwrite: bool = False) -> None:
        """Checks the target; nothing is written or removed before the `with` block.

        Args:
            target: the artifact's folder; missing parents are created.
            overwrite: replace an artifact, or an empty folder, that is there; anything else never is.

        Raises:
            ArtifactError: something is there that must not be replaced, or no folder can be made there.
        """
        # Resolved, so that a symbolic link to an artifact stays a link when the artifact is replaced.
        self._target = require_place(target, scratch_suffix=_PARTIAL)
        self._overwrite = overwrite
        self._prefix = f".{self._target.name}."
        self._check_target()
        self._scratch = ExitStack()
        self._hidden: Path | None = None
        self._created_parents: list[Path] = []

    @property
    def folder(self) -> Path:
        """The folder in which the artifact's own will appear."""
        return self._target.parent

    def require_space(self, needed: int) -> None:
        """Fails before any work if the disk cannot hold the artifact.

        Args:
            needed: bytes that will be written.

        Raises:
            ArtifactError: there is less room than that.
        """
        free = free_bytes(self._target.parent)
        if needed > free:
            raise ArtifactError(
                f"{self._target}: needs {needed:,} bytes, but only {free:,} are free on this disk"
            )

    def __enter__(self) -> "ArtifactWriter":
        """Removes what killed conversions to the target left behind, and makes the hidden folder.

        Raises:
            ArtifactError: it cannot be made, or an artifact has come back that must not be replaced.
        """
        try:
            with explained_write_errors(self._target):
                self._create_parents()
                remove_abandoned(self._target.parent, self._prefix, _PARTIAL, rescue=self._put_back)
                self._check_target()
                self._hidden = self._scratch.enter_context(
                    scratch_folder(self._target.parent, self._prefix, _PARTIAL)
                )
                self._partial, self._aside = self._hidden / _NEW, self._hidden / _OLD
                self._partial.mkdir()
        except BaseException:
            self._remove_leftovers()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        written = sum(path.stat().st_size for path in self._partial.glob("*"))
        self._remove_leftovers()
        # Whoever wrote into a file of `open` gets the plain OSError; no other call of a conversion fails so.
        if has_no_room(error):
            raise no_room_error(self._target, error, written=written) from error

    def open(self, name: str) -> BinaryIO:
        """A new file of the artifact, open for writing.

        Raises:
            ArtifactError: it cannot be created.
        """
        if Path(name).name != name or name in (MANIFEST_FILE, CARD_FILE):
            raise ValueError(f"{name!r} is not a name for a file of an artifact")
        with explained_write_errors(self._target):
            return (self._partial / name).open("xb")

    def write(self, name: str, data: bytes) -> None:
        """Adds a file with the given bytes; errors as for `open`, and a full disk."""
        with explained_write_errors(self._target), self.open(name) as file:
            file.write(data)

    def commit(self, content: ManifestContent, *, check: Callable[[Path], None] | None = None) -> Artifact:
        """Adds `mmoe.json` and the model card, then puts the folder in place.

        Args:
            content: what the manifest says besides the files.
            check: given the finished folder before it has its name; if it raises, the folder never appears.

        Returns:
            The finished artifact.

        Raises:
            ArtifactError: a required file was not written, the disk is full, or the target has changed.
        """
        missing = [name for name in REQUIRED_FILES if not (self._partial / name).is_file()]
        if missing:
            raise ArtifactError(f"{self._target}: the conversion wrote no {', '.join(missing)}")
        with explained_write_errors(self._target):
            files = {
                path.name: FileRecord(bytes=path.stat().st_size, sha256=sha256_of(path))
                for path in sorted(self._partial.iterdir())
            }
            known = {field.name: getattr(content, field.name) for field in fields(ManifestContent)}
            manifest = Manifest(**known, files=files)
            for name, text in (
                (MANIFEST_FILE, manifest.to_json_text()),
                (CARD_FILE, render_model_card(manifest)),
            ):
                (self._partial / name).write_bytes(encoded(text))
            for path in (*self._partial.iterdir(), self._partial):
                sync(path)
        if check is not None:
            check(self._partial)
        with explained_write_errors(self._target):
            self._check_target()
            self._put_in_place()
        return Artifact(self._target, manifest)

    def _check_target(self) -> None:
        target = self._target
        if not os.path.lexists(target):
            return
        if not self._overwrite:
            raise ArtifactError(f"{target}: exists already; choose another folder or pass --overwrite")
        reason = why_not_replaceable(target)
        if reason is not None:
            raise ArtifactError(f"{target}: {reason}; it will not be overwritten, choose another folder")

    def _create_parents(self) -> None:
        missing = [folder for folder in self._target.parents if not folder.exists()]
        for folder in reversed(missing):
            folder.mkdir()
            self._created_parents.append(folder)

    def _put_in_place(self) -> None:
        if self._target.exists():
            os.replace(self._target, self._aside)
        os.replace(self._partial, self._target)
        self._created_parents.clear()

    def _put_back(self, abandoned: Path) -> None:
        """Gives an artifact its name again whose replacement ended between the two renames."""
        if (abandoned / _OLD).is_dir() and not self._target.exists():
            os.replace(abandoned / _OLD, self._target)

    def _remove_leftovers(self) -> None:
        if self._hidden is not None:
            # If this fails, the folder stays as it is, for the next run.
            self._put_back(self._hidden)
        self._scratch.close()
        self._remove_parents()

    def _remove_parents(self) -> None:
        for folder in reversed(self._created_parents):
            # Only if still empty: somebody else may have put something there.
            if not any(folder.iterdir()):
                folder.rmdir()
