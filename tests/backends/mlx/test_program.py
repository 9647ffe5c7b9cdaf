"""The lowered program: one delegate, the checkpoint's own bits, the stock runner's metadata."""

from collections import Counter
from pathlib import Path

import torch
from executorch.runtime import Runtime

from mmoe.backends.mlx.payload import DelegateFile, TensorSlot
from mmoe.backends.mlx.weights import from_words
from mmoe.backends.program_file import ProgramFile
from mmoe.backends.registry import load_backend
from mmoe.checkpoints.checkpoint import open_checkpoint
from mmoe.export.artifact.artifact import Artifact
from mmoe.export.artifact.summary import describe_artifact
from mmoe.export.demo.bundled import bundled_checkpoint
from mmoe.export.verify.weights_proof import prove_expert_weights


def _instructions(artifact: Artifact) -> Counter[str]:
    chains = DelegateFile(ProgramFile(artifact.model_path)).delegate.chains
    return Counter(instruction.name for chain in chains for instruction in chain)


def test_one_delegate_holds_everything(mlx_demo_artifact: Artifact) -> None:
    (forward,) = describe_artifact(mlx_demo_artifact.folder).program.methods
    assert forward.delegates == {"MLXBackend": 1}
    assert forward.operators == {}
    assert forward.inputs == ("int64 up to [1, 512]", "int64 [1]")
    assert forward.outputs == ("float32 [1, 2048]",)


def test_every_expert_product_uses_the_layout_of_the_checkpoint(mlx_demo_artifact: Artifact) -> None:
    chains = DelegateFile(ProgramFile(mlx_demo_artifact.model_path)).delegate.chains
    products = [i for chain in chains for i in chain if i.name == "GatherQmmNode"]
    # Two matrices in each of five layers, for few tokens and for many.
    assert len(products) == 20
    assert all(product.fields["transpose"] is False for product in products)
    assert Counter(product.fields["sorted_indices"] for product in products) == {True: 10, False: 10}


def test_what_decode_runs_stays_small(mlx_demo_artifact: Artifact) -> None:
    counts = _instructions(mlx_demo_artifact)
    assert counts["ItemIntNode"] == 1  # one wait for the position, not one per layer
    assert counts["SdpaNode"] == 5
    assert counts["RopeNode"] == 10
    assert not counts.keys() & {"SinNode", "CosNode"}


def test_the_program_is_hardly_larger_than_the_checkpoint(mlx_demo_artifact: Artifact) -> None:
    checkpoint = open_checkpoint(bundled_checkpoint())
    assert mlx_demo_artifact.model_path.stat().st_size <= 1.05 * checkpoint.total_bytes
    sizes = mlx_demo_artifact.manifest.sizes
    assert sum(sizes.values()) == mlx_demo_artifact.model_path.stat().st_size
    embedding = checkpoint.tensor("model.embed_tokens.qweight").nbytes
    embedding += checkpoint.tensor("model.embed_tokens.weight_scale").nbytes
    assert sizes["embedding and head"] == embedding  # stored once


def test_experts_are_the_checkpoints_bit_for_bit(mlx_demo_artifact: Artifact) -> None:
    experts = load_backend("mlx").read_experts(ProgramFile(mlx_demo_artifact.model_path))
    proof = prove_expert_weights(open_checkpoint(bundled_checkpoint()), experts)
    assert proof.tensors == 20
    assert proof.mismatches == ()


def test_dense_matrices_are_the_checkpoints_bit_for_bit(mlx_demo_artifact: Artifact) -> None:
    checkpoint = open_checkpoint(bundled_checkpoint())
    file = DelegateFile(ProgramFile(mlx_demo_artifact.model_path))
    compared = 0
    for index in file.constant_indices():
        name = (
            file.constant_name(index)
            .replace("lm_head", "embed_tokens")
            .replace(".project.", ".")
            .replace(".mixer.", ".self_attn.")
        )
        stem, dot, kind = name.rpartition(".matrix.")
        if not dot or kind not in ("weight", "scale"):
            continue
        stored = torch.from_numpy(file.constant(index))
        if kind == "weight":
            assert torch.equal(from_words(stored), checkpoint.tensor(f"model.{stem}.qweight"))
        else:
            original = checkpoint.tensor(f"model.{stem}.weight_scale")
            assert torch.equal(stored.view(torch.int16), original.view(torch.int16))
        compared += 1
    assert compared == 2 * (1 + 5 * 7)


def test_no_biases_are_stored(mlx_demo_artifact: Artifact) -> None:
    file = DelegateFile(ProgramFile(mlx_demo_artifact.model_path))
    biases = {
        instruction.fields["biases"]
        for chain in file.delegate.chains
        for instruction in chain
        if instruction.name in ("QuantizedMatmulNode", "GatherQmmNode")
    }
    assert all(isinstance(slot, TensorSlot) and file.constant(slot.index).size == 1 for slot in biases)


def test_runners_find_their_metadata(mlx_artifact: Artifact, mlx_checkpoint: Path) -> None:
    program = Runtime.get().load_program(mlx_artifact.model_path)
    constants = {
        name: program.load_method(name).execute([]) for name in program.method_names if name != "forward"
    }
    config = open_checkpoint(mlx_checkpoint).config
    assert constants.pop("get_bos_id") == [mlx_artifact.manifest.runtime.bos_id]
    assert constants == {
        "get_max_seq_len": [16],
        "get_max_context_len": [64],
        "get_vocab_size": [config.vocab_size],
        "get_n_layers": [3],
        "get_eos_ids": list(config.eos_token_ids),
        "enable_dynamic_shape": [True],
        "use_kv_cache": [True],
        "use_sdpa_with_kv_cache": [False],
    }
