"""What is lowered: everything, with the checkpoint's own weights, none of them widened."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from mmoe.backends.coreml.payload import CoreMLModel
from mmoe.backends.program_file import ProgramFile
from mmoe.backends.registry import load_backend
from mmoe.checkpoints.checkpoint import open_checkpoint
from mmoe.export.artifact.artifact import Artifact
from mmoe.export.artifact.summary import describe_program
from mmoe.export.verify.ladder import VerifyOptions, verify
from mmoe.export.verify.text import VerificationText
from mmoe.export.verify.weights_proof import prove_expert_weights
from mmoe.quant.int4 import unpack_nibbles
from tests.backends.coreml.conftest import CHUNK, CONTEXT


def test_one_delegate_per_method_and_nothing_beside(coreml_artifact: Artifact) -> None:
    program = ProgramFile(coreml_artifact.model_path)
    for method in ("forward", "prefill"):
        assert program.delegate_counts(method) == Counter({"CoreMLBackend": 1})
        assert not program.operator_counts(method)
    metadata = program.metadata()
    assert metadata["enable_dynamic_shape"] is False
    assert (metadata["get_max_seq_len"], metadata["get_max_context_len"]) == (CHUNK, CONTEXT)
    shapes = {
        method.name: method.inputs[0] for method in describe_program(coreml_artifact.model_path).methods
    }
    assert shapes == {"forward": "int64 [1, 1]", "prefill": f"int64 [1, {CHUNK}]"}


def test_both_methods_are_functions_of_one_model(coreml_artifact: Artifact) -> None:
    program = ProgramFile(coreml_artifact.model_path)
    assert len(program.named_data_bytes()) == 1
    with CoreMLModel(program) as model:
        assert model.functions == ("forward", "prefill")
        for function in model.functions:
            operations = model.operations(function)
            assert operations["write_state"] == 2 * 3  # keys and values of three layers
            # Embedding, and two matrices of the one layer with experts, each with its scales.
            assert operations["gather"] == 2 + 4
        tables = {function: _tables(model, function) for function in model.functions}
    assert tables["forward"] == tables["prefill"]


def _tables(model: CoreMLModel, function: str) -> dict[str, bytes]:
    return {name: array.tobytes() for name, array in model.constants(function).items() if "qweight" in name}


def test_no_table_is_widened(coreml_artifact: Artifact) -> None:
    """In neither function is a large constant anything but bytes, their scales, a router, or int4."""
    with CoreMLModel(ProgramFile(coreml_artifact.model_path)) as model:
        for function in model.functions:
            for name, array in model.constants(function).items():
                if array.dtype == np.float16:
                    assert "scale" in name or not array.any()  # the zeros are biases
                if array.dtype == np.float32:
                    assert array.size <= 5 * 64, f"{name} {array.shape}"


def test_every_weight_is_the_checkpoints(coreml_checkpoint: Path, coreml_artifact: Artifact) -> None:
    checkpoint = open_checkpoint(coreml_checkpoint)
    matrices = [
        name.removesuffix(".qweight")
        for name in checkpoint.specs
        if name.endswith(".qweight") and ".experts." not in name
    ]
    expected = Counter(
        (
            unpack_nibbles(checkpoint.tensor(f"{name}.qweight")).numpy().tobytes(),
            checkpoint.tensor(f"{name}.weight_scale").numpy().tobytes(),
        )
        for name in matrices
    )
    with CoreMLModel(ProgramFile(coreml_artifact.model_path)) as model:
        for function in model.functions:
            found = Counter(
                (matrix.values.tobytes(), matrix.scale.tobytes()) for matrix in model.int4_matrices(function)
            )
            assert found == expected
            tables = model.constants(function)
            assert {array.tobytes() for array in tables.values()} >= {
                checkpoint.tensor(f"model.embed_tokens.{part}").numpy().tobytes()
                for part in ("qweight", "weight_scale")
            }


def test_verification_says_that_the_program_was_not_run(
    coreml_checkpoint: Path, coreml_artifact: Artifact
) -> None:
    text = VerificationText("In the beginning God created the heaven and the earth. " * 3, "test")
    report = verify(coreml_artifact, coreml_checkpoint, text, options=VerifyOptions(max_tokens=48))
    assert [stage.name for stage in report.stages] == ["exported program"]
    assert not report.ran
    assert report.expert_weights is not None
    assert report.expert_weights.passed
    assert report.stages[0].metrics.sqnr_db > 40  # float16 activations alone


@pytest.mark.parametrize("damage", ["gate_up_qweight", "down_scale"])
def test_an_altered_expert_is_found(
    coreml_checkpoint: Path, coreml_artifact: Artifact, tmp_path: Path, damage: str
) -> None:
    checkpoint = open_checkpoint(coreml_checkpoint)
    wanted = checkpoint.tensor(f"model.layers.1.feed_forward.experts.{damage}").numpy().tobytes()
    data = bytearray(coreml_artifact.model_path.read_bytes())
    at = data.find(wanted)
    assert at > 0
    assert data.count(wanted) == 1
    data[at] ^= 1
    altered = tmp_path / "model.pte"
    altered.write_bytes(data)
    experts = load_backend("coreml").read_experts(ProgramFile(altered))
    proof = prove_expert_weights(checkpoint, experts)
    assert proof is not None
    assert proof.mismatches == (f"model.layers.1.feed_forward.experts.{damage}",)
