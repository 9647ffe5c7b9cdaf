"""Exported and lowered programs of random checkpoints: what is in them, and kernels against their eager twins."""

import dataclasses
from pathlib import Path

import pytest
import torch

from mmoe.backends.errors import ArtifactError
from mmoe.backends.program_file import ProgramFile
from mmoe.backends.registry import load_backend
from mmoe.backends.xnnpack.attention import attention_component
from mmoe.backends.xnnpack.declaration import KvCache
from mmoe.backends.xnnpack.delegated_components import XNNPACK_COMPONENTS, delegated_linear
from mmoe.checkpoints.checkpoint import open_checkpoint
from mmoe.export.artifact.artifact import Artifact
from mmoe.export.convert.convert import ConvertOptions, convert
from mmoe.export.verify.weights_proof import prove_expert_weights
from mmoe.models.decoder import build_decoder
from mmoe.runtime_bindings.python.runner import ModelRunner
from tests.support.checkpoints import write_checkpoint

VARIATIONS: dict[str, dict[str, object]] = {
    "RoPE off, dense layer, gate and up share a group": {
        "num_hidden_layers": 2,
        "no_rope_layers": [1, 0],
        "interleave_moe_layer_step": 2,
        "intermediate_size": 48,
    },
    "all experts, no normalisation": {
        "num_hidden_layers": 1,
        "num_local_experts": 3,
        "num_experts_per_tok": 3,
        "norm_topk_prob": False,
        "use_qk_norm": False,
        "eos_token_id": 2,
    },
}

# The twins with the one rounding that XNNPACK adds.
BFLOAT16_SCALES = dataclasses.replace(
    XNNPACK_COMPONENTS, linear=lambda qweight, scale: delegated_linear(qweight, scale.bfloat16())
)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "kv_cache"),
    [*zip(VARIATIONS, (KvCache.FLOAT32, KvCache.INT8), strict=True), (None, KvCache.FLOAT16)],
)
def test_runtime_agrees_with_the_eager_twins(tmp_path: Path, name: str | None, kv_cache: KvCache) -> None:
    folder = write_checkpoint(tmp_path / "checkpoint", VARIATIONS[name] if name else {}, seed=7)
    options = ConvertOptions(backend_options={"kv_cache": kv_cache, "linears": "xnnpack"})
    artifact = convert(folder, tmp_path / "artifact", options=options)
    assert artifact.manifest.backend.options["kv_cache"] == kv_cache
    checkpoint = open_checkpoint(folder)
    components = dataclasses.replace(BFLOAT16_SCALES, attention=attention_component(kv_cache))
    decoder = build_decoder(checkpoint, components, max_context_len=64)
    ids = torch.randint(0, 320, (1, 12), generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        expected = decoder.all_logits(ids, torch.zeros(1, dtype=torch.int64))[0]
    runner = ModelRunner(artifact.model_path)
    actual = torch.stack([torch.from_numpy(runner.decode(token)) for token in ids[0].tolist()])
    noise = (actual - expected).square().sum(dim=-1) / expected.square().sum(dim=-1)
    decibels = -10 * torch.log10(noise)
    # Float32 rounding leaves 130 dB. Once it has flipped one rounding to int8, later tokens of a random model see an
    # independent draw of the quantisation noise, about 33 dB; so the early tokens tell, in the median.
    assert decibels[:8].median() > 100
    assert decibels.median() > 28
    assert artifact.manifest.runtime.eos_ids == checkpoint.config.eos_token_ids
    assert prove_expert_weights(
        checkpoint, load_backend("xnnpack").read_experts(ProgramFile(artifact.model_path))
    ).passed


def test_program_consists_of_delegates_and_known_operators(tiny_delegated_artifact: Artifact) -> None:
    program = ProgramFile(tiny_delegated_artifact.model_path)
    operators = program.operator_counts("forward")
    ours = {name: count for name, count in operators.items() if name.startswith("mmoe::")}
    layers = tiny_delegated_artifact.config.num_hidden_layers
    assert ours == {
        "mmoe::embedding.out": 1,
        "mmoe::rms_norm.out": 2 * layers + 1,
        "mmoe::attention_int8.out": layers,
        "mmoe::moe_ffn.out": layers,
    }
    assert set(program.delegate_counts("forward")) == {"XnnpackBackend"}
    # What is left is the RoPE table and bookkeeping: no matrix product outside the delegate.
    rest = set(operators) - set(ours)
    assert not {name for name in rest if "mm" in name or "linear" in name or "copy_" in name}, rest


def test_metadata_is_the_stock_runner_contract(tiny_artifact: Artifact) -> None:
    runtime = tiny_artifact.manifest.runtime
    assert ProgramFile(tiny_artifact.model_path).metadata() == {
        "get_max_seq_len": runtime.max_seq_len,
        "get_max_context_len": runtime.max_context_len,
        "get_vocab_size": 320,
        "get_n_layers": 2,
        "get_bos_id": runtime.bos_id,
        "get_eos_ids": list(runtime.eos_ids),
        "enable_dynamic_shape": True,
        "use_kv_cache": True,
        "use_sdpa_with_kv_cache": False,
    }


def test_constants_are_aligned_to_cache_lines(tiny_artifact: Artifact) -> None:
    program = ProgramFile(tiny_artifact.model_path)
    for call in program.kernel_calls("forward"):
        if call.operator == "mmoe::moe_ffn.out":
            for value in call.arguments[1:7]:
                assert program.constant(value).ctypes.data % 64 == 0


def test_weights_proof_sees_a_single_flipped_bit(
    tiny_checkpoint: Path, tiny_artifact: Artifact, tmp_path: Path
) -> None:
    altered = tmp_path / "model.pte"
    data = bytearray(tiny_artifact.model_path.read_bytes())
    checkpoint = open_checkpoint(tiny_checkpoint)
    program = ProgramFile(tiny_artifact.model_path)
    call = next(call for call in program.kernel_calls("forward") if call.operator == "mmoe::moe_ffn.out")
    panel = program.constant(call.arguments[3])[5].tobytes()  # one expert's gate and up
    data[data.index(panel) + 17] ^= 0x10
    altered.write_bytes(data)
    proof = prove_expert_weights(checkpoint, load_backend("xnnpack").read_experts(ProgramFile(altered)))
    assert proof.mismatches == ("model.layers.0.feed_forward.experts.gate_up_qweight",)


@pytest.mark.parametrize(("keep", "message"), [(100, "not an ExecuTorch|cut short"), (-64, "cut short")])
def test_cut_program_is_refused(tiny_artifact: Artifact, tmp_path: Path, keep: int, message: str) -> None:
    cut = tmp_path / "model.pte"
    cut.write_bytes(tiny_artifact.model_path.read_bytes()[:keep])
    with pytest.raises(ArtifactError, match=message):
        ProgramFile(cut)
