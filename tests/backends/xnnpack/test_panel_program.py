"""Programs whose dense linears are `mmoe` kernels: against their eager twins, and what is in the file."""

from pathlib import Path

import pytest
import torch

from mmoe.backends.registry import BackendName, BackendOptions, Linears, load_backend
from mmoe.export.artifact import Artifact
from mmoe.export.checkpoint import open_checkpoint
from mmoe.export.convert import ConvertOptions, convert
from mmoe.export.errors import MmoeError
from mmoe.export.model import build_decoder
from mmoe.export.pte import ProgramFile
from mmoe.export.verify.weights_proof import prove_expert_weights
from mmoe.runtime_bindings.python.runner import ModelRunner
from tests.support.checkpoints import write_checkpoint

OPTIONS = BackendOptions(linears=Linears.MMOE)
BACKEND = load_backend(BackendName.XNNPACK, OPTIONS)


@pytest.fixture(scope="module")
def checkpoint_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A vocabulary that does not fill its last panel, a head of one group, a dense layer and a MoE layer."""
    changes: dict[str, object] = {"vocab_size": 333, "hidden_size": 32, "interleave_moe_layer_step": 2}
    return write_checkpoint(tmp_path_factory.mktemp("panels") / "checkpoint", changes, seed=3)


@pytest.fixture(scope="module")
def artifact(checkpoint_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    target = tmp_path_factory.mktemp("panels") / "artifact"
    return convert(checkpoint_folder, target, options=ConvertOptions(linears=Linears.MMOE))


def test_runtime_agrees_with_the_eager_twins(checkpoint_folder: Path, artifact: Artifact) -> None:
    checkpoint = open_checkpoint(checkpoint_folder)
    decoder = build_decoder(checkpoint, BACKEND.components, max_context_len=64)
    ids = torch.randint(0, 333, (1, 12), generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        expected = decoder.all_logits(ids, torch.zeros(1, dtype=torch.int64))[0]
    runner = ModelRunner(artifact.model_path)
    actual = torch.stack([torch.from_numpy(runner.decode(token)) for token in ids[0].tolist()])
    noise = (actual - expected).square().sum(dim=-1) / expected.square().sum(dim=-1)
    # Float32 rounding leaves 130 dB, until it flips one rounding to int8; see test_program.py.
    assert (-10 * torch.log10(noise))[:8].median() > 100
    assert prove_expert_weights(checkpoint, BACKEND.read_experts(ProgramFile(artifact.model_path))).passed


def test_prefill_and_decode_give_the_same_bits(artifact: Artifact) -> None:
    ids = torch.randint(0, 333, (50,), generator=torch.Generator().manual_seed(4)).tolist()
    logits = {}
    for threads in (1, 2, 3):
        runner = ModelRunner(artifact.model_path, threads=threads)
        logits[f"{threads} threads"] = torch.from_numpy(runner.prefill(ids))
    runner.reset()
    for token in ids:
        logits["one by one"] = torch.from_numpy(runner.decode(token))
    for name, found in logits.items():
        assert torch.equal(found, logits["1 threads"]), name


def test_program_has_no_delegate_and_stores_the_table_once(
    artifact: Artifact, checkpoint_folder: Path
) -> None:
    program = ProgramFile(artifact.model_path)
    assert not program.delegate_counts("forward")
    operators = program.operator_counts("forward")
    assert {name: count for name, count in operators.items() if name.startswith("mmoe::")} == {
        "mmoe::embedding_panels.out": 1,
        "mmoe::linear.out": 2 + 1,
        "mmoe::linear_qkv.out": 2,
        "mmoe::rms_norm.out": 2 * 2 + 1,
        "mmoe::attention.out": 2,
        "mmoe::swiglu_ffn.out": 2,
        "mmoe::moe_ffn.out": 1,
    }
    calls = {call.operator: call for call in program.kernel_calls("forward")}
    lookup, head = calls["mmoe::embedding_panels.out"], calls["mmoe::linear.out"]  # the last one
    assert program.constant(lookup.arguments[0]).data_ptr() == program.constant(head.arguments[1]).data_ptr()
    assert program.constant(lookup.arguments[1]).data_ptr() == program.constant(head.arguments[2]).data_ptr()
    assert sum(artifact.manifest.sizes.values()) == program.file_bytes


def test_the_choice_is_recorded_and_read_back(artifact: Artifact) -> None:
    recorded = Artifact.open(artifact.folder).manifest.backend.options
    assert BackendOptions.from_manifest(recorded, where="mmoe.json") == OPTIONS
    assert BackendOptions.from_manifest({}, where="mmoe.json").linears is Linears.XNNPACK
    with pytest.raises(MmoeError, match="linears"):
        BackendOptions.from_manifest({"linears": "abacus"}, where="mmoe.json")
