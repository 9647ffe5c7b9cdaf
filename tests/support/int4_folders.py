"""Folders of small OLMoE models whose linears `compressed-tensors` or torchao has packed, or in GPTQ's layout."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from compressed_tensors.compressors.pack_quantized import PackedQuantizationCompressor
from compressed_tensors.compressors.pack_quantized.helpers import pack_to_int32
from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme
from safetensors.torch import load_file, save_file
from torchao.core.config import config_to_dict
from torchao.prototype.safetensors.safetensors_support import flatten_tensor_state_dict
from torchao.quantization import (
    FqnToConfig,
    Int8DynamicActivationIntxWeightConfig,
    IntxUnpackedToInt8Tensor,
    IntxWeightOnlyConfig,
    MappingType,
    PerAxis,
    PerGroup,
    quantize_,
)

from tests.support.tokenizers import write_tokenizer
from tests.support.transformers_models import make_model

OPTIONS: dict[str, Any] = {
    "vocab_size": 288,
    "hidden_size": 128,
    "intermediate_size": 128,
    "num_experts": 4,
    "num_experts_per_tok": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
}
KEPT = ("embed_tokens", "lm_head", "mlp.gate.weight", "norm")


def _released(
    folder: Path, **options: Any
) -> tuple[transformers.PreTrainedModel, dict[str, torch.Tensor], dict[str, Any]]:
    """A model, its tensors by the names of released files, and its config."""
    model = make_model("Olmoe", **OPTIONS | options)
    model.save_pretrained(folder, save_original_format=True)
    tensors = load_file(folder / "model.safetensors")
    return model, tensors, json.loads((folder / "config.json").read_text())


def _finish(
    folder: Path,
    tensors: dict[str, torch.Tensor],
    config: dict[str, Any],
    quantization: dict[str, Any],
) -> None:
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(config | {"quantization_config": quantization}))
    write_tokenizer(folder)


def _packed_by_the_library(group: int, symmetric: bool) -> dict[str, Any]:
    """The block that llm-compressor writes to `config.json`."""
    return {
        "quant_method": "compressed-tensors",
        "format": "pack-quantized",
        "config_groups": {
            "group_0": {
                "targets": ["Linear"],
                "weights": {
                    "num_bits": 4,
                    "type": "int",
                    "symmetric": symmetric,
                    "strategy": "group",
                    "group_size": group,
                    "actorder": None,
                },
                "input_activations": None,
            }
        },
        "ignore": ["lm_head"],
    }


def write_compressed_tensors(
    folder: Path,
    *,
    group: int,
    symmetric: bool = True,
    scale_dtype: torch.dtype = torch.bfloat16,
    scale_factor: float = 1.0,
    experts_only: bool = False,
) -> dict[str, torch.Tensor]:
    """Packs all linears but those of `KEPT`; returns what the library makes of them again, float32, by name."""
    _, tensors, config = _released(folder)
    arguments = QuantizationArgs(
        num_bits=4, type="int", symmetric=symmetric, strategy="group", group_size=group
    )
    scheme = QuantizationScheme(targets=["Linear"], weights=arguments)
    stored, dense = {}, {}
    for name, weight in tensors.items():
        if any(part in name for part in KEPT) or (experts_only and ".experts." not in name):
            stored[name] = dense[name] = weight
            continue
        groups = weight.unflatten(-1, (-1, group))
        if symmetric:
            scale, zero = groups.abs().amax(-1) / 7.5, torch.zeros(groups.shape[:2])
        else:
            low, high = groups.amin(-1).clamp(max=0), groups.amax(-1).clamp(min=0)
            scale = (high - low) / 15
            zero = (-8 - low / scale).round().clamp(-8, 7)
        state = {
            "weight": weight,
            "weight_scale": (scale * scale_factor).to(scale_dtype),
            "weight_zero_point": zero.to(torch.int8),
        }
        packed = PackedQuantizationCompressor.compress(state, scheme)
        module = name.removesuffix("weight")
        stored |= {module + part: tensor for part, tensor in packed.items()}
        # In float32, since the library would round to the scale's own type.
        again = {part: tensor.clone() for part, tensor in packed.items()}
        again["weight_scale"] = again["weight_scale"].float()
        dense[name] = PackedQuantizationCompressor.decompress(again, scheme)["weight"].float()
    _finish(folder, stored, config, _packed_by_the_library(group, symmetric))
    return dense


def write_stacked_experts(folder: Path, *, group: int, symmetric: bool) -> dict[str, torch.Tensor]:
    """A GraniteMoE folder whose experts are stacked, every slice packed as a matrix; all else as it is.

    Returns:
        The experts' weights, float32, value by value, by name.
    """
    sizes = {"hidden_size": 64, "intermediate_size": 32, "num_local_experts": 4, "num_experts_per_tok": 2}
    model = make_model("GraniteMoe", vocab_size=288, **sizes)
    model.save_pretrained(folder, save_original_format=True)
    stored, dense = load_file(folder / "model.safetensors"), {}
    rng = np.random.default_rng(1)
    for name in [name for name in stored if name.endswith("put_linear.weight")]:
        shape = stored.pop(name).shape
        q = rng.integers(-8, 8, shape)
        zero = np.zeros((*shape[:-1], shape[-1] // group), np.int64)
        if not symmetric:
            zero = rng.integers(-8, 8, zero.shape)
        scale = rng.uniform(0.01, 0.05, zero.shape).astype(np.float16)
        values = np.zeros(shape)
        for place in np.ndindex(*shape):
            of_group = (*place[:-1], place[-1] // group)
            values[place] = (q[place] - zero[of_group]) * float(scale[of_group])
        dense[name] = torch.from_numpy(values).float()
        module = name.removesuffix("weight")
        stored |= {
            f"{module}weight_packed": pack_to_int32(torch.from_numpy(q).to(torch.int8), 4),
            f"{module}weight_scale": torch.from_numpy(scale),
            f"{module}weight_shape": torch.tensor(shape),
        }
        if not symmetric:
            packed = pack_to_int32(torch.from_numpy(zero).to(torch.int8), 4, packed_dim=0)
            stored[f"{module}weight_zero_point"] = packed.contiguous()
    config = json.loads((folder / "config.json").read_text())
    _finish(folder, stored, config, _packed_by_the_library(group, symmetric))
    return dense


def write_gptq(
    folder: Path, *, group: int, symmetric: bool, version: str = "gptq", key: str = "checkpoint_format"
) -> dict[str, torch.Tensor]:
    """The same in GPTQ's layout, word by word and nibble by nibble; the weights are float64 loops' products."""
    _, tensors, config = _released(folder)
    stored, dense = {}, {}
    rng = np.random.default_rng(0)
    for name, weight in tensors.items():
        if any(part in name for part in KEPT):
            stored[name] = dense[name] = weight
            continue
        outputs, inputs = weight.shape
        nibbles = rng.integers(0, 16, (inputs, outputs))
        zeros = (
            np.full((inputs // group, outputs), 8)
            if symmetric
            else rng.integers(0, 16, (inputs // group, outputs))
        )
        scale = rng.uniform(0.01, 0.05, zeros.shape).astype(np.float16)
        qweight = np.zeros((inputs // 8, outputs), np.uint32)
        for i in range(inputs):
            qweight[i // 8] |= nibbles[i].astype(np.uint32) << np.uint32(4 * (i % 8))
        qzeros = np.zeros((inputs // group, outputs // 8), np.uint32)
        for o in range(outputs):
            qzeros[:, o // 8] |= zeros[:, o].astype(np.uint32) << np.uint32(4 * (o % 8))
        if version == "gptq":
            qzeros -= np.uint32(0x11111111)  # from the word: below a zero of 0 the next nibble lends
        values = np.zeros((outputs, inputs))
        for i in range(inputs):
            values[:, i] = (nibbles[i] - zeros[i // group]) * scale[i // group].astype(np.float64)
        module = name.removesuffix("weight")
        stored |= {
            f"{module}qweight": torch.from_numpy(qweight.view(np.int32)),
            f"{module}qzeros": torch.from_numpy(qzeros.view(np.int32)),
            f"{module}scales": torch.from_numpy(scale),
            f"{module}g_idx": torch.arange(inputs, dtype=torch.int32) // group,
        }
        dense[name] = torch.from_numpy(values).float()
    quantization = {
        "quant_method": "gptq",
        "bits": 4,
        "group_size": group,
        "desc_act": False,
        "sym": symmetric,
        key: version,
    }
    _finish(folder, stored, config, quantization)
    return dense


def write_torchao(
    folder: Path, *, group: int, symmetric: bool = True, int8_table: bool = False
) -> dict[str, torch.Tensor]:
    """Quantises all linears but those of `KEPT` by torchao; returns what it makes of them again, float32, by name.

    Args:
        folder: Where to write.
        group: Inputs that share a scale.
        symmetric: Whether zero points are 0.
        int8_table: Whether the embedding's rows are int8, as recipes for phones have them.
    """
    _, tensors, config = _released(folder)
    mapping = MappingType.SYMMETRIC if symmetric else MappingType.ASYMMETRIC
    linears = Int8DynamicActivationIntxWeightConfig(
        weight_dtype=torch.int4, weight_granularity=PerGroup(group), weight_mapping_type=mapping
    )
    rows = IntxWeightOnlyConfig(weight_dtype=torch.int8, granularity=PerAxis(0))
    stored, dense = {}, {}
    for name, weight in tensors.items():
        recipe = linears
        if any(part in name for part in KEPT):
            stored[name] = dense[name] = weight.bfloat16()
            if not (int8_table and "embed_tokens" in name):
                continue
            recipe = rows
        module = torch.nn.Linear(weight.shape[1], weight.shape[0], bias=False, dtype=torch.bfloat16)
        module.weight = torch.nn.Parameter(weight.bfloat16())
        quantize_(module, recipe)
        stored[name] = module.weight.data
        # In float32, since the library would round to the scale's own type.
        dense[name] = IntxUnpackedToInt8Tensor(
            module.weight.qdata, module.weight.scale.float(), module.weight.zero_point,
            module.weight.target_dtype, module.weight.block_size, torch.float32, None,
        ).dequantize()  # fmt: skip
    flat, metadata = flatten_tensor_state_dict(stored)
    save_file(
        {name: tensor.contiguous() for name, tensor in flat.items()}, folder / "model.safetensors", metadata
    )
    described = config_to_dict(linears)
    if int8_table:
        with warnings.catch_warnings():  # "_default" is going out of use, and is what released files have
            warnings.simplefilter("ignore")
            described = config_to_dict(FqnToConfig({"_default": linears, "model.embed_tokens": rows}))
    quantization = {"quant_method": "torchao", "quant_type": {"default": described}}
    (folder / "config.json").write_text(json.dumps(config | {"quantization_config": quantization}))
    write_tokenizer(folder)
    return dense
