"""The architecture of the bundled model: MobileMoE-S's proportions at a quarter of its width."""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class ModelShape:
    """Sizes and constants, named as in `config.json`; every width is a multiple of the quantisation group, 32."""

    vocab_size: int = 2048
    hidden_size: int = 192
    num_hidden_layers: int = 5
    num_attention_heads: int = 6
    num_key_value_heads: int = 2
    head_dim: int = 32
    num_local_experts: int = 16
    num_experts_per_tok: int = 4
    intermediate_size: int = 96
    intermediate_size_mlp: int = 384
    max_position_embeddings: int = 512
    rms_norm_eps: float = 1e-5
    routed_scaling_factor: float = 2.5
    rope_theta: float = 10000.0
    rope_factor: float = 16.0

    def rope_frequencies(self) -> Tensor:
        """Radians per position, float32 ``[head_dim / 2]``.

        Frequencies whose wavelength reaches `max_position_embeddings` are divided by `rope_factor`, at every
        position: the "llama3" scaling rule with equal low and high frequency factors, so without a band between.
        """
        exponents = torch.arange(0, self.head_dim, 2, dtype=torch.float64) / self.head_dim
        frequencies = self.rope_theta**-exponents
        short = 2 * math.pi / frequencies < self.max_position_embeddings
        return torch.where(short, frequencies, frequencies / self.rope_factor).float()

    def config_json(self, *, bos_token_id: int, eos_token_ids: list[int]) -> dict[str, Any]:
        """The `config.json` of the packed checkpoint, with the key names of the released ones."""
        layers = self.num_hidden_layers
        return {
            "architectures": ["MobileMoEForCausalLM"],
            "model_type": "mobilemoe",
            "vocab_size": self.vocab_size,
            "hidden_size": self.hidden_size,
            "intermediate_size": self.intermediate_size,
            "intermediate_size_mlp": self.intermediate_size_mlp,
            "num_hidden_layers": layers,
            "num_attention_heads": self.num_attention_heads,
            "num_key_value_heads": self.num_key_value_heads,
            "head_dim": self.head_dim,
            "hidden_act": "silu",
            "max_position_embeddings": self.max_position_embeddings,
            "rms_norm_eps": self.rms_norm_eps,
            "rope_theta": self.rope_theta,
            "rope_scaling": {
                "rope_type": "llama3",
                "factor": self.rope_factor,
                "original_max_position_embeddings": self.max_position_embeddings,
                "low_freq_factor": 1.0,
                "high_freq_factor": 1.0,
            },
            "num_local_experts": self.num_local_experts,
            "num_experts_per_tok": self.num_experts_per_tok,
            "interleave_moe_layer_step": 1,
            "no_rope_layers": [1] * layers,
            "layer_types": ["full_attention"] * layers,
            "use_qk_norm": True,
            "attn_temperature_tuning": False,
            "attention_bias": False,
            "tie_word_embeddings": True,
            "norm_topk_prob": True,
            "routed_scaling_factor": self.routed_scaling_factor,
            "bos_token_id": bos_token_id,
            "eos_token_id": eos_token_ids,
            "quantization": {
                "format": "mobilemoe-int4-g32",
                "group_size": 32,
                "embedding_group_size": 32,
                "qmin": -8,
                "qmax": 7,
                "symmetric": True,
                "packed": True,
                "scale_dtype": "float16",
                "linear_group_axis": "in (last dim of [out, in])",
                "expert_group_axis": "out (last dim of [E, in, out])",
            },
        }
