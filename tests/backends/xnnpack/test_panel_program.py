"""Programs whose dense linears are `mmoe` kernels: against their eager twins, and what is in the file."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor

from mmoe.backends.program_file import ProgramFile
from mmoe.backends.program_schema import Value
from mmoe.backends.registry import load_backend
from mmoe.backends.xnnpack.declaration import KvCache, Linears, XnnpackOptions
from mmoe.checkpoints.checkpoint import open_checkpoint
from mmoe.export.artifact.artifact import Artifact
from mmoe.export.convert.convert import ConvertOptions, convert
from mmoe.export.verify.weights_proof import prove_expert_weights
from mmoe.models.decoder import build_decoder
from mmoe.quant.linear_layout import LinearPanels, unpack_linear_panels
from mmoe.runtime_bindings.python.runner import ModelRunner
from tests.support.checkpoints import write_checkpoint
from tests.support.fresh_process import logits_with_threads

pytestmark = pytest.mark.slow

BACKEND = load_backend("xnnpack", {"linears": "mmoe"})


@pytest.fixture(scope="module")
def checkpoint_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A vocabulary that does not fill its last panel, a head of one group, a dense layer and a MoE layer."""
    changes: dict[str, object] = {"vocab_size": 333, "hidden_size": 32, "interleave_moe_layer_step": 2}
    return write_checkpoint(tmp_path_factory.mktemp("panels") / "checkpoint", changes, seed=3)


@pytest.fixture(scope="module")
def artifact(checkpoint_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    target = tmp_path_factory.mktemp("panels") / "artifact"
    return convert(checkpoint_folder, target, options=ConvertOptions(backend_options={"linears": "mmoe"}))


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
    logits = {
        f"{threads} threads": torch.from_numpy(logits_with_threads(artifact.folder, ids, threads))
        for threads in (1, 2, 3)
    }
    runner = ModelRunner(artifact.model_path)
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
        "mmoe::rms_norm.out": 1,
        "mmoe::add_rms_norm.out": 2 * 2,
        "mmoe::attention_int8.out": 2,
        "mmoe::swiglu_ffn.out": 2,
        "mmoe::moe_ffn.out": 1,
    }
    assert operators["aten::add.out"] == 1  # of positions; the residual stream's are in the norms
    calls = {call.operator: call for call in program.kernel_calls("forward")}
    lookup, head = calls["mmoe::embedding_panels.out"], calls["mmoe::linear.out"]  # the last one
    assert (
        program.constant(lookup.arguments[0]).ctypes.data == program.constant(head.arguments[1]).ctypes.data
    )
    assert (
        program.constant(lookup.arguments[1]).ctypes.data == program.constant(head.arguments[2]).ctypes.data
    )
    assert sum(artifact.manifest.sizes.values()) == program.file_bytes


def dense_matrices(program: ProgramFile, layers: int) -> Iterator[tuple[str, Tensor, Tensor]]:
    """Every dense matrix of the program: its name in the checkpoint, weight and scale panels."""
    calls = list(program.kernel_calls("forward"))
    first = {
        "mmoe::embedding_panels.out": (["embed_tokens"], 0),
        "mmoe::linear_qkv.out": (["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"], 1),
        "mmoe::linear.out": (["self_attn.o_proj"], 1),
        "mmoe::swiglu_ffn.out": (["gate_proj", "up_proj"], 1),
    }
    for operator, (names, place) in first.items():
        for layer, call in enumerate(call for call in calls if call.operator == operator):
            if layer == layers:  # the head, whose table the embedding has shown
                continue
            prefix = "model." if place == 0 else f"model.layers.{layer}."
            yield from split(prefix, names, program, call.arguments[place : place + 2])
            if operator == "mmoe::swiglu_ffn.out":
                yield from split(prefix, ["down_proj"], program, call.arguments[3:5])


def split(
    prefix: str, names: list[str], program: ProgramFile, arguments: Sequence[Value]
) -> Iterator[tuple[str, Tensor, Tensor]]:
    """Matrices that stand below each other, by their number of panels in the checkpoint."""
    weight, scale = (torch.from_numpy(program.constant(value)) for value in arguments)
    panels = {"q_proj": 2, "k_proj": 1, "v_proj": 1}
    begin = 0
    for name in names:
        end = begin + panels.get(name.removeprefix("self_attn."), len(weight) // len(names))
        yield prefix + name, weight[begin:end], scale[begin:end]
        begin = end


def test_every_dense_weight_and_scale_is_the_checkpoints(artifact: Artifact, checkpoint_folder: Path) -> None:
    checkpoint = open_checkpoint(checkpoint_folder)
    layers = checkpoint.config.num_hidden_layers
    found = 0
    for name, weight, scale in dense_matrices(ProgramFile(artifact.model_path), layers):
        if name.endswith(("gate_proj", "up_proj", "down_proj")):
            layer = int(name.split(".")[2])
            block = (
                "feed_forward.shared_expert." if checkpoint.config.is_moe_layer(layer) else "feed_forward."
            )
            name = name.replace(f"layers.{layer}.", f"layers.{layer}.{block}")
        expected = checkpoint.tensor(f"{name}.qweight"), checkpoint.tensor(f"{name}.weight_scale")
        qweight, scales = unpack_linear_panels(LinearPanels(weight, scale), len(expected[0]))
        assert torch.equal(qweight, expected[0]), name
        assert torch.equal(scales.view(torch.int16), expected[1].view(torch.int16)), name
        found += 1
    assert found == 1 + 7 * layers


def test_the_choice_is_recorded_and_read_back(artifact: Artifact) -> None:
    recorded = Artifact.open(artifact.folder).manifest.backend
    assert recorded.options == {"linears": "mmoe", "kv_cache": "int8", "speculation": "off"}
    chosen = load_backend(recorded.name, recorded.options).options
    assert chosen == XnnpackOptions(linears=Linears.MMOE, kv_cache=KvCache.INT8)
    assert load_backend("xnnpack").options == chosen
