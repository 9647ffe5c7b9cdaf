"""GGUF files that are refused: with the tensor or the key, and what to do about it."""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import Any

import gguf
import pytest

from mmoe.checkpoints.errors import CheckpointError, TokenizerError
from mmoe.checkpoints.gguf.opened import open_gguf
from mmoe.checkpoints.opening import open_source
from mmoe.runtime_bindings.python.errors import MmoeError, OptionError
from tests.support.gguf_cases import CASES, GgufCase
from tests.support.gguf_models import F16, Q4_0, Q8_0

OLMOE = CASES["olmoe"]
Q5_0, Q5_1, MXFP4 = (getattr(gguf.GGMLQuantizationType, name) for name in ("Q5_0", "Q5_1", "MXFP4"))


def written(folder: Path, case: GgufCase = OLMOE, **how: Any) -> Path:
    case.write(folder / "model.gguf", **how)
    return folder / "model.gguf"


def refused(path: Path, kind: type[MmoeError], *texts: str) -> None:
    with pytest.raises(kind) as caught:
        open_gguf(path)
    for text in (str(path), *texts):
        assert text in str(caught.value)


def test_a_type_that_is_not_carried_is_named_with_its_tensor(tmp_path: Path) -> None:
    types = {"output.weight": Q5_1, "blk.1.attn_v.weight": Q5_1}
    refused(
        written(tmp_path, types=types),
        CheckpointError,
        "output.weight (Q5_1)",
        "blk.1.attn_v.weight (Q5_1)",
        "llama-quantize",
    )


@pytest.mark.parametrize("kind", [F16, Q8_0, Q5_0, Q5_1, MXFP4])
def test_experts_of_another_type_are_named(tmp_path: Path, kind: gguf.GGMLQuantizationType) -> None:
    path = written(tmp_path, types={"blk.1.ffn_down_exps.weight": kind})
    refused(path, CheckpointError, f"blk.1.ffn_down_exps.weight ({kind.name})", "experts must be Q4_0")


def test_one_of_several_files_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, changes={"split.count": 3})
    refused(path, CheckpointError, "one of 3 files", "split.count", "--merge")


def test_an_unknown_architecture_names_those_that_are_known(tmp_path: Path) -> None:
    case = GgufCase(OLMOE.family, OLMOE.options, "llama4", OLMOE.metadata)
    refused(written(tmp_path, case), CheckpointError, "'llama4'", "olmoe, qwen3moe, granitemoe, lfm2moe")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("olmoe.rope.scaling.type", "yarn"),
        ("olmoe.rope.scaling.factor", 4.0),
        ("olmoe.rope.scale_linear", 4.0),
        ("olmoe.expert_weights_scale", 2.5),
        ("olmoe.attention.clamp_kqv", 8.0),
        ("olmoe.attention.sliding_window", 128),
        ("olmoe.expert_gating_func", 2),
        ("olmoe.rope.dimension_count", 8),
        ("olmoe.attention.kv_lora_rank", 512),
        ("olmoe.expert_group_count", 8),
        ("olmoe.swiglu_clamp_exp", [7.0, 0.0]),
        ("olmoe.ssm.state_size", 128),
    ],
)
def test_a_key_that_changes_the_model_is_named(tmp_path: Path, key: str, value: object) -> None:
    refused(written(tmp_path, changes={key: value}), CheckpointError, f"{key} is {value!r}")


@pytest.mark.parametrize(("name", "gating"), [("olmoe", 1), ("lfm2moe", 2)])
def test_a_key_that_says_what_is_computed_is_taken(tmp_path: Path, name: str, gating: int) -> None:
    changes = {
        f"{name}.expert_gating_func": gating,
        f"{name}.rope.scaling.type": "none",
        f"{name}.rope.scaling.factor": 1.0,
        f"{name}.expert_weights_scale": 1.0,
        f"{name}.rope.dimension_count": 16,
        f"{name}.expert_group_count": 1,
    }
    assert open_gguf(written(tmp_path, CASES[name], changes=changes)).config.num_experts_per_tok == 3


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    case = GgufCase(OLMOE.family, OLMOE.options, "olmoe", {})
    refused(written(tmp_path, case), CheckpointError, "olmoe.feed_forward_length")


def test_metadata_that_does_not_fit_the_tensors_names_them(tmp_path: Path) -> None:
    case = GgufCase(OLMOE.family, OLMOE.options, "olmoe", {"feed_forward_length": 64, "block_count": 3})
    refused(
        written(tmp_path, case),
        CheckpointError,
        "missing: blk.2.attn_q.weight",
        "wrong shape: blk.0.ffn_gate_exps",
    )


