"""Small artifacts for tests: made-up bytes for the program, a real config of the released kind."""

from pathlib import Path

from mmoe.export.artifact.artifact import Artifact
from mmoe.export.artifact.manifest import BackendRecord, ManifestContent, RuntimeRecord, SourceRecord
from mmoe.export.artifact.writer import ArtifactWriter
from tests.support.checkpoints import checkpoint_config

MODEL_BYTES = bytes(range(256)) * 40
TOKENIZER_BYTES = b"{}"


def manifest_content(*, revision: str | None = "c0ffee") -> ManifestContent:
    """What a converter would say of the default test checkpoint."""
    architecture = checkpoint_config({"no_rope_layers": [1, 1], "layer_types": ["full_attention"] * 2})
    quantization = architecture.pop("quantization")
    assert isinstance(quantization, dict)
    return ManifestContent(
        source=SourceRecord(id="someone/MobileMoE-XS-QAT", revision=revision, licence="other"),
        versions={"mmoe-export": "0.1.0", "torch": "2.13.0"},
        architecture=architecture,
        quantization=quantization,
        backend=BackendRecord(name="xnnpack", options={"blocks": [32]}),
        sizes={"experts": 8192, "embedding": 1234567},
        runtime=RuntimeRecord(
            max_seq_len=128, max_context_len=256, vocab_size=320, bos_id=0, eos_ids=(1,), stop_ids=(1, 2)
        ),
    )


def write_artifact(folder: Path, *, model: bytes = MODEL_BYTES, overwrite: bool = False) -> Artifact:
    """Writes an artifact with the given bytes as its program."""
    with ArtifactWriter(folder, overwrite=overwrite) as writer:
        writer.write("model.pte", model)
        writer.write("tokenizer.json", TOKENIZER_BYTES)
        return writer.commit(manifest_content())
