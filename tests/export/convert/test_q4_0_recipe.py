"""`--quantize`, experts grouped along the input: q4_0 makes of a model what the GGUF file of the same model holds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from mmoe.checkpoints.checkpoint import open_checkpoint
from mmoe.checkpoints.opening import open_source
from mmoe.export.convert.convert import ConvertOptions, convert, dry_run
from mmoe.export.convert.post_training import quantize_checkpoint
from mmoe.export.convert.quantize_option import Quantize
from mmoe.export.verify.ladder import VerifyOptions, verify
from mmoe.quant.int4 import unpack_nibbles
from mmoe.runtime_bindings.python.errors import OptionError
from tests.support.gguf_cases import CASES
from tests.support.tokenizers import write_tokenizer
from tests.support.transformers_models import make_model, save_model

Q4_0 = ConvertOptions(quantize=Quantize.Q4_0)
OPTIONS = CASES["olmoe"].options | {"vocab_size": 288, "rope_theta": 10000.0}


def latent(folder: Path) -> Path:
    """The model that `CASES` writes as GGUF, as its weights were before."""
    save_model(make_model("Olmoe", **OPTIONS), folder)
    write_tokenizer(folder)
    return folder


def test_tensors_equal_those_of_the_gguf_file(tmp_path: Path) -> None:
    CASES["olmoe"].write(tmp_path / "model.gguf")
    file = open_source(tmp_path / "model.gguf")
    source = open_checkpoint(latent(tmp_path / "latent"), unpacked=True)
    (tmp_path / "packed").mkdir()
    found = quantize_checkpoint(source, tmp_path / "packed", quantize=Quantize.Q4_0)
    assert found.config.quantization == file.config.quantization
    assert found.specs.keys() == file.specs.keys()
    for name in found.specs:
        ours, theirs = found.tensor(name), file.tensor(name)
        assert torch.equal(ours.float(), theirs.float()), name


def test_int4_g32_in_takes_scales_along_the_input_of_each_output(tmp_path: Path) -> None:
    """Every group is at least as near as a scale of its largest magnitude / 7 would have it; dense ones are as ever."""
    model = make_model("Olmoe", **OPTIONS)
    source = open_checkpoint(latent(tmp_path / "latent"), unpacked=True)
    packed = {}
    for recipe in (Quantize.INT4_G32, Quantize.INT4_G32_IN):
        (tmp_path / recipe).mkdir()
        packed[recipe] = quantize_checkpoint(source, tmp_path / recipe, quantize=recipe)
    found = packed[Quantize.INT4_G32_IN]
    assert found.config.quantization is not None
    assert found.config.quantization.experts_by_input
    for layer, ours in ((0, "gate_up"), (1, "down")):
        weights = getattr(model.model.layers[layer].mlp.experts, f"{ours}_proj").detach().double().numpy()
        name = f"model.layers.{layer}.feed_forward.experts.{ours}"
        q = unpack_nibbles(found.tensor(f"{name}_qweight")).double().numpy()
        scale = found.tensor(f"{name}_scale").double().numpy()
        assert q.shape == weights.shape
        assert scale.shape == (*weights.shape[:2], weights.shape[2] // 32)
        groups = weights.reshape(*scale.shape, 32)
        largest = np.abs(groups).max(axis=-1, keepdims=True) / 7
        nearest = np.rint(groups / largest) * largest
        errors = ((q.reshape(groups.shape) * scale[..., None] - groups) ** 2).sum(axis=-1)
        assert (errors <= 1.001 * ((nearest - groups) ** 2).sum(axis=-1)).all()
    for name in found.specs:
        if ".experts." not in name:
            assert torch.equal(found.tensor(name), packed[Quantize.INT4_G32].tensor(name)), name


@pytest.mark.slow
@pytest.mark.parametrize("recipe", [Quantize.INT4_G32_IN, Quantize.Q4_0, Quantize.TORCHAO_8DA4W])
def test_an_artifact_verifies_against_the_latent_weights(tmp_path: Path, recipe: Quantize) -> None:
    source = latent(tmp_path / "latent")
    artifact = convert(source, tmp_path / "artifact", options=ConvertOptions(quantize=recipe))
    outcome = artifact.manifest.quantization["post_training"]
    assert isinstance(outcome, dict)
    assert str(outcome["scales"]).startswith(recipe)
    report = verify(artifact, source, options=VerifyOptions(max_tokens=40))
    assert report.expert_weights is not None
    assert report.expert_weights.passed
    assert report.stages[-1].name == "(before quantisation)"


def test_experts_too_narrow_for_its_groups_are_refused(tmp_path: Path) -> None:
    save_model(make_model("Olmoe", **OPTIONS | {"intermediate_size": 48}), tmp_path)
    write_tokenizer(tmp_path)
    with pytest.raises(OptionError, match=r"48 inputs do not divide.*--quantize int4-g32"):
        dry_run(tmp_path, tmp_path / "artifact", options=Q4_0)
