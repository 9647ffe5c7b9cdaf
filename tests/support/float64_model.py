"""The architecture once more, written from its description as plain float64 NumPy loops: the oracle of the model tests.

Nothing here is shared with the package: not the nibble codec, not the RoPE, not the routing.
"""

import json
import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import safe_open

Array = npt.NDArray[np.float64]


def unpack(qweight: npt.NDArray[np.uint8], scale: npt.NDArray[np.float16]) -> Array:
    """Dequantises packed nibbles whose groups of 32 run along the last dimension."""
    values = np.empty((*qweight.shape[:-1], qweight.shape[-1] * 2))
    low, high = qweight & 15, qweight >> 4
    values[..., 0::2] = np.where(low > 7, low.astype(int) - 16, low)
    values[..., 1::2] = np.where(high > 7, high.astype(int) - 16, high)
    return values * np.repeat(scale.astype(np.float64), 32, axis=-1)


class Float64Model:
    """A whole checkpoint in float64; computes the logits of a text from scratch, without a cache."""

    def __init__(self, folder: Path) -> None:
        self.config = json.loads((folder / "config.json").read_text())
        self.tensors: dict[str, npt.NDArray[np.generic]] = {}
        for shard in sorted(folder.glob("*.safetensors")):
            with safe_open(shard, framework="pt") as file:
                for name in file.keys():  # noqa: SIM118 - safe_open is not a mapping
                    tensor = file.get_tensor(name)
                    exact = tensor if tensor.dtype.itemsize == 1 or "scale" in name else tensor.double()
                    self.tensors[name] = exact.numpy()

    def logits(self, tokens: list[int]) -> Array:
        """Logits of every position: ``[T, V]``."""
        table = self.matrix("model.embed_tokens.qweight", "model.embed_tokens.weight_scale")
        x = table[tokens]
        for layer in range(self.config["num_hidden_layers"]):
            prefix = f"model.layers.{layer}"
            x = x + self.attention(f"{prefix}.self_attn", layer, self.norm(f"{prefix}.input_layernorm", x))
            h = self.norm(f"{prefix}.post_attention_layernorm", x)
            x = x + self.feed_forward(f"{prefix}.feed_forward", layer, h)
        return self.norm("model.norm", x) @ table.T

    def matrix(self, qweight: str, scale: str) -> Array:
        return unpack(self.tensors[qweight], self.tensors[scale])  # type: ignore[arg-type]

    def linear(self, name: str, x: Array) -> Array:
        return x @ self.matrix(f"{name}.qweight", f"{name}.weight_scale").T

    def norm(self, name: str, x: Array) -> Array:
        weight = self.tensors[f"{name}.weight"].astype(np.float64)
        return x / np.sqrt((x**2).mean(-1, keepdims=True) + self.config["rms_norm_eps"]) * weight

    def frequency(self, pair: int) -> float:
        """Radians per position of a pair, stretched where its wavelength exceeds the original context."""
        frequency: float = self.config["rope_theta"] ** (-2 * pair / self.config["head_dim"])
        scaling = self.config["rope_scaling"]
        if scaling is None:
            return frequency
        wavelength = 2 * math.pi / frequency
        context = scaling["original_max_position_embeddings"]
        low, high = scaling["low_freq_factor"], scaling["high_freq_factor"]
        if wavelength < context / high:
            return frequency
        if wavelength > context / low or low == high:
            return frequency / scaling["factor"]
        smooth = (context / wavelength - low) / (high - low)
        return (1 - smooth) * frequency / scaling["factor"] + smooth * frequency

    def heads(self, x: Array, layer: int, *, position_dependent: bool) -> Array:
        """``[T, heads * D]`` -> ``[T, heads, D]``, rotated and normalised if this layer does that."""
        head_dim = self.config["head_dim"]
        out = x.reshape(x.shape[0], -1, head_dim).copy()
        if not position_dependent or not self.config["no_rope_layers"][layer]:
            return out
        for position in range(out.shape[0]):
            for pair in range(head_dim // 2):
                angle = position * self.frequency(pair)
                a, b = out[position, :, 2 * pair].copy(), out[position, :, 2 * pair + 1].copy()
                out[position, :, 2 * pair] = a * math.cos(angle) - b * math.sin(angle)
                out[position, :, 2 * pair + 1] = a * math.sin(angle) + b * math.cos(angle)
        if self.config["use_qk_norm"]:
            out /= np.sqrt((out**2).mean(-1, keepdims=True) + self.config["rms_norm_eps"])
        return out

    def attention(self, name: str, layer: int, x: Array) -> Array:
        q = self.heads(self.linear(f"{name}.q_proj", x), layer, position_dependent=True)
        k = self.heads(self.linear(f"{name}.k_proj", x), layer, position_dependent=True)
        v = self.heads(self.linear(f"{name}.v_proj", x), layer, position_dependent=False)
        shared = q.shape[1] // k.shape[1]
        windowed = self.config["layer_types"][layer] == "sliding_attention"
        out = np.zeros_like(q)
        for token in range(q.shape[0]):
            for head in range(q.shape[1]):
                oldest = max(0, token - self.config["sliding_window"] + 1) if windowed else 0
                keys, values = (x[oldest : token + 1, head // shared] for x in (k, v))
                scores = keys @ q[token, head] / math.sqrt(self.config["head_dim"])
                weights = np.exp(scores - scores.max())
                out[token, head] = weights / weights.sum() @ values
        return self.linear(f"{name}.o_proj", out.reshape(x.shape[0], -1))

    def swiglu(self, name: str, x: Array) -> Array:
        gate = self.linear(f"{name}.gate_proj", x)
        return self.linear(
            f"{name}.down_proj", gate / (1 + np.exp(-gate)) * self.linear(f"{name}.up_proj", x)
        )

    def feed_forward(self, name: str, layer: int, x: Array) -> Array:
        is_dense = self.config["architectures"] == ["MobileLLMP1ForCausalLM"]
        if is_dense or (layer + 1) % self.config["interleave_moe_layer_step"]:
            return self.swiglu(name, x)
        gate_up = self.matrix(f"{name}.experts.gate_up_qweight", f"{name}.experts.gate_up_scale")
        down = self.matrix(f"{name}.experts.down_qweight", f"{name}.experts.down_scale")
        router, bias = self.tensors[f"{name}.router.weight"], self.tensors[f"{name}.expert_bias"]
        width, top_k = self.config["intermediate_size"], self.config["num_experts_per_tok"]
        out = self.swiglu(f"{name}.shared_expert", x)
        for token in range(x.shape[0]):
            scores = 1 / (1 + np.exp(-(router @ x[token])))
            chosen = sorted(range(len(scores)), key=lambda e: (-(scores[e] + bias[e]), e))[:top_k]
            total = sum(scores[e] for e in chosen) + 1e-20 if self.config["norm_topk_prob"] else 1.0
            for expert in chosen:
                z = x[token] @ gate_up[expert]
                gate, up = z[:width], z[width:]
                y = (gate / (1 + np.exp(-gate)) * up) @ down[expert]
                out[token] += y * scores[expert] / total * self.config["routed_scaling_factor"]
        return out
