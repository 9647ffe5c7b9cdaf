"""The cost model against counts made from `config.json` alone."""

import json
import re
from typing import Any

import pytest

from mmoe.backends.errors import ArtifactError
from mmoe.backends.mlx.cost.model import CallCost, CostModel
from mmoe.backends.mlx.cost.roofline import Device
from mmoe.backends.mlx.cost.rules import Cost
from mmoe.export.artifact.artifact import Artifact
from mmoe.export.demo.bundled import bundled_checkpoint
from mmoe.runtime_bindings.python.errors import OptionError
from tests.export.cli.conftest import Command, mmoe  # noqa: F401  # a fixture

_DEVICE = Device(gb_per_s=60, tflops=2)
# float32 programs read 4 bits and, for 32 values, a scale and a bias of 32 bits each.
_BITS_PER_WEIGHT = 4 + 2 * 32 / 32


@pytest.fixture(scope="module")
def config() -> dict[str, Any]:
    content: dict[str, Any] = json.loads((bundled_checkpoint() / "config.json").read_text())
    return content


@pytest.fixture(scope="module")
def model(mlx_demo_artifact: Artifact) -> CostModel:
    return CostModel(mlx_demo_artifact.model_path)


def _of(call: CallCost, name: str) -> Cost:
    return next(one.cost for one in call.instructions if one.name == name)


def _dense_weights(config: dict[str, Any]) -> int:
    """Weights of all linears of the layers."""
    hidden, heads = config["hidden_size"], config["num_attention_heads"]
    kv, dim = config["num_key_value_heads"], config["head_dim"]
    attention = hidden * heads * dim * 2 + hidden * kv * dim * 2
    shared = 3 * hidden * config["intermediate_size_mlp"]
    return int(config["num_hidden_layers"] * (attention + shared))


def _expert_weights(config: dict[str, Any]) -> int:
    """Weights of one expert in every layer."""
    return int(config["num_hidden_layers"] * 3 * config["hidden_size"] * config["intermediate_size"])


def test_decode_reads_the_selected_experts_only(model: CostModel, config: dict[str, Any]) -> None:
    call = model.call(tokens=1, position=100, device=_DEVICE)
    selected = config["num_experts_per_tok"] * _expert_weights(config) * _BITS_PER_WEIGHT / 8
    assert _of(call, "GatherQmmNode").weight_bytes == selected
    all_experts = config["num_local_experts"] / config["num_experts_per_tok"]
    # A prefill that needs every expert reads each of them once, since its rows are sorted; the last layer has one row.
    prefill, layers = model.call(tokens=512, position=0, device=_DEVICE), config["num_hidden_layers"]
    read = selected * (all_experts * (layers - 1) + 1) / layers
    assert _of(prefill, "GatherQmmNode").weight_bytes == pytest.approx(read, rel=1e-12)


@pytest.mark.parametrize(("tokens", "position"), [(1, 0), (1, 300), (16, 5), (512, 0)])
def test_sums_agree_with_the_config(
    model: CostModel, config: dict[str, Any], tokens: int, position: int
) -> None:
    call = model.call(tokens=tokens, position=position, device=_DEVICE)
    layers, hidden = config["num_hidden_layers"], config["hidden_size"]
    head = config["vocab_size"] * hidden  # of the last token
    queries = config["num_attention_heads"] * config["head_dim"]
    router = layers * config["num_local_experts"] * hidden
    per_token = _dense_weights(config) + config["num_experts_per_tok"] * _expert_weights(config) + router
    key_and_value = hidden * config["head_dim"] * config["num_key_value_heads"] * 2
    # Behind the last layer's attention there is the last token only.
    behind = per_token // layers - key_and_value - hidden * queries
    attention = layers * 2 * queries * tokens * (position + tokens)
    assert call.total.macs == tokens * (per_token - behind) + behind + head + attention

    assert (
        _of(call, "QuantizedMatmulNode").weight_bytes
        == (_dense_weights(config) + head) * _BITS_PER_WEIGHT / 8
    )
    # Routers are float32; what is left over of the weights are norms, biases of routers, tables of angles, scalars.
    assert _of(call, "AddmmNode").weight_bytes == 4 * router
    cache_row = 4 * config["num_key_value_heads"] * config["head_dim"]
    query_rows = 2 * 4 * queries * tokens  # read and written
    assert _of(call, "SdpaNode").activation_bytes == layers * (
        2 * cache_row * (position + tokens) + query_rows
    )


