"""The same model as folders hold it: other floats, a head stored twice, single experts, buffers of old tools."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from mmoe.checkpoints.assembly import adjacent_pairs
from mmoe.checkpoints.checkpoint import Checkpoint, open_checkpoint
from mmoe.checkpoints.errors import CheckpointError
from mmoe.checkpoints.inventory import TensorClass
from mmoe.checkpoints.summary import describe_checkpoint
from mmoe.export.convert.post_training import quantize_checkpoint
from tests.support.checkpoints import write_checkpoint
from tests.support.unpacked import unpacked_tensors, write_unpacked
from tests.support.users_folders import single_experts

pytestmark = pytest.mark.slow

TABLE = "model.embed_tokens"
GATE_UP = "model.layers.1.feed_forward.experts.gate_up_proj"


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    return open_checkpoint(write_checkpoint(tmp_path_factory.mktemp("packed"), seed=5))


@pytest.fixture(scope="module")
def weights(packed: Checkpoint) -> dict[str, torch.Tensor]:
    """The model in bfloat16, as an oracle that knows nothing of the package unpacks it."""
    return unpacked_tensors(packed)


def stored(folder: Path, packed: Checkpoint, tensors: dict[str, torch.Tensor]) -> Checkpoint:
    """A folder with these tensors, opened."""
    write_unpacked(folder, packed)
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, folder / "model.safetensors")
    checkpoint = open_checkpoint(folder, unpacked=True)
    checkpoint.check_values()
    return checkpoint


def packed_again(checkpoint: Checkpoint, folder: Path) -> dict[str, torch.Tensor]:
    """The tensors that quantising a checkpoint gives."""
    folder.mkdir()
    return load_file(quantize_checkpoint(checkpoint, folder).folder / "model.safetensors")


def assert_same(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> None:
    assert set(found) == set(expected)
    for name, tensor in expected.items():
        assert found[name].dtype == tensor.dtype, name
        assert torch.equal(found[name], tensor), name


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32], ids=str)
def test_wider_floats_with_the_same_values_give_the_same_model(
    tmp_path: Path, packed: Checkpoint, weights: dict[str, torch.Tensor], dtype: torch.dtype
) -> None:
    # float16 has fewer exponents: the smallest values of this model are kept away from its subnormals.
    kept = {name: torch.where(w.abs() < 2**-13, 0, w) if w.dim() > 1 else w for name, w in weights.items()}
    narrow = stored(tmp_path / "bf16", packed, kept)
    wide = stored(tmp_path / "wide", packed, {name: tensor.to(dtype) for name, tensor in kept.items()})
    assert describe_checkpoint(wide).total_parameters == describe_checkpoint(narrow).total_parameters
    assert_same(packed_again(wide, tmp_path / "a"), packed_again(narrow, tmp_path / "b"))


def test_values_that_bfloat16_cannot_hold_stay_in_float32(
    tmp_path: Path, packed: Checkpoint, weights: dict[str, torch.Tensor]
) -> None:
    name = "model.layers.0.input_layernorm.weight"
    fine = 1 + torch.arange(64) * 2**-20
    wide = {key: tensor.float() for key, tensor in weights.items()} | {name: fine}
    found = packed_again(stored(tmp_path / "wide", packed, wide), tmp_path / "packed")
    assert found[name].dtype == torch.float32
    assert torch.equal(found[name], fine)
    assert found["model.norm.weight"].dtype == torch.bfloat16


def test_single_experts_are_stacked(
    tmp_path: Path, packed: Checkpoint, weights: dict[str, torch.Tensor]
) -> None:
    checkpoint = stored(tmp_path / "single", packed, single_experts(weights))
    assert torch.equal(checkpoint.tensor(GATE_UP), weights[GATE_UP])
    assert [tuple(piece.shape) for piece in checkpoint.pieces(GATE_UP)] == [(64, 64)] * 8
    assert checkpoint.bytes_by_class()[TensorClass.EXPERTS] == 2 * (8 * 3 * 64 * 32) * 2
    whole = stored(tmp_path / "whole", packed, weights)
    assert_same(packed_again(checkpoint, tmp_path / "a"), packed_again(whole, tmp_path / "b"))


def test_a_missing_expert_is_named(
    tmp_path: Path, packed: Checkpoint, weights: dict[str, torch.Tensor]
) -> None:
    prefix = "model.layers.0.feed_forward.experts."
    single = {name: tensor for name, tensor in weights.items() if name != f"{prefix}down_proj"}
    single |= {
        f"{prefix}{e}.down_proj.weight": torch.zeros(64, 32, dtype=torch.bfloat16) for e in range(8) if e != 5
    }
    with pytest.raises(CheckpointError, match=rf"missing: {prefix}5\.down_proj\.weight \(BF16 \[64, 32\]\)"):
        stored(tmp_path / "single", packed, single)


def test_a_bad_value_of_one_expert_is_named_with_its_index(
    tmp_path: Path, packed: Checkpoint, weights: dict[str, torch.Tensor]
) -> None:
    bad = weights[GATE_UP].clone()
    bad[3, 2, 1] = torch.nan
    with pytest.raises(CheckpointError, match=r"gate_up_proj\[3, 2, 1\]: a value is nan"):
        stored(tmp_path / "bad", packed, weights | {GATE_UP: bad})


def test_a_surplus_expert_is_named(
    tmp_path: Path, packed: Checkpoint, weights: dict[str, torch.Tensor]
) -> None:
    surplus = "model.layers.0.feed_forward.experts.8.up_proj.weight"
    tensors = single_experts(weights) | {surplus: torch.zeros(32, 64, dtype=torch.bfloat16)}
    with pytest.raises(
        CheckpointError, match=rf"1 tensor does not match .*\n  unexpected: {surplus} \(BF16 "
    ):
        stored(tmp_path / "single", packed, tensors)


def test_layers_may_store_their_experts_in_different_ways(
    tmp_path: Path, packed: Checkpoint, weights: dict[str, torch.Tensor]
) -> None:
    single = single_experts(weights)
    mixed = {name: tensor for name, tensor in weights.items() if ".layers.0." not in name}
    mixed |= {name: tensor for name, tensor in single.items() if ".layers.0." in name}
    checkpoint = stored(tmp_path / "mixed", packed, mixed)
    for name, tensor in weights.items():
        assert torch.equal(checkpoint.tensor(name), tensor), name


@pytest.mark.parametrize("value", [1e6, -1e30])
def test_a_weight_that_no_int4_group_holds_is_named(
    tmp_path: Path, packed: Checkpoint, weights: dict[str, torch.Tensor], value: float
) -> None:
    name = "model.layers.1.self_attn.q_proj.weight"
    wide = weights[name].float()
    wide[2, 1] = value
    with pytest.raises(
        CheckpointError, match=rf"{name}\[2, 1\]: a value is .*float16 scale holds 458528 at most"
    ):
        stored(tmp_path / "bad", packed, weights | {name: wide})


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64], ids=str)
def test_a_tied_head_may_be_stored_twice(
    tmp_path: Path, packed: Checkpoint, weights: dict[str, torch.Tensor], dtype: torch.dtype
) -> None:
    head = {"lm_head.weight": weights[f"{TABLE}.weight"].to(dtype, copy=True)}
    twice = stored(tmp_path / "twice", packed, weights | head)
    assert "lm_head.weight" not in twice.specs
    assert_same(
        packed_again(twice, tmp_path / "a"),
        packed_again(stored(tmp_path / "once", packed, weights), tmp_path / "b"),
    )


def test_a_tied_head_that_differs_is_refused_by_name(
    tmp_path: Path, packed: Checkpoint, weights: dict[str, torch.Tensor]
) -> None:
    head = weights[f"{TABLE}.weight"].clone()
    head[319, 63] += 1
    with pytest.raises(CheckpointError, match=r"lm_head\.weight differs from model\.embed_tokens\.weight"):
        stored(tmp_path / "twice", packed, weights | {"lm_head.weight": head})


@pytest.mark.parametrize("part", [None, "qweight", "weight_scale"])
def test_a_packed_tied_head_may_be_stored_twice(tmp_path: Path, part: str | None) -> None:
    folder = write_checkpoint(tmp_path)
    tensors = load_file(folder / "model.safetensors")
    head = {f"lm_head.{name}": tensors[f"{TABLE}.{name}"].clone() for name in ("qweight", "weight_scale")}
    if part is not None:
        head[f"lm_head.{part}"][7] += 1
    save_file(tensors | head, folder / "model.safetensors")
    if part is None:
        assert set(open_checkpoint(folder).specs) == set(tensors)
    else:
        with pytest.raises(CheckpointError, match=rf"lm_head\.{part} differs"):
            open_checkpoint(folder)


@pytest.mark.parametrize(
    "name",
    [
        "model.rotary_emb.inv_freq",
        "model.mtp_block.0.self_attn.q_proj.weight",
        "model.layers.1.self_attn.rotary_emb.inv_freq",
        "rotary_emb.original_inv_freq",
        "model.layers.0.self_attn.rotary_emb.cos_cached",
        "model.layers.0.self_attn.masked_bias",
    ],
)
def test_saved_angles_are_passed_over(
    tmp_path: Path, packed: Checkpoint, weights: dict[str, torch.Tensor], name: str
) -> None:
    checkpoint = stored(tmp_path / "buffer", packed, weights | {name: torch.ones(8)})
    assert set(checkpoint.specs) == set(weights)


def test_halves_become_adjacent_pairs() -> None:
    """Element i of the first half is followed by its partner from the second half, in every head."""
    assert adjacent_pairs(16, 8).tolist() == [0, 4, 1, 5, 2, 6, 3, 7, 8, 12, 9, 13, 10, 14, 11, 15]
