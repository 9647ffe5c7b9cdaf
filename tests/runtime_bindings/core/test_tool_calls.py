"""Calls of tools read back from answers, and put into conversations again: `apply_chat_template` is the oracle."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmoe.export.artifact.artifact import Artifact
from mmoe.runtime_bindings.python.model import Model
from tests.conformance.variants import TEMPLATES, VARIANTS, write_variant
from tests.support.template_oracle import render_chat

QUESTION = {"role": "user", "content": "What is the weather in Paris?"}
TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
ARGUMENTS: dict[str, Any] = {
    "city": 'Paris, "Île-de-France"',
    "days": 3,
    "wind": 0.5,
    "units": ["C", "km/h"],
    "night": False,
    "nested": {"a": [1, {"b": None}]},
}
# The template, what its names are, and what follows the assistant's turn.
FAMILIES = {
    "qwen3": ("Qwen-Qwen3-0.6B.jinja", {}, "<|im_end|>"),
    "granite": ("ibm-granite-granite-4.0.jinja", {}, "<|end_of_text|>"),
    "llama3": ("meta-llama-Llama-3.1-8B-Instruct.jinja", {"bos_token": "<|begin_of_text|>"}, "<|eot_id|>"),
    "lfm2": ("LFM2.5-8B-A1B.jinja", {"bos_token": "<|startoftext|>"}, "<|im_end|>"),
}


@pytest.fixture(scope="module")
def models(demo_artifact: Artifact, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Model]:
    folder = tmp_path_factory.mktemp("families")
    for name in FAMILIES:
        write_variant(demo_artifact.folder, VARIANTS[name], folder / name)
    return {name: Model(folder / name) for name in FAMILIES}


def call(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "arguments": arguments}}


def rendered(family: str, messages: list[dict[str, Any]], **options: Any) -> str:
    template, names, _ = FAMILIES[family]
    source = (TEMPLATES / template).read_text(encoding="utf-8")
    return render_chat(source, {"messages": messages, "tools": [TOOL], **names, **options})


def answer_text(family: str, message: dict[str, Any]) -> str:
    """What the model would have written for the template to show this message."""
    begun = rendered(family, [QUESTION], add_generation_prompt=True)
    whole = rendered(family, [QUESTION, message])
    assert whole.startswith(begun)
    answer = whole.removeprefix(begun).strip("\n").removesuffix(FAMILIES[family][2])
    return answer.removeprefix("<think>\n\n</think>\n\n")  # Qwen3's template writes it itself


@pytest.mark.parametrize("family", FAMILIES)
def test_a_call_goes_round_through_its_template(models: dict[str, Model], family: str) -> None:
    arguments = {"city": "Paris", "days": 3} if family == "lfm2" else ARGUMENTS
    message = {"role": "assistant", "content": "", "tool_calls": [call("weather", arguments)]}
    found = models[family].tool_calls(answer_text(family, message))
    assert found == message
    assert rendered(family, [QUESTION, found]) == rendered(family, [QUESTION, message])


@pytest.mark.parametrize("family", ["qwen3", "granite"])
def test_several_calls_and_a_text_before_them(models: dict[str, Model], family: str) -> None:
    calls = [call("weather", {"city": city}) for city in ("Paris", "Rome")]
    message = {"role": "assistant", "content": "Let me look.", "tool_calls": calls}
    found = models[family].tool_calls(answer_text(family, message))
    assert found == message


def test_ids_are_read_as_their_text(models: dict[str, Model]) -> None:
    text = '<tool_call>\n{"name": "weather", "arguments": {"city": "Paris"}}\n</tool_call>'
    model = models["qwen3"]
    assert model.tool_calls(model.tokenize(text, add_bos=False))["tool_calls"] == [
        call("weather", {"city": "Paris"})
    ]


PYTHONIC = [
    ("[f(a=1)]", [("f", {"a": 1})]),
    ("[f(a='x', b=\"y\"), g()]", [("f", {"a": "x", "b": "y"}), ("g", {})]),
    (
        "[ns.f(a = [1, 2.5, -3e2,], b={'k': (True, None, false)})]",
        [("ns.f", {"a": [1, 2.5, -300.0], "b": {"k": [True, None, False]}})],
    ),
    (r"[f(a='it\'s \n\x41\u00e9\ud83d\ude00\\')]", [("f", {"a": "it's \nA\u00e9\U0001f600\\"})]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), PYTHONIC, ids=range(len(PYTHONIC)))
def test_pythonic_calls(
    models: dict[str, Model], text: str, expected: list[tuple[str, dict[str, Any]]]
) -> None:
    found = models["lfm2"].tool_calls(f"Yes.<|tool_call_start|>{text}<|tool_call_end|>")
    assert found == {
        "role": "assistant",
        "content": "Yes.",
        "tool_calls": [call(name, arguments) for name, arguments in expected],
    }


BROKEN = [
    "<tool_call>{\"name\": \"f\"}</tool_call>", "<tool_call>{\"name\": 3, \"arguments\": {}}</tool_call>",
    "<tool_call>", "<tool_call></tool_call>", "<tool_call>[]</tool_call>",
    "<tool_call>{\"name\": \"f\", \"arguments\": 3}</tool_call>",
    "<|tool_call_start|>[f(1)]<|tool_call_end|>", "<|tool_call_start|>[f(a=b)]<|tool_call_end|>",
    "<|tool_call_start|>[]<|tool_call_end|>", "<|tool_call_start|>[f(a='x]<|tool_call_end|>",
    "<|tool_call_start|>[f(a=" + 200 * "[" + "<|tool_call_end|>", "{\"name\": \"f\", \"parameters\": {}", "plain", "",
]  # fmt: skip


@pytest.mark.parametrize("text", BROKEN, ids=range(len(BROKEN)))
def test_what_is_no_call_is_content(models: dict[str, Model], text: str) -> None:
    for model in models.values():
        assert model.tool_calls(text) == {"role": "assistant", "content": text}


def test_an_answer_in_json_is_a_call_only_where_the_family_calls_so(models: dict[str, Model]) -> None:
    text = '{"name": "f", "parameters": {"a": 1}}'
    assert models["qwen3"].tool_calls(text)["content"] == text
    assert models["llama3"].tool_calls(text)["tool_calls"] == [call("f", {"a": 1})]
    assert models["llama3"].tool_calls("<|python_tag|>" + text)["tool_calls"] == [call("f", {"a": 1})]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.floats(-1e6, 1e6) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(arguments=st.dictionaries(st.from_regex(r"[a-z_][a-z0-9_]{0,6}", fullmatch=True), VALUES, max_size=4))
def test_any_arguments_in_python_and_in_json(models: dict[str, Model], arguments: dict[str, Any]) -> None:
    expected = [call("f", arguments)]
    pythonic = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
    found = models["lfm2"].tool_calls(f"<|tool_call_start|>[f({pythonic})]<|tool_call_end|>")
    assert found["tool_calls"] == expected
    text = json.dumps({"name": "f", "arguments": arguments}, ensure_ascii=False)
    assert models["qwen3"].tool_calls(f"<tool_call>{text}</tool_call>")["tool_calls"] == expected
