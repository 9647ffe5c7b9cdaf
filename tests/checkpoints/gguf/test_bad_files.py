"""GGUF files that are refused: with the tensor or the key, and what to do about it."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest

from mmoe.checkpoints.errors import CheckpointError, TokenizerError
from mmoe.checkpoints.gguf.opened import open_gguf
from mmoe.checkpoints.opening import open_source
from mmoe.models.errors import ConfigError
from mmoe.runtime_bindings.python.errors import MmoeError, OptionError
from tests.support.gguf_cases import CASES, VOCAB, GgufCase
from tests.support.gguf_files import Content, offsets, rewrite
from tests.support.gguf_models import F16, Q8_0

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

    def move(content: Content) -> None:
        gate, up = "blk.0.ffn_gate_exps.weight", "blk.0.ffn_up_exps.weight"
        (rows, kind), (others, _) = content.tensors[gate], content.tensors[up]
        content.tensors[gate] = rows[:, :16], kind
        content.tensors[up] = np.concatenate((rows[:, 16:], others), axis=1), kind

    rewrite(path, move)
    refused(path, CheckpointError, "wrong shape: blk.0.ffn_gate_exps.weight, blk.0.ffn_up_exps.weight")


@pytest.mark.parametrize("kind", ["F64", "I8", "I16", "I32", "I64"])
def test_numbers_that_are_no_weights_are_not_requantized(tmp_path: Path, kind: str) -> None:
    path = written(tmp_path)
    numbers = np.zeros((VOCAB, 64), np.float64 if kind == "F64" else f"int{kind[1:]}")
    of_kind = gguf.GGMLQuantizationType[kind]
    rewrite(path, lambda content: content.tensors.update({"output.weight": (numbers, of_kind)}))
    with pytest.raises(CheckpointError, match=re.escape(f"output.weight ({kind})")):
        open_gguf(path, requantize=True)


def patched(path: Path, place: int, form: str, *values: object) -> None:
    """Writes numbers over some bytes of a file."""
    data = bytearray(path.read_bytes())
    struct.pack_into(form, data, place, *values)
    path.write_bytes(data)


def test_a_tensor_that_is_said_to_be_elsewhere_is_named(tmp_path: Path) -> None:
    """Another matrix of the same size would be taken for it."""
    path = written(tmp_path)
    places, tensors = offsets(path), {tensor.name: tensor for tensor in gguf.GGUFReader(path).tensors}
    one, other = "blk.0.attn_k.weight", "blk.0.attn_v.weight"
    start = tensors[other].data_offset - tensors[next(iter(tensors))].data_offset
    patched(path, places[one] + 4 + 16 + 4, "<Q", start)
    refused(path, CheckpointError, f"tensor {one} is said to begin at byte {start} ")


@pytest.mark.parametrize(
    ("number", "message"),
    [(77, "is of type 77, which is none that is known"), (3, "is said to begin at byte ")],
)
def test_a_tensor_of_a_changed_type_is_named(tmp_path: Path, number: int, message: str) -> None:
    """Of a type that exists the tensor behind it would begin elsewhere."""
    path = written(tmp_path)
    patched(path, offsets(path)["blk.0.attn_k.weight"] + 4 + 16, "<I", number)
    refused(path, CheckpointError, "is not a readable GGUF file (tensor ", message)


@pytest.mark.parametrize("size", [0, 33, 2**40, 2**63])
def test_a_tensor_of_a_claimed_size_is_named(tmp_path: Path, size: int) -> None:
    path = written(tmp_path)
    patched(path, offsets(path)["blk.0.attn_k.weight"] + 4, "<Q", size)
    refused(path, CheckpointError, "tensor blk.0.attn_k.weight ")


@pytest.mark.parametrize(
    ("count", "message"),
    [
        (2**63, "is said to have 9,223,372,036,854,775,808 entries"),
        (9_000_000, "it ends within metadata tokenizer.ggml.token_type"),
        (10, "it ends within the key behind metadata tokenizer.ggml.token_type"),
    ],
)
def test_a_list_of_a_claimed_length_is_named(tmp_path: Path, count: int, message: str) -> None:
    """The `gguf` package would go on counting beyond the end of the file."""
    path = written(tmp_path)
    patched(path, offsets(path)["tokenizer.ggml.token_type"] + 4, "<Q", count)
    refused(path, CheckpointError, message, "download it again")


@pytest.mark.parametrize("places", [8, 16])
def test_claimed_counts_end_with_the_file(tmp_path: Path, places: int) -> None:
    path = written(tmp_path)
    patched(path, places, "<Q", 2**64 - 1)
    refused(path, CheckpointError, "is not a readable GGUF file (", "download it again")


@pytest.mark.parametrize(
    ("one", "other", "message"),
    [
        (b"olmoe.block_count", b"olmoe.expert_cnt_", None),
        (b"ggml.eos_token_id", b"ggml.bos_token_id", "metadata tokenizer.ggml.bos_token_id is there twice"),
        (b"blk.0.attn_q.weight", b"blk.0.attn_k.weight", "tensor blk.0.attn_k.weight is there twice"),
        (b"blk.0.attn_q.weight", b"blk.0.attn_\n.errors", "is 'blk.0.attn_\\n.errors', which is no name"),
        (b"olmoe.rope.freq_base", b"olmoe.rope.freq\xffbase", "the key behind metadata "),
    ],
)
def test_names_that_are_no_names_are_refused(
    tmp_path: Path, one: bytes, other: bytes, message: str | None
) -> None:
    path = written(tmp_path)
    data = path.read_bytes()
    assert data.count(one) == 1
    path.write_bytes(data.replace(one, other))
    refused(path, CheckpointError, message or "has no metadata olmoe.block_count")


@pytest.mark.parametrize(
    ("key", "change", "message"),
    [
        ("tokens", lambda tokens: tokens[:-1], "tokens but 288 entries of tokenizer.ggml.token_type"),
        ("tokens", lambda tokens: [*tokens[:9], tokens[7], *tokens[10:]], "twice, as token 7 and token 9"),
        ("token_type", lambda types: [*types[:9], 7, *types[10:]], "token_type is 7 for token 9"),
        ("merges", lambda merges: [*merges[:3], "a b c", *merges[4:]], "merges has 'a b c' at 3"),
        ("merges", lambda merges: [*merges[:3], "a ", *merges[4:]], "merges has 'a ' at 3"),
        ("padding_token_id", lambda _: 288, "padding_token_id is 288, which is none of its 288 tokens"),
    ],
)
def test_a_tokenizer_that_contradicts_itself_is_named(
    tmp_path: Path, key: str, change: Callable[[Any], object], message: str
) -> None:
    path = written(tmp_path, changes={"tokenizer.ggml.padding_token_id": 0})
    name = f"tokenizer.ggml.{key}"
    rewrite(path, lambda content: content.set(name, change(content.metadata[name][0])))
    refused(path, TokenizerError, message)


@pytest.mark.parametrize("change", [lambda values: values[:-1], lambda values: [*values, values[-1]]])
def test_a_vocabulary_of_another_length_than_the_table_is_named(
    tmp_path: Path, change: Callable[[list[Any]], list[Any]]
) -> None:
    path = written(tmp_path)

    def both(content: Content) -> None:
        tokens, types = (content.metadata[f"tokenizer.ggml.{key}"][0] for key in ("tokens", "token_type"))
        content.set(
            "tokenizer.ggml.tokens", [*dict.fromkeys((*change(tokens), "one more"))][: len(change(tokens))]
        )
        content.set("tokenizer.ggml.token_type", change(types))

    rewrite(path, both)
    refused(path, TokenizerError, "tokens, but token_embd.weight has 288 rows")


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("tokenizer.ggml.add_bos_token", 1, "add_bos_token is 1, which is no truth value"),
        ("tokenizer.chat_template", 7, "tokenizer.chat_template is no text"),
    ],
)
def test_settings_of_another_type_are_named(tmp_path: Path, key: str, value: object, message: str) -> None:
    """They would be passed over."""
    refused(written(tmp_path, changes={key: value}), TokenizerError, message)


def test_a_base_of_zero_is_named(tmp_path: Path) -> None:
    path = written(tmp_path)
    rewrite(path, lambda content: content.set("olmoe.rope.freq_base", 0.0))
    refused(path, ConfigError, "rope_theta")


@pytest.mark.parametrize("length", [0, 3, 100, 4000])
def test_a_cut_off_file_is_refused(tmp_path: Path, length: int) -> None:
    path = written(tmp_path)
    path.write_bytes(path.read_bytes()[:length])
    refused(path, CheckpointError, "download it again")


def test_a_revision_goes_with_a_hub_id(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=re.escape("a revision (main)")):
        open_source(written(tmp_path), revision="main")
