"""Recorded selections against a sort in float64."""

from pathlib import Path

import numpy as np
import torch

from mmoe.checkpoints.checkpoint import open_checkpoint
from mmoe.export.verify.routing import recorded_routing
from mmoe.models.architectures.description import Routing
from mmoe.models.decoder import build_decoder
from mmoe.models.functional import route
from mmoe.models.reference import REFERENCE
from tests.support.checkpoints import write_checkpoint


def test_selection_and_margin_are_those_of_a_sort() -> None:
    generator = torch.Generator().manual_seed(4)
    x, router = torch.randn(50, 32, generator=generator), torch.randn(7, 32, generator=generator)
    bias = torch.randn(7, generator=generator) * 0.2
    experts, weights, margins = route(
        x, router, bias, Routing(top_k=3, norm_topk_prob=True, routed_scaling_factor=2.0)
    )
    scores = 1 / (1 + np.exp(-(x.double().numpy() @ router.double().numpy().T)))
    for token in range(50):
        biased = scores[token] + bias.double().numpy()
        order = np.argsort(-biased, kind="stable")
        assert experts[token].tolist() == order[:3].tolist()
        np.testing.assert_allclose(margins[token], biased[order[2]] - biased[order[3]], atol=1e-6)
        chosen = scores[token][order[:3]]
        np.testing.assert_allclose(weights[token], 2 * chosen / chosen.sum(), rtol=1e-5)


def test_ties_go_to_the_lower_expert() -> None:
    router = torch.zeros(5, 4)
    experts, _, margins = route(
        torch.ones(2, 4),
        router,
        torch.zeros(5),
        Routing(top_k=2, norm_topk_prob=True, routed_scaling_factor=1.0),
    )
    assert experts.tolist() == [[0, 1], [0, 1]]
    assert margins.tolist() == [0.0, 0.0]


def test_every_moe_layer_and_call_is_recorded(tmp_path: Path) -> None:
    folder = write_checkpoint(
        tmp_path / "checkpoint", {"num_hidden_layers": 4, "interleave_moe_layer_step": 2}
    )
    decoder = build_decoder(open_checkpoint(folder), REFERENCE, max_context_len=8)
    tokens, start = torch.tensor([[3, 4, 5]]), torch.zeros(1, dtype=torch.int64)
    with torch.no_grad():
        with recorded_routing(decoder) as first:
            decoder.all_logits(tokens, start)
            decoder.all_logits(tokens[:, :2], start)
        decoder.all_logits(tokens, start)  # after the block: not recorded
        with recorded_routing(decoder) as second:
            decoder.all_logits(tokens.flip(1), start)
            decoder.all_logits(tokens[:, :2], start)
    assert {layer: [len(call) for call in calls] for layer, calls in first.experts.items()} == {
        1: [3, 2],
        3: [3, 2],
    }
    flips = first.flips_of(second)
    assert flips.decisions == 10
    assert first.flips_of(first).flipped_decisions == 0
    assert 0 < flips.flipped_decisions <= 6
