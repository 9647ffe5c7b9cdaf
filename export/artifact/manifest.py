"""`mmoe.json`: what an artifact is, where it is from, and what was measured on it."""

import json
from dataclasses import dataclass, field, replace

from mmoe.backends.errors import ArtifactError
from mmoe.export.artifact.verification.report import VerificationReport
from mmoe.export.files.records import Json, RecordError, from_json, to_json
from mmoe.models.json_text import parse_json

FORMAT_VERSION = 1
MANIFEST_FILE = "mmoe.json"


@dataclass(frozen=True, kw_only=True)
class SourceRecord:
    """The checkpoint an artifact was made from.

    Attributes:
        id: hub id, the name of a local folder, or "demo" for the bundled checkpoint.
        revision: the resolved commit; None for a local folder.
        licence: the checkpoint's licence as it names it; None if unknown.
    """

    id: str
    revision: str | None
    licence: str | None


@dataclass(frozen=True, kw_only=True)
class BackendRecord:
    """How the program was lowered.

    Attributes:
        name: of the backend.
        options: whatever the backend wants to be remembered.
    """

    name: str
    options: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class RuntimeRecord:
    """What a runner or an app has to know before it loads the program.

    Attributes:
        max_seq_len: tokens per call at most (the prefill chunk).
        max_context_len: tokens the KV cache holds.
        vocab_size: width of the logits.
        bos_id: the token that begins a text; None if the model has none.
        eos_ids: `eos_token_id` of the checkpoint's `config.json`.
        stop_ids: every token that generation stops on: those that any file of the checkpoint names as the end, and the
            end of a chat turn.
        special_tokens: texts by the names that a chat template may use, such as bos_token.
        temperature: of the checkpoint's author, as the next four; 0 is greedy.
        top_k: most probable tokens that are kept; 0 keeps all.
        top_p: probability that the kept tokens reach.
        min_p: share of the most probable token's probability below which tokens are dropped.
        repetition_penalty: of tokens seen before; 1 changes nothing.
    """

    max_seq_len: int
    max_context_len: int
    vocab_size: int
    bos_id: int | None
    eos_ids: tuple[int, ...]
    stop_ids: tuple[int, ...]
    special_tokens: dict[str, str] = field(default_factory=dict)
    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0


@dataclass(frozen=True, kw_only=True)
class ExpertScalesRecord:
    """How far apart the scales of 32 outputs of an expert, a panel, lie over its inputs.

    Attributes:
        panels: of all routed experts.
        largest_ratio: of the largest scale of a panel to its smallest but zero.
        wide_panels: panels in which that is more than 16. Only there, and for a token whose largest value meets a scale
            of zero, may int16 be too coarse for the activations, which the kernels multiply as floats then.
    """

    panels: int
    largest_ratio: float
    wide_panels: int


@dataclass(frozen=True, kw_only=True)
class FileRecord:
    """A file of the artifact.

    Attributes:
        bytes: its size.
        sha256: its digest, hexadecimal.
    """

    bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class ManifestContent:
    """Everything in `mmoe.json` that the converter knows; the artifact adds the rest.

    Attributes:
        source: the checkpoint.
        versions: of exporter, torch, executorch and torchao at conversion.
        architecture: `config.json` of the checkpoint, without its quantisation block.
        quantization: that block.
        backend: how the program was lowered.
        sizes: bytes in `model.pte` by class of tensor.
        runtime: for runners.
        expert_scales: of the routed experts; None if there are none, or an older exporter did not look.
    """

    source: SourceRecord
    versions: dict[str, str]
    architecture: dict[str, object]
    quantization: dict[str, object]
    backend: BackendRecord
    sizes: dict[str, int]
    runtime: RuntimeRecord
    expert_scales: ExpertScalesRecord | None = None


@dataclass(frozen=True, kw_only=True)
class Manifest(ManifestContent):
    """`mmoe.json`.

    Attributes:
        format_version: of the artifact folder.
        files: every file but `mmoe.json` itself and the `README.md` derived from it, by name.
        verification: the last report; None before there is one.
    """

    format_version: int = FORMAT_VERSION
    files: dict[str, FileRecord]
    verification: VerificationReport | None = None

    def to_json_text(self) -> str:
        """The file's text."""
        data: dict[str, Json] = {
            **{name: to_json(value) for name, value in vars(self).items()},
            "verification": self.verification.to_dict() if self.verification else None,
        }
        return json.dumps(data, indent=2, allow_nan=False, ensure_ascii=False) + "\n"

    @classmethod
    def from_json_text(cls, text: str, *, where: str) -> "Manifest":
        """Parses the file's text.

        Args:
            text: the JSON.
            where: what messages call the file.

        Raises:
            ArtifactError: not JSON, another format version, or a key missing, unknown or of the wrong kind.
        """
        try:
            data = parse_json(text)
        except ValueError as error:
            raise ArtifactError(f"{where}: not JSON ({error}); convert the checkpoint again") from error
        version = data.get("format_version") if isinstance(data, dict) else None
        if not isinstance(data, dict) or version != FORMAT_VERSION:
            raise ArtifactError(
                f"{where}: format_version is {version!r}, this exporter reads {FORMAT_VERSION}; "
                "convert the checkpoint again or use the exporter that wrote it"
            )
        runtime = data.get("runtime")
        if isinstance(runtime, dict):
            # Earlier converters wrote the chat template here once more, as pieces of text around contents.
            runtime.pop("chat", None)
        try:
            report = data.pop("verification", None)
            verification = (
                None
                if report is None
                else VerificationReport.from_dict(report, where=f"{where}.verification")
            )
            manifest = from_json(cls, {**data, "verification": None}, where=where)
        except RecordError as error:
            raise ArtifactError(str(error)) from error
        return manifest.with_verification(verification)

    def with_verification(self, report: VerificationReport | None) -> "Manifest":
        """The same manifest with another verification result."""
        return replace(self, verification=report)
