"""Watches which experts a decoder selects."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from mmoe.export.artifact.verification.measurements import RouterFlips
from mmoe.export.verify.router_flips import layer_flips, router_flips
from mmoe.models.architectures.description import Routing
from mmoe.models.decoder import Decoder, DecoderLayer
from mmoe.models.feed_forward import MixtureOfExperts
from mmoe.models.functional import route


class _Router(Protocol):
    router_weight: Tensor
    expert_bias: Tensor
    routing: Routing


@dataclass
class RoutingRecord:
    """Selections of all MoE layers over the calls that were watched.

    Attributes:
        experts: By decoder layer, int64 ``[T, top_k]`` of each call.
        margins: By decoder layer, float32 ``[T]`` of each call, see `functional.route`.
    """

    experts: dict[int, list[Tensor]] = field(default_factory=dict)
    margins: dict[int, list[Tensor]] = field(default_factory=dict)

    def margins_by_layer(self, tokens: int) -> npt.NDArray[np.float32]:
        """Margins of all `tokens` tokens over all calls, ``[MoE layers, T]``."""
        margins: npt.NDArray[np.float32] = np.empty((len(self.margins), tokens), np.float32)
        for row, calls in zip(margins, self.margins.values(), strict=True):
            row[:] = torch.cat(calls).numpy()
        return margins

    def flips_of(self, other: "RoutingRecord") -> RouterFlips:
        """Counts where `other`, over the same tokens, selected other experts than this record."""
        return router_flips(
            [
                layer_flips(
                    layer,
                    torch.cat(selected).numpy(),
                    torch.cat(other.experts[layer]).numpy(),
                    torch.cat(self.margins[layer]).numpy().astype(np.float64),
                )
                for layer, selected in self.experts.items()
            ]
        )


@contextmanager
def recorded_routing(decoder: Decoder) -> Iterator[RoutingRecord]:
    """Records the selections of every call of `decoder` within the block."""
    record = RoutingRecord()
    handles = []
    for index, layer in enumerate(decoder.layers):
        feed_forward = cast(DecoderLayer, layer).feed_forward
        if isinstance(feed_forward, MixtureOfExperts):
            record.experts[index], record.margins[index] = [], []

            def watch(module: nn.Module, arguments: tuple[Tensor], index: int = index) -> None:
                router = cast(_Router, module)
                tokens = arguments[0].flatten(0, 1).float()
                experts, _, margins = route(tokens, router.router_weight, router.expert_bias, router.routing)
                record.experts[index].append(experts)
                record.margins[index].append(margins)

            handles.append(feed_forward.routed.register_forward_pre_hook(watch))
    try:
        yield record
    finally:
        for handle in handles:
            handle.remove()
