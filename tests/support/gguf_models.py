"""GGUF files of small models, laid out as llama.cpp's converter does and quantised by the `gguf` package."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import numpy.typing as npt
import torch
import transformers

from tests.support.tokenizers import build_tokenizer

Q4_0, Q5_0, Q5_1, Q6_K, Q8_0, F16, BF16, F32 = (
    getattr(gguf.GGMLQuantizationType, name)
    for name in ("Q4_0", "Q5_0", "Q5_1", "Q6_K", "Q8_0", "F16", "BF16", "F32")
)
_TYPES = {torch.float32: np.float32}

_LAYER = {
    "input_layernorm": "attn_norm",
    "operator_norm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "ffn_norm": "ffn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.out_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "self_attn.q_layernorm": "attn_q_norm",
    "self_attn.k_layernorm": "attn_k_norm",
    "mlp.gate": "ffn_gate_inp",
    "feed_forward.gate": "ffn_gate_inp",
    "block_sparse_moe.router.layer": "ffn_gate_inp",
    "block_sparse_moe.router": "ffn_gate_inp",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "feed_forward.w1": "ffn_gate",
    "feed_forward.w3": "ffn_up",
    "feed_forward.w2": "ffn_down",
    "shared_mlp.output_linear": "ffn_down_shexp",
    "conv.in_proj": "shortconv.in_proj",
    "conv.out_proj": "shortconv.out_proj",
    "conv.conv": "shortconv.conv",
}
_TOP = {
    "model.embed_tokens.weight": "token_embd.weight",
    "lm_head.weight": "output.weight",
    "model.norm.weight": "output_norm.weight",
    "model.embedding_norm.weight": "token_embd_norm.weight",
}
_DOWN = re.compile(
    r"(mlp\.experts|feed_forward\.experts)\.down_proj|block_sparse_moe\.(output_linear\.weight|experts\.down_proj)"
)
_GATE_UP = re.compile(
    r"(mlp\.experts|feed_forward\.experts)\.gate_up_proj|block_sparse_moe\.(input_linear\.weight|experts\.gate_up_proj)"
)


def write_gguf(
    path: Path,
    model: transformers.PreTrainedModel,
    architecture: str,
    metadata: Mapping[str, Any],
    *,
    types: Mapping[str, gguf.GGMLQuantizationType] | None = None,
    changes: Mapping[str, object] | None = None,
    tokenizer: tuple[Mapping[str, Any], str] | None = None,
) -> dict[str, npt.NDArray[np.float32]]:
    """Writes a model; matrices in Q4_0, all else in float32 unless `types` says otherwise.

    Args:
        path: The file.
        model: One of `transformers`.
        architecture: As GGUF names it.
        metadata: Of the architecture, by key without its name.
        types: By the names of the file's tensors.
        changes: Further metadata, by full key.
        tokenizer: The content of a tokenizer.json, and what GGUF calls its way to cut a text into words; None for the
            byte-level BPE of the other tests, cut to the model's vocabulary.

    Returns:
        What the `gguf` package makes of the file's tensors, by the model's own names, in its own order of rows.
    """
    writer = gguf.GGUFWriter(path, architecture)
    add_metadata(writer, architecture, metadata)
    for key, value in (changes or {}).items():
        _add(writer, key, value)
    document, pre = tokenizer or (json.loads(build_tokenizer().to_str()), "gpt-2")
    _add_tokenizer(writer, model.config, document, pre)
    dequantized: dict[str, npt.NDArray[np.float32]] = {}
    for name, tensor in model.state_dict().items():
        if name == "lm_head.weight" and model.config.tie_word_embeddings:
            continue
        parts = []
        for gguf_name, values in pieces(name, tensor.float().numpy()):
            heads = _turned_heads(architecture, gguf_name, model.config)
            order = np.arange(len(values)) if heads is None else _adjacent(len(values), heads)
            kind = (types or {}).get(gguf_name, Q4_0 if is_matrix(gguf_name, values) else F32)
            data = _six_bits(values[order]) if kind is Q6_K else gguf.quantize(values[order], kind)
            writer.add_tensor(gguf_name, data, raw_dtype=kind)
            parts.append(gguf.dequantize(data, kind).astype(np.float32)[np.argsort(order)])
        joined = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=-2)
        dequantized[name] = joined.reshape(tuple(tensor.shape))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return dequantized


def _six_bits(rows: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """Q6_K, which the `gguf` package reads and does not write: 16 scales for 256 values, and one for the scales."""
    groups = rows.reshape(-1, 16, 16)
    scale = np.abs(groups).max(axis=-1) / 31
    common = (scale.max(axis=-1, keepdims=True) / 127).astype(np.float16)
    inner = np.rint(scale / common.astype(np.float32))
    steps = (inner * common)[..., None]
    values = np.clip(np.rint(groups / np.where(steps == 0, 1, steps)), -32, 31) + 32
    runs = values.astype(np.uint8).reshape(-1, 2, 4, 32)
    low = (runs[:, :, :2] & 15) | ((runs[:, :, 2:] & 15) << 4)
    high = (runs >> 4) << np.array([0, 2, 4, 6], np.uint8)[:, None]
    parts = (
        low.reshape(len(groups), -1),
        high.sum(axis=2, dtype=np.uint8).reshape(len(groups), -1),
        inner.astype(np.int8).view(np.uint8),
        common.view(np.uint8),
    )
    return np.concatenate(parts, axis=1).reshape(len(rows), -1)


def pieces(name: str, values: npt.NDArray[np.float32]) -> list[tuple[str, npt.NDArray[np.float32]]]:
    """What a tensor of the model is in a file: names and values."""
    if name in _TOP:
        return [(_TOP[name], values)]
    match = re.fullmatch(r"model\.layers\.(\d+)\.(.+)", name)
    assert match is not None, name
    layer, relative = f"blk.{match[1]}.", match[2]
    if _GATE_UP.fullmatch(relative):
        gate, up = np.split(values, 2, axis=1)
        return [(f"{layer}ffn_gate_exps.weight", gate), (f"{layer}ffn_up_exps.weight", up)]
    if _DOWN.fullmatch(relative):
        return [(f"{layer}ffn_down_exps.weight", values)]
    if relative == "shared_mlp.input_linear.weight":
        gate, up = np.split(values, 2)
        return [(f"{layer}ffn_gate_shexp.weight", gate), (f"{layer}ffn_up_shexp.weight", up)]
    if relative.endswith("expert_bias"):
        return [(f"{layer}exp_probs_b.bias", values)]
    module, part = relative.rsplit(".", 1)
    if module == "conv.conv":
        values = values.reshape(len(values), -1)
    return [(f"{layer}{_LAYER[module]}.{part}", values)]


def is_matrix(name: str, values: npt.NDArray[np.float32]) -> bool:
    """Whether llama.cpp quantises it."""
    return values.ndim > 1 and not any(part in name for part in ("ffn_gate_inp", "shortconv.conv", "norm"))


def _turned_heads(architecture: str, name: str, config: Any) -> int | None:
    """What the converter does to families that descend from Llama; the heads whose rows it turns."""
    if architecture != "granitemoe":
        return None
    heads = {"attn_q.weight": config.num_attention_heads, "attn_k.weight": config.num_key_value_heads}
    return heads.get(name.split(".", 2)[-1])


def _adjacent(rows: int, heads: int) -> npt.NDArray[np.intp]:
    """Rows of halves put next to each other, head by head."""
    width = rows // heads
    return np.array(
        [
            h * width + i + half * (width // 2)
            for h in range(heads)
            for i in range(width // 2)
            for half in (0, 1)
        ]
    )


def add_metadata(writer: gguf.GGUFWriter, architecture: str, metadata: Mapping[str, Any]) -> None:
    """Adds what is said of an architecture, by key without its name; types are those of the values."""
    for key, value in metadata.items():
        _add(writer, f"{architecture}.{key}", value)


def _add(writer: gguf.GGUFWriter, key: str, value: object) -> None:
    if isinstance(value, bool):
        writer.add_bool(key, value)
    elif isinstance(value, int):
        writer.add_uint32(key, value)
    elif isinstance(value, float):
        writer.add_float32(key, value)
    elif isinstance(value, str):
        writer.add_string(key, value)
    else:
        assert isinstance(value, list)
        writer.add_array(key, value)


def _add_tokenizer(writer: gguf.GGUFWriter, config: Any, document: Mapping[str, Any], pre: str) -> None:
    """A byte-level BPE, cut to the model's vocabulary."""
    vocab_size = int(config.vocab_size)
    ends = config.eos_token_id
    vocab = {token: index for token, index in document["model"]["vocab"].items() if index < vocab_size}
    tokens = [f"[PAD{index}]" for index in range(vocab_size)]
    types = [5] * vocab_size
    for token, index in vocab.items():
        tokens[index], types[index] = token, 1
    for token in document["added_tokens"]:
        if token["id"] < vocab_size:
            tokens[token["id"]], types[token["id"]] = token["content"], 3 if token["special"] else 4
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in document["model"]["merges"]]
    kept = [merge for merge in merges if merge.replace(" ", "") in vocab]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges(kept)
    writer.add_eos_token_id(ends[0] if isinstance(ends, list) else ends)
    writer.add_bos_token_id(config.bos_token_id)