def test_few_tokens_read_a_matrix_for_each_of_their_experts(model: CostModel, config: dict[str, Any]) -> None:
    one, five = (model.call(tokens=tokens, position=0, device=_DEVICE) for tokens in (1, 5))
    layers = config["num_hidden_layers"]  # of which the last one has a single row
    expected = _of(one, "GatherQmmNode").weight_bytes * (5 * (layers - 1) + 1) / layers
    assert _of(five, "GatherQmmNode").weight_bytes == expected


def test_a_call_leaves_nothing_to_the_next(model: CostModel) -> None:
    first = model.call(tokens=1, position=7, device=_DEVICE)
    model.call(tokens=64, position=0, device=_DEVICE)
    assert model.call(tokens=1, position=7, device=_DEVICE) == first


def test_roofline() -> None:
    device = Device(gb_per_s=10, tflops=1)
    assert device.seconds(Cost(weight_bytes=6 * 10**9, activation_bytes=4 * 10**9)) == 1
    assert device.seconds(Cost(macs=10**12)) == 2
    with pytest.raises(OptionError, match="tflops must be above zero"):
        Device(tflops=0)


def test_calls_that_the_program_does_not_take(model: CostModel) -> None:
    with pytest.raises(OptionError, match=r"takes 1\.\.512 tokens, not 513"):
        model.call(tokens=513, position=0, device=_DEVICE)
    with pytest.raises(OptionError, match="outside a context"):
        model.call(tokens=2, position=10**6, device=_DEVICE)


def test_a_program_without_the_delegate(tiny_artifact: Artifact) -> None:
    with pytest.raises(ArtifactError, match="0 MLX delegates"):
        CostModel(tiny_artifact.model_path)


def test_the_command_compares_two_lowerings(
    mmoe: Command,  # noqa: F811
    mlx_demo_artifact: Artifact,
    mlx_artifact: Artifact,
) -> None:
    sizes = ("--prompt-tokens", 8, "--depth", 32, "--tflops", 2)
    run = mmoe("cost", mlx_demo_artifact.folder, "--vs", mlx_artifact.folder, *sizes, "--json")
    assert run.code == 0, run.err
    assert run.json["schema_version"] == 1
    assert run.json["device"] == {"gb_per_s": 60.0, "tflops": 2.0}
    for calls in run.json["artifacts"].values():
        for call in calls.values():
            assert call["seconds"] == pytest.approx(sum(one["seconds"] for one in call["instructions"]))
            assert call["total"]["macs"] == sum(one["cost"]["macs"] for one in call["instructions"])
    assert len(run.json["artifacts"]) == 2
    run = mmoe("cost", mlx_demo_artifact.folder)
    assert "GatherQmmNode" in run.out
    assert "tokens/s at most" in run.out
    assert "not measured" in run.out


def test_a_narrow_terminal_loses_no_digit(
    mmoe: Command,  # noqa: F811
    mlx_artifact: Artifact,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    arguments = ("cost", mlx_artifact.folder, "--vs", mlx_artifact.folder)
    monkeypatch.setenv("COLUMNS", "200")
    wide = mmoe(*arguments).out
    monkeypatch.setenv("COLUMNS", "50")
    narrow = mmoe(*arguments).out
    assert max(map(len, narrow.splitlines()[:-1])) <= 50
    assert "…" not in narrow
    figures = r"(?<![\w.])[\d.]+(?: [kMG]?B)?(?![\w.])"
    assert sorted(re.findall(figures, narrow)) == sorted(re.findall(figures, wide))
