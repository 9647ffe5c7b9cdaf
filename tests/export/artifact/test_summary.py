"""Descriptions of programs and artifacts against what was put into them."""

from pathlib import Path

import pytest

from mmoe.backends.errors import ArtifactError
from mmoe.export.artifact.artifact import Artifact
from mmoe.export.artifact.summary import describe_artifact, describe_program
from tests.support.toy_program import EOS_IDS, MAX_CONTEXT_LEN, MAX_SEQ_LEN, VOCAB_SIZE, write_toy_artifact


def test_a_program_of_another_maker(tmp_path: Path) -> None:
    path = write_toy_artifact(tmp_path)
    summary = describe_program(path)
    (method,) = summary.methods
    assert method.name == "forward"
    assert method.inputs == (f"int64 up to [1, {MAX_SEQ_LEN}]", "int64 [1]")
    assert method.outputs == (f"float32 [1, {VOCAB_SIZE}]",)
    assert method.delegates == {}
    assert method.operators["aten::mm.out"] == 1
    assert summary.metadata["get_eos_ids"] == EOS_IDS
    assert summary.metadata["get_max_context_len"] == MAX_CONTEXT_LEN
    assert summary.bytes == sum(summary.bytes_by_part.values()) == path.stat().st_size
    assert summary.bytes_by_part["payloads of delegates"] == 0


def test_an_artifact(tiny_artifact: Artifact) -> None:
    summary = describe_artifact(tiny_artifact.folder)
    (method,) = summary.program.methods
    assert summary.manifest == tiny_artifact.manifest
    assert method.operators["mmoe::moe_ffn.out"] == tiny_artifact.config.num_hidden_layers
    assert method.operators["mmoe::attention_int8.out"] == tiny_artifact.config.num_hidden_layers
    assert method.delegates == {}
    assert method.outputs == (f"float32 [1, {tiny_artifact.config.vocab_size}]",)


def test_an_artifact_with_delegates(tiny_delegated_artifact: Artifact) -> None:
    (method,) = describe_artifact(tiny_delegated_artifact.folder).program.methods
    assert list(method.delegates) == ["XnnpackBackend"]


def test_neither(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="cannot read the program"):
        describe_program(tmp_path / "absent.pte")
    with pytest.raises(ArtifactError, match="not an artifact"):
        describe_artifact(tmp_path)
