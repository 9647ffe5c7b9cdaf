"""Models grown from the bundled one: they compute nearly what it computes, from its very integers."""

import json

import pytest
import torch

from mmoe.checkpoints.checkpoint import Checkpoint, open_checkpoint
from mmoe.checkpoints.tokenizer import load_tokenizer
from mmoe.export.demo.bundled import bundled_checkpoint
from mmoe.export.synthesize.growth import can_grow
from mmoe.export.synthesize.sizes import ModelSize, released_config, with_layers
from mmoe.export.synthesize.synthesize import synthesize
from mmoe.export.verify.routing import recorded_routing
from mmoe.export.verify.text import bundled_text
from mmoe.models.architectures.registry import parse_config
from mmoe.models.decoder import build_decoder
from mmoe.models.reference import REFERENCE
from mmoe.quant.int4 import unpack_nibbles

TOKENS = 256


@pytest.fixture(scope="module")
def trained() -> Checkpoint:
    return open_checkpoint(bundled_checkpoint())


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    """Widths that are no multiples of the trained ones, more of everything, and copies of layers."""
    folder = tmp_path_factory.mktemp("grown")
    config = with_layers(released_config(ModelSize.S), 7) | {
        "vocab_size": 4096,
        "hidden_size": 320,
        "intermediate_size": 128,
        "intermediate_size_mlp": 512,
        "max_position_embeddings": 512,
        "bos_token_id": 3840,
        "eos_token_id": [3841, 3848],
    }
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return synthesize(str(folder), folder / "checkpoint", seed=1)


def nll_and_loads(checkpoint: Checkpoint) -> tuple[float, list[torch.Tensor]]:
    """Mean negative log-likelihood of held-out text, and how often each expert of each layer is taken."""
    ids = load_tokenizer(checkpoint.folder, checkpoint.config).encode(bundled_text().content)[:TOKENS]
    decoder = build_decoder(checkpoint, REFERENCE, max_context_len=TOKENS)
    with torch.no_grad(), recorded_routing(decoder) as record:
        logits = decoder.all_logits(torch.tensor([ids]), torch.tensor([0]))[0, :-1]
    nll = torch.nn.functional.cross_entropy(logits, torch.tensor(ids[1:]))
    experts = checkpoint.config.expert_blocks[0].num_experts
    loads = [
        torch.bincount(torch.cat(chosen).flatten(), minlength=experts) for chosen in record.experts.values()
    ]
    return float(nll), loads


@pytest.mark.slow
def test_a_grown_model_predicts_text_as_the_trained_one_does(trained: Checkpoint, grown: Checkpoint) -> None:
    small, _ = nll_and_loads(trained)
    large, loads = nll_and_loads(grown)
    # RoPE turns at other speeds and layers have quiet copies, hence not equal; a model that knows nothing has 8.3.
    assert large == pytest.approx(small, abs=0.3)
    for load in loads:
        assert int((load > 0).sum()) > 40  # of 60: copies of experts are used, too
        assert float(load.max() / load.double().mean()) < 5


def test_integers_are_the_trained_ones(trained: Checkpoint, grown: Checkpoint) -> None:
    name = "feed_forward.experts.down_qweight"
    columns = {
        column.numpy().tobytes()
        for column in unpack_nibbles(trained.tensor(f"model.layers.0.{name}")).view(-1, 6, 32).flatten(0, 1)
    }
    made = unpack_nibbles(grown.tensor(f"model.layers.0.{name}")[7]).view(-1, 10, 32)
    assert not made[:, -1].any()  # nothing writes the codes
    assert {group.numpy().tobytes() for group in made[:, :-1].flatten(0, 1)} <= columns


@pytest.mark.parametrize("size", list(ModelSize))
def test_released_sizes_are_grown(trained: Checkpoint, size: ModelSize) -> None:
    config = parse_config(released_config(size), where=size)
    assert can_grow(trained.config, config)


def test_no_matrix_of_a_layer_is_another_layers(grown: Checkpoint) -> None:
    """A program stores equal constants once, and would be smaller than one of a model that was trained."""
    for projection in ("q_proj", "k_proj", "o_proj"):
        matrices = {
            grown.tensor(f"model.layers.{layer}.self_attn.{projection}.qweight").numpy().tobytes()
            for layer in range(7)
        }
        assert len(matrices) == 7
