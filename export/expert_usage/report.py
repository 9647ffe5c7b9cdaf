"""What a profile found."""

from __future__ import annotations

from dataclasses import dataclass

from mmoe.export.expert_usage.expert_cache import CachePoint
from mmoe.export.expert_usage.usage import LayerUsage


@dataclass(frozen=True, kw_only=True)
class Residency:
    """Resident pages of files, bytes: predicted from the routing, and measured after the text ran.

    Attributes:
        expert_bytes: Of the experts that the prefill used, without the rest of their pages.
        predicted_model: Of all windows of 64 KB of `model.pte` that hold something that was read.
        predicted: That and the code of the process, taken from another process that ran a short text (RssFile).
        measured_model: Of `model.pte`, by /proc/PID/smaps.
        measured: RssFile.
        anonymous: RssAnon: KV cache, activations, heap.
        peak: The most that was resident at once (VmHWM), of both kinds.
    """

    expert_bytes: int
    predicted_model: int
    predicted: int
    measured_model: int
    measured: int
    anonymous: int
    peak: int

    @property
    def error(self) -> float:
        """Prediction over measurement of RssFile, minus 1."""
        return self.predicted / self.measured - 1


@dataclass(frozen=True, kw_only=True)
class TextProfile:
    """What one kind of text did.

    Attributes:
        kind: "real" or "templated".
        source: Where the text is from.
        prompts: How many.
        tokens: Of all of them.
        seen: Numbers of tokens at which unique experts were counted.
        layers: By MoE layer.
        residency: In memory.
        cache: Hit rates of a least-recently-used cache of experts, by its size.
    """

    kind: str
    source: str
    prompts: int
    tokens: int
    seen: tuple[int, ...]
    layers: tuple[LayerUsage, ...]
    residency: Residency
    cache: tuple[CachePoint, ...]

    @property
    def used_experts(self) -> int:
        """(layer, expert) pairs that were used."""
        return sum(layer.unique[-1] for layer in self.layers)


@dataclass(frozen=True, kw_only=True)
class UsageProfile:
    """A profile of an artifact: real text, then templated text.

    Attributes:
        name: The artifact's folder.
        num_experts: Routed experts of a layer.
        top_k: Experts per token.
        expert_bytes: Size of one expert.
        model_bytes: Size of `model.pte`.
        context: Tokens that the KV cache holds.
        threads: Of the runtime.
        texts: One profile each.
    """

    name: str
    num_experts: int
    top_k: int
    expert_bytes: int
    model_bytes: int
    context: int
    threads: int
    texts: tuple[TextProfile, ...]
