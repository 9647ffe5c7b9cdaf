"""Made-up checkpoints: format, determinism, statistics, routing and the tokenizer."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from mmoe.checkpoints.checkpoint import Checkpoint, open_checkpoint
from mmoe.checkpoints.errors import CheckpointError
from mmoe.checkpoints.inventory import expected_tensors
from mmoe.checkpoints.tokenizer import Message, load_tokenizer
from mmoe.export.demo.bundled import bundled_checkpoint
from mmoe.export.synthesize.sizes import ModelSize, read_size, released_config
from mmoe.export.synthesize.synthesize import synthesize
from mmoe.export.verify.routing import recorded_routing
from mmoe.export.verify.text import bundled_text
from mmoe.models.architectures.registry import parse_config
from mmoe.models.decoder import build_decoder
from mmoe.models.errors import ConfigError
from mmoe.models.reference import REFERENCE
from mmoe.quant.int4 import unpack_nibbles
from mmoe.runtime_bindings.python.errors import OptionError
from tests.support.checkpoints import checkpoint_config

# Large enough for statistics and small enough for a test.
MEDIUM = {
    "vocab_size": 4096,
    "hidden_size": 256,
    "intermediate_size": 64,
    "intermediate_size_mlp": 256,
    "num_hidden_layers": 6,
    "head_dim": 32,
    "max_position_embeddings": 512,
    "num_local_experts": 60,
    "num_experts_per_tok": 4,
    "bos_token_id": 3840,
    "eos_token_id": [3841, 3848],
}


def write_config(folder: Path, overrides: dict[str, object] | None = None) -> str:
    path = folder / "source.json"
    path.write_text(json.dumps(checkpoint_config(overrides)), encoding="utf-8")
    return str(path)


@pytest.fixture(scope="module")
def medium(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    folder = tmp_path_factory.mktemp("medium")
    return synthesize(write_config(folder, MEDIUM), folder / "checkpoint")


def files_of(folder: Path) -> Iterator[tuple[str, bytes]]:
    return ((path.name, path.read_bytes()) for path in sorted(folder.iterdir()))


# Totals from the published models: 1,263,374,256 parameters of S, packed bytes of all three.
@pytest.mark.parametrize(
    ("size", "packed_bytes"),
    [(ModelSize.S, 713_863_008), (ModelSize.M, 1_590_916_144), (ModelSize.L, 3_004_279_040)],
)
def test_sizes_are_the_released_ones(size: ModelSize, packed_bytes: int) -> None:
    config = parse_config(released_config(size), where=size)
    assert sum(spec.num_bytes for spec in expected_tensors(config).values()) == packed_bytes
    assert (config.vocab_size, config.max_position_embeddings) == (128256, 8192)


def test_checkpoint_opens_with_sound_values_and_says_that_it_is_synthetic(tmp_path: Path) -> None:
    checkpoint = synthesize(write_config(tmp_path), tmp_path / "checkpoint", seed=3)
    checkpoint.check_values()
    config = json.loads((checkpoint.folder / "config.json").read_text(encoding="utf-8"))
    assert config["synthetic"]["seed"] == 3
    assert "(seed 3)" in (checkpoint.folder / "README.md").read_text(encoding="utf-8")


def test_same_seed_same_bytes_and_another_seed_other_tensors(tmp_path: Path) -> None:
    source = write_config(tmp_path)
    first, second, other = (
        synthesize(source, tmp_path / name, seed=seed).folder for name, seed in (("a", 5), ("b", 5), ("c", 6))
    )
    assert dict(files_of(first)) == dict(files_of(second))
    name = "model.layers.1.feed_forward.experts.down_qweight"
    assert not torch.equal(open_checkpoint(first).tensor(name), open_checkpoint(other).tensor(name))


def test_layers_are_cut(tmp_path: Path) -> None:
    checkpoint = synthesize(write_config(tmp_path), tmp_path / "checkpoint", layers=1)
    assert checkpoint.config.num_hidden_layers == 1
    assert not any(".layers.1." in name for name in checkpoint.specs)


def test_dense_layers_are_made_too(tmp_path: Path) -> None:
    source = write_config(tmp_path, {"interleave_moe_layer_step": 2})
    checkpoint = synthesize(source, tmp_path / "checkpoint")
    assert "model.layers.0.feed_forward.up_proj.qweight" in checkpoint.specs
    checkpoint.check_values()


def test_statistics_are_the_trained_ones(medium: Checkpoint) -> None:
    trained = open_checkpoint(bundled_checkpoint())
    name = "model.layers.0.feed_forward.experts.gate_up"
    made, real = (
        np.bincount(unpack_nibbles(each.tensor(f"{name}_qweight")).numpy().ravel() + 8, minlength=16)
        for each in (medium, trained)
    )
    np.testing.assert_allclose(made / made.sum(), real / real.sum(), atol=2e-3)
    made_log, real_log = (each.tensor(f"{name}_scale").double().log() for each in (medium, trained))
    assert float(made_log.std()) == pytest.approx(float(real_log.std()), rel=0.05)
    # 256 inputs instead of 192: smaller weights, so that outputs keep their size.
    assert float((made_log.mean() - real_log.mean()).exp()) == pytest.approx((192 / 256) ** 0.5, rel=0.01)


def test_experts_differ(medium: Checkpoint) -> None:
    experts = medium.tensor("model.layers.2.feed_forward.experts.down_qweight").flatten(1)
    assert experts.unique(dim=0).shape[0] == 60


def test_routing_is_skewed_but_balanced_and_logits_are_sane(medium: Checkpoint) -> None:
    tokenizer = load_tokenizer(medium.folder, medium.config)
    ids = tokenizer.encode(bundled_text().content)[:400]
    decoder = build_decoder(medium, REFERENCE, max_context_len=400)
    with torch.no_grad(), recorded_routing(decoder) as record:
        logits = decoder.all_logits(torch.tensor([ids]), torch.tensor([0]))[0]
    for selections in record.experts.values():
        load = torch.bincount(torch.cat(selections).flatten(), minlength=60).double()
        variation = float(load.std() / load.mean())
        # Uniform routing would show 0.19 on so many tokens; one group of experts for all tokens, 3.7.
        assert 0.25 < variation < 1.2
    entropy = -(logits.softmax(-1) * logits.log_softmax(-1)).sum(-1).mean()
    assert 0.5 < entropy < 7.5  # of ln 4096 = 8.3
    assert len(logits.argmax(-1).unique()) > 40


def test_tokenizer_has_every_id_and_puts_specials_where_the_config_says(medium: Checkpoint) -> None:
    tokenizer = load_tokenizer(medium.folder, medium.config)
    assert (tokenizer.vocab_size, tokenizer.bos_id) == (4096, 3840)
    assert tokenizer.stop_ids == {3841, 3848}
    ids = tokenizer.encode("In the beginning")
    assert ids[0] == 3840
    assert tokenizer.decode(ids) == "In the beginning"
    # The merges are the bundled ones, and no filler is ever produced.
    bundled = open_checkpoint(bundled_checkpoint())
    assert ids[1:] == load_tokenizer(bundled.folder, bundled.config).encode("In the beginning")[1:]
    chat = tokenizer.encode_chat([Message("user", "Hello")])
    assert chat[0] == 3840
    assert chat.count(3848) == 1
    texts = [tokenizer.decode([token], skip_special_tokens=False) for token in range(256, 4096)]
    assert len(set(texts)) == len(texts)


def test_tokenizer_of_the_smallest_vocabulary(tmp_path: Path) -> None:
    source = write_config(tmp_path, {"vocab_size": 265, "bos_token_id": None, "eos_token_id": [257, 264]})
    checkpoint = synthesize(source, tmp_path / "checkpoint")
    tokenizer = load_tokenizer(checkpoint.folder, checkpoint.config)
    assert (tokenizer.vocab_size, tokenizer.bos_id) == (265, 256)
    assert tokenizer.decode(tokenizer.encode("häß")) == "häß"


@pytest.mark.parametrize(
    ("size", "error", "message"),
    [
        ("XL", OptionError, r"size is 'XL': it must be S, M, L, .*-A3B or the path of a config\.json"),
        ({"vocab_size": 260, "bos_token_id": 0}, OptionError, "vocab_size is 260"),
        ({"bos_token_id": 315}, OptionError, "bos_token_id 315"),
        ({"hidden_act": "gelu"}, ConfigError, "hidden_act"),
    ],
)
def test_refused(tmp_path: Path, size: object, error: type[Exception], message: str) -> None:
    source = write_config(tmp_path, size) if isinstance(size, dict) else str(size)
    with pytest.raises(error, match=message):
        synthesize(source, tmp_path / "checkpoint")
    assert not list(tmp_path.glob("*checkpoint*"))


def test_only_synthetic_checkpoints_are_replaced(tmp_path: Path) -> None:
    source = write_config(tmp_path)
    folder = tmp_path / "checkpoint"
    synthesize(source, folder)
    with pytest.raises(CheckpointError, match="is there already; choose another folder, or overwrite"):
        synthesize(source, folder, seed=1)
    assert synthesize(source, folder, seed=1, overwrite=True).folder == folder
    (folder / "config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(CheckpointError, match="only synthetic checkpoints are replaced"):
        synthesize(source, folder, overwrite=True)


def test_an_interrupted_run_leaves_nothing(tmp_path: Path) -> None:
    class Interrupting:
        def phase(self, title: str) -> None: ...

        def step(self, done: int, total: int) -> None:
            if done == 5:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        synthesize(write_config(tmp_path), tmp_path / "checkpoint", progress=Interrupting())
    assert [path.name for path in tmp_path.iterdir()] == ["source.json"]


def test_read_size_takes_a_folder() -> None:
    assert read_size(str(bundled_checkpoint()))["hidden_size"] == 192


@pytest.mark.slow
def test_a_synthetic_checkpoint_converts(tmp_path: Path) -> None:
    from mmoe.export.convert.convert import convert

    checkpoint = synthesize(write_config(tmp_path), tmp_path / "checkpoint", layers=1)
    artifact = convert(checkpoint.folder, tmp_path / "artifact")
    assert artifact.manifest.architecture["synthetic"]
