"""Experts grouped along the input, from a released file to a program that runs: bit-exact, and near float32."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from mmoe.export.convert.convert import ConvertOptions, convert
from mmoe.export.verify.ladder import VerifyOptions, verify
from mmoe.runtime_bindings.python.errors import OptionError
from tests.support.extended import mostly_extended
from tests.support.gguf_cases import CASES, GgufCase
from tests.support.gguf_models import Q5_0, Q5_1, Q6_K, Q8_0
from tests.support.int4_folders import write_compressed_tensors, write_gptq

pytestmark = pytest.mark.slow


def _gguf(folder: Path) -> Path:
    CASES["olmoe"].write(folder / "model.gguf", types={"output.weight": Q8_0, "token_embd.weight": Q8_0})
    return folder / "model.gguf"


def _granite(folder: Path) -> Path:
    CASES["granitemoe, shared"].write(folder / "model.gguf", types={"token_embd.weight": Q5_0})
    return folder / "model.gguf"


def _six_bits(folder: Path) -> Path:
    # A block of this type is 256 inputs.
    case = CASES["granitemoe"]
    wide = GgufCase(
        case.family,
        case.options | {"hidden_size": 256},
        "granitemoe",
        case.metadata | {"embedding_length": 256},
    )
    wide.write(folder / "model.gguf", types={"token_embd.weight": Q6_K})
    return folder / "model.gguf"


def _lfm2(folder: Path) -> Path:
    CASES["lfm2moe"].write(folder / "model.gguf")
    return folder / "model.gguf"


def _zeros(folder: Path) -> Path:
    write_compressed_tensors(folder, group=64, symmetric=False)
    return folder


def _wide(folder: Path) -> Path:
    write_gptq(folder, group=128, symmetric=True)
    return folder


SOURCES: dict[str, tuple[Callable[[Path], Path], dict[str, object]]] = {
    "GGUF, int8 table and head": (
        _gguf,
        {"group_size": 32, "floats": [], "int8": ["model.embed_tokens", "lm_head"]},
    ),
    "GGUF, granite, 5 bits in the tied table": (
        _granite,
        {"group_size": 32, "floats": [], "int8": ["model.embed_tokens"]},
    ),
    "GGUF, 6 bits in the tied table": (
        _six_bits,
        {"group_size": 32, "floats": [], "int8_g16": ["model.embed_tokens"]},
    ),
    "GGUF, lfm2": (_lfm2, {"group_size": 32, "floats": []}),
    "compressed-tensors, zero points": (_zeros, {"group_size": 64, "symmetric": False}),
    "GPTQ, groups of 128": (_wide, {"group_size": 128, "symmetric": True}),
}


@pytest.mark.parametrize(
    "name",
    mostly_extended(SOURCES, always=("GGUF, lfm2", "GGUF, int8 table and head", "GPTQ, groups of 128")),
)
def test_integers_and_scales_reach_the_program_unchanged(name: str, tmp_path: Path) -> None:
    write, expected = SOURCES[name]
    source = write(tmp_path)
    artifact = convert(source, tmp_path / "artifact")
    assert expected.items() <= artifact.manifest.quantization.items()
    report = verify(artifact, source, options=VerifyOptions(max_tokens=48))
    proof = report.expert_weights
    assert proof is not None
    assert proof.passed
    assert proof.tensors >= 4
    assert [stage.name for stage in report.stages][-1] == ".pte, decode"
    # Routers of random models flip often; a value in a wrong place would leave nothing.
    assert all(stage.metrics.sqnr_db > 20 for stage in report.stages)


def test_what_cannot_be_carried_becomes_int8_where_that_is_allowed(tmp_path: Path) -> None:
    source = tmp_path / "model.gguf"
    CASES["olmoe"].write(source, types={"output.weight": Q5_1})
    told: list[str] = []
    options = ConvertOptions(allow_requantize=True)
    artifact = convert(source, tmp_path / "artifact", options=options, tell=told.append)
    assert re.fullmatch(r"output.weight was Q5_1 .* at (4\d\.\d) dB\.", told[0])
    assert artifact.manifest.quantization["int8"] == ["lm_head"]
    requantized = artifact.manifest.quantization["requantized"]
    assert isinstance(requantized, dict)
    assert requantized["output.weight"].startswith("Q5_1, 4")
    # What is verified against is rounded alike.
    report = verify(artifact, source, options=VerifyOptions(max_tokens=48))
    assert all(stage.metrics.sqnr_db > 20 for stage in report.stages)


def test_a_backend_names_what_it_lacks(tmp_path: Path) -> None:
    options = ConvertOptions(backend_options={"linears": "xnnpack"})
    with pytest.raises(OptionError, match="negative scales in --linears xnnpack"):
        convert(_gguf(tmp_path), tmp_path / "artifact", options=options)
    assert not (tmp_path / "artifact").exists()
