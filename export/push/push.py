"""What of an artifact is published, and whether it may be."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mmoe.export.artifact.artifact import CARD_FILE, Artifact
from mmoe.export.artifact.card import render_model_card
from mmoe.export.artifact.licences import is_free
from mmoe.export.artifact.manifest import MANIFEST_FILE
from mmoe.export.push.repository import Publication, publish, require_name
from mmoe.runtime_bindings.python.errors import OptionError


@dataclass(frozen=True, kw_only=True)
class Upload:
    """An artifact that is ready to be published.

    Attributes:
        repository: ``owner/name`` on the hub.
        licence: Of the weights, as the checkpoint names it; None if it does not.
        verified: Whether the last verification passed; None if there was none.
        files: Contents by name, or where they lie: the manifest's files, the manifest, and a card made of it.
    """

    repository: str
    licence: str | None
    verified: bool | None
    files: dict[str, Path | bytes]

    @property
    def sizes(self) -> dict[str, int]:
        """Bytes of each file by its name."""
        return {
            name: len(content) if isinstance(content, bytes) else content.stat().st_size
            for name, content in self.files.items()
        }

    def send(self, *, private: bool) -> Publication:
        """Publishes it; `publish` says how, and what it raises."""
        return publish(self.repository, self.files, private=private)


def prepare(folder: str | Path, repository: str, *, licence_checked: bool = False) -> Upload:
    """Checks all that can be checked before the hub is asked.

    Other files that lie in the folder are not published.

    Args:
        folder: Of the artifact; every file's sha256 is compared with the recorded one.
        repository: ``owner/name`` on the hub.
        licence_checked: Somebody has read the licence of the weights, and it lets them be published there.

    Raises:
        ArtifactError: The artifact is incomplete or altered.
        OptionError: The repository's name is none, or the licence is not known to let anybody publish the weights.
    """
    require_name(repository)
    artifact = Artifact.open(folder, check_hashes=True)
    manifest = artifact.manifest
    licence = manifest.source.licence
    if not licence_checked and not is_free(licence):
        stated = "states no licence" if licence is None else f"has the licence {licence!r}"
        raise OptionError(
            f"{manifest.source.id} {stated}, which is not known to let anybody publish the weights: read its terms, "
            "and if they let you publish them there, add --licence-checked"
        )
    names = sorted([*manifest.files, MANIFEST_FILE])
    return Upload(
        repository=repository,
        licence=licence,
        verified=None if manifest.verification is None else manifest.verification.passed,
        files={
            **{name: artifact.folder / name for name in names},
            CARD_FILE: render_model_card(manifest).encode(),
        },
    )
