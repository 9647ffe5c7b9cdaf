"""An artifact: the folder that `convert` writes and that every other verb, and the apps, read."""

from dataclasses import dataclass
from pathlib import Path

from mmoe.backends.errors import ArtifactError
from mmoe.export.artifact.card import render_model_card
from mmoe.export.artifact.manifest import MANIFEST_FILE, Manifest
from mmoe.export.artifact.verification.report import VerificationReport
from mmoe.export.files.writing import replace_texts, sha256_of
from mmoe.models.architectures.config import DecoderConfig
from mmoe.models.architectures.registry import parse_config
from mmoe.models.files import read_regular

MODEL_FILE = "model.pte"
TOKENIZER_FILE = "tokenizer.json"
TOKENIZER_CONFIG_FILE = "tokenizer_config.json"
CHAT_TEMPLATE_FILE = "chat_template.jinja"
CARD_FILE = "README.md"

REQUIRED_FILES = (MODEL_FILE, TOKENIZER_FILE)
# How many faults a message tells.
_TOLD = 10


@dataclass(frozen=True)
class Artifact:
    """A complete artifact on the disk.

    Attributes:
        folder: where it is; also a tokenizer folder.
        manifest: what `mmoe.json` says.
    """

    folder: Path
    manifest: Manifest

    @property
    def model_path(self) -> Path:
        """The program."""
        return self.folder / MODEL_FILE

    @property
    def config(self) -> DecoderConfig:
        """The architecture, as read from the checkpoint's `config.json`.

        Raises:
            ConfigError: the manifest's copy of it does not describe a model.
        """
        data = {**self.manifest.architecture, "quantization": self.manifest.quantization}
        return parse_config(data, where=str(self.folder / MANIFEST_FILE))

    @classmethod
    def open(cls, folder: str | Path, *, check_hashes: bool = False) -> "Artifact":
        """Opens an artifact and checks that it is whole.

        Args:
            folder: the artifact's folder.
            check_hashes: read every file and compare its sha256 too, not only its size.

        Raises:
            ArtifactError: not an artifact, another format version, or a file is missing, cut or altered.
        """
        folder = Path(folder)
        path = folder / MANIFEST_FILE
        if not path.is_file():
            raise ArtifactError(
                f"{folder}: not an artifact: it has no {MANIFEST_FILE}; make one with `mmoe-export convert`"
            )
        try:
            text = read_regular(path).decode()
        except (OSError, UnicodeDecodeError) as error:
            raise ArtifactError(f"{path}: cannot be read: {error}") from error
        artifact = cls(folder, Manifest.from_json_text(text, where=str(path)))
        artifact._check_files(check_hashes=check_hashes)
        return artifact

    def record_verification(self, report: VerificationReport) -> "Artifact":
        """Writes a report into `mmoe.json` and its figures into `README.md`, whose text is generated anew.

        Raises:
            ArtifactError: the folder cannot be written; both files are then as they were.
        """
        manifest = self.manifest.with_verification(report)
        replace_texts(
            self.folder, {MANIFEST_FILE: manifest.to_json_text(), CARD_FILE: render_model_card(manifest)}
        )
        return Artifact(self.folder, manifest)

    def _check_files(self, *, check_hashes: bool) -> None:
        files = self.manifest.files
        problems = [f"{name} is not in {MANIFEST_FILE}" for name in REQUIRED_FILES if name not in files]
        for name, record in files.items():
            path = self.folder / name
            if path.name != name:
                problems.append(f"{name!r} is not the name of a file in this folder")
            elif not path.is_file():
                problems.append(f"{name} is missing")
            elif path.stat().st_size != record.bytes:
                problems.append(f"{name} has {path.stat().st_size} bytes, not {record.bytes}")
            elif check_hashes and sha256_of(path) != record.sha256:
                problems.append(f"{name} was altered: its sha256 is not the recorded one")
        if problems:
            more = f"; and {len(problems) - _TOLD} more" if len(problems) > _TOLD else ""
            raise ArtifactError(
                f"{self.folder}: damaged artifact: {'; '.join(problems[:_TOLD])}{more}; copy or convert it again"
            )