def test_a_tensor_too_many_is_named(tmp_path: Path) -> None:
    case = GgufCase(OLMOE.family, OLMOE.options, "olmoe", OLMOE.metadata | {"block_count": 1})
    refused(written(tmp_path, case), CheckpointError, "unexpected: blk.1.attn_q.weight")


def test_an_unknown_tokenizer_names_those_that_are_known(tmp_path: Path) -> None:
    path = written(tmp_path)
    data = path.read_bytes().replace(b"gpt-2", b"gpt-9")
    path.write_bytes(data)
    refused(path, TokenizerError, "tokenizer.ggml.pre is 'gpt-9'", "qwen2")


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("olmoe", "rope.scaling.attn_factor", 2.0),
        ("olmoe", "attention.causal", False),
        ("granitemoe", "rope.scaling.finetuned", False),
        ("lfm2moe", "attention.head_count_kv", 2),
        ("qwen3moe", "block_count", "2"),
        ("qwen3moe", "block_count", 4_000_000_000),
    ],
)
def test_what_is_computed_or_counted_otherwise_is_named(
    tmp_path: Path, name: str, key: str, value: object
) -> None:
    case = CASES[name]
    changed = GgufCase(case.family, case.options, case.architecture, case.metadata | {key: value})
    refused(written(tmp_path, changed), CheckpointError, f"{name}.{key} is {value!r}")


def test_a_value_that_is_no_number_is_told_of_the_file(tmp_path: Path) -> None:
    """And not of the folder for its texts, which is gone when the message is read."""
    path = written(tmp_path)
    tensor = next(each for each in gguf.GGUFReader(path).tensors if each.name == "blk.0.ffn_gate_exps.weight")
    data = bytearray(path.read_bytes())
    data[tensor.data_offset : tensor.data_offset + 2] = b"\x00\x7e"
    path.write_bytes(data)
    with pytest.raises(
        CheckpointError, match=f"^{re.escape(str(path))}: values (?s:.*)gate_up_scale.* nan"
    ) as caught:
        open_gguf(path).check_values()
    assert "mmoe-gguf-" not in str(caught.value)


def test_gate_and_up_must_be_of_one_width(tmp_path: Path) -> None:
    """Together they have as many rows as they should, and the halves would be taken for each other."""
    path = written(tmp_path)
    tensors = {tensor.name: tensor for tensor in gguf.GGUFReader(path).tensors}
    moved = tensors["blk.0.ffn_gate_exps.weight"], tensors["blk.0.ffn_up_exps.weight"]
    data = path.read_bytes()
    for tensor, width in zip(moved, (16, 48), strict=True):
        start = data.index(tensor.name.encode()) + len(tensor.name)
        told = struct.pack("<IQQQ", 3, 64, 32, 8)
        assert data[start : start + len(told)] == told
        data = data[:start] + struct.pack("<IQQQ", 3, 64, width, 8) + data[start + len(told) :]
    path.write_bytes(data + bytes(1 << 16))
    refused(path, CheckpointError, "wrong shape: blk.0.ffn_gate_exps.weight, blk.0.ffn_up_exps.weight")


@pytest.mark.parametrize("kind", ["F64", "I8", "I16", "I32", "I64"])
def test_numbers_that_are_no_weights_are_not_requantized(tmp_path: Path, kind: str) -> None:
    path = written(tmp_path)
    data = path.read_bytes()
    name = b"output.weight"
    start = data.index(name) + len(name) + 4 + 2 * 8
    assert data[start : start + 4] == struct.pack("<I", Q4_0)
    code = gguf.GGMLQuantizationType[kind]
    path.write_bytes(data[:start] + struct.pack("<I", code) + data[start + 4 :] + bytes(1 << 18))
    with pytest.raises(CheckpointError, match=re.escape(f"output.weight ({kind})")):
        open_gguf(path, requantize=True)


@pytest.mark.parametrize("length", [0, 3, 100, 4000])
def test_a_cut_off_file_is_refused(tmp_path: Path, length: int) -> None:
    path = written(tmp_path)
    path.write_bytes(path.read_bytes()[:length])
    refused(path, CheckpointError, "download it again")


def test_a_revision_goes_with_a_hub_id(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=re.escape("a revision (main)")):
        open_source(written(tmp_path), revision="main")
