"""The scenarios by the Python API, and what they expect against other implementations."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer

import mmoe
from mmoe.checkpoints.tokenizer import load_tokenizer
from mmoe.export.artifact.artifact import Artifact
from mmoe.runtime_bindings.python.records import FinishReason
from mmoe.runtime_bindings.python.runner import ModelRunner
from tests.conformance.scenarios import (
    CONVERSATIONS,
    FILES,
    conversation_file,
    folder_of,
    perform,
    prompt_of,
    read_scenarios,
)
from tests.conformance.variants import VARIANTS
from tests.support.byte_alphabet import byte_level_bytes
from tests.support.honest_ids import honest_ids
from tests.support.native_template import NOW
from tests.support.token_loop import generated_ids

SCENARIOS = [scenario for path in FILES for scenario in read_scenarios(path)]


BUNDLED = [scenario for scenario in SCENARIOS if "artifact" not in scenario]


def calls_of(*names: str) -> Iterator[dict[str, Any]]:
    return (call for scenario in SCENARIOS for call in scenario["calls"] if call["call"] in names)


def calls_named(scenario: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    return [call for call in scenario["calls"] if call["call"] == name]


def conversation_ids(artifact: Artifact, messages: Sequence[Mapping[str, str]]) -> list[int]:
    """The chat template of the released checkpoints, written down once more, by `tokenizers`."""
    tokenizer = Tokenizer.from_file(str(artifact.folder / "tokenizer.json"))
    tokenizer.encode_special_tokens = True

    def text(content: str) -> list[int]:
        ids: list[int] = tokenizer.encode(content, add_special_tokens=False).ids
        return ids

    def header(role: str) -> list[int]:
        begin, end = map(tokenizer.token_to_id, ("<|header_start|>", "<|header_end|>"))
        return [begin, *text(role), end]

    ids = [tokenizer.token_to_id("<|begin_of_text|>")]
    for message in messages:
        content = text("\n\n" + message["content"].strip())
        ids += [*header(message["role"]), *content, tokenizer.token_to_id("<|eot|>")]
    return ids + header("assistant") + text("\n\n")


def sampling_of(scenario: Mapping[str, Any]) -> Mapping[str, Any]:
    """What chooses the tokens of a scenario; nothing when it is greedy."""
    own = VARIANTS[scenario["artifact"]].sampling if "artifact" in scenario else {}
    set_later = [call["sampling"] for call in scenario["calls"] if call["call"] == "set_sampling"]
    return next(iter(set_later), scenario.get("sampling", own))


def first_generate(scenario: Mapping[str, Any]) -> dict[str, Any] | None:
    """The call that generates before anything else is in the context, unless only some tokens may be chosen in it.

    Texts within a grammar are those of test_grammar_sessions.py.
    """
    for call in scenario["calls"]:
        if call["call"] not in ("sampling", "set_sampling"):
            plain = call["call"] == "generate" and "ids" in call["expect"]
            return call if plain and not call.keys() & {"min_new_tokens", "json_schema", "grammar"} else None
    return None


def looped_ids(
    artifact: Artifact, prompt_ids: list[int], scenario: Mapping[str, Any], call: Mapping[str, Any]
) -> list[int]:
    """As many ids as the call expects, and one more where the model must end the text."""
    expected = call["expect"]
    sampling = sampling_of(scenario)
    return generated_ids(
        ModelRunner(artifact.model_path),
        prompt_ids,
        len(expected["ids"]) + (expected.get("finish_reason") == FinishReason.STOP_TOKEN),
        sampling=mmoe.SamplingConfig(**sampling) if sampling else None,
        stop_ids=artifact.manifest.runtime.stop_ids,
    )


def test_names_differ_and_every_way_to_end_is_there() -> None:
    names = [scenario["name"] for scenario in SCENARIOS]
    assert len(names) == len(set(names)) >= 30
    reasons = {call["expect"].get("finish_reason") for call in calls_of("generate", "send")}
    assert reasons >= set(FinishReason)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario["name"])
def test_python_gives_what_is_expected(
    scenario: dict[str, Any], demo_artifact: Artifact, variants: Path
) -> None:
    results = perform(folder_of(scenario, demo_artifact.folder, variants), scenario)
    for call, result in zip(scenario["calls"], results, strict=True):
        assert result == call.get("expect", {}), call


def test_ids_and_texts_are_those_of_tokenizers(demo_artifact: Artifact) -> None:
    tokenizer = Tokenizer.from_file(str(demo_artifact.folder / "tokenizer.json"))
    bos = [demo_artifact.manifest.runtime.bos_id]
    for call in calls_of("tokenize"):
        if "ids" in call["expect"]:
            tokenizer.encode_special_tokens = not call.get("parse_special", False)
            ids = tokenizer.encode(call["text"], add_special_tokens=False).ids
            assert call["expect"]["ids"] == (bos if call.get("add_bos", True) else []) + ids, call
    for call in calls_of("detokenize"):
        if all(0 <= each < tokenizer.get_vocab_size() for each in call["ids"]):
            text = tokenizer.decode(call["ids"], skip_special_tokens=call.get("skip_special", True))
            assert call["expect"]["text"] == text, call


def test_bytes_of_tokens_are_those_of_the_alphabet_and_of_tokenizers(
    demo_artifact: Artifact, variants: Path
) -> None:
    calls = [(each, call) for each in SCENARIOS for call in calls_named(each, "token_bytes")]
    for scenario, call in calls:
        if "error" in call["expect"]:
            continue
        folder = folder_of(scenario, demo_artifact.folder, variants)
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        if "artifact" in scenario:  # whose tokens are text
            before = [] if call.get("first", True) else tokenizer.encode("a", add_special_tokens=False).ids
            expected = tokenizer.decode([*before, call["id"]]).removeprefix("a" if before else "").encode()
        else:
            expected = byte_level_bytes(tokenizer).get(call["id"], b"")
        assert bytes(call["expect"]["bytes"]) == expected, call


def test_conversations_have_the_ids_of_their_parts(demo_artifact: Artifact) -> None:
    """Those of trained models of other families are in test_families.py."""
    for call in (each for scenario in BUNDLED for each in calls_named(scenario, "chat")):
        assert call["expect"]["ids"] == conversation_ids(demo_artifact, call["messages"]), call


def test_templates_have_the_ids_of_transformers_and_tokenizers(variants: Path) -> None:
    families = {
        scenario["artifact"]: scenario for scenario in SCENARIOS if calls_named(scenario, "chat_json")
    }
    assert len(families) >= 7
    for name, scenario in families.items():
        source = (variants / name / "chat_template.jinja").read_text(encoding="utf-8")
        for call in calls_named(scenario, "chat_json"):
            assert call["now"] == NOW  # the oracle's clock
            given = json.loads(conversation_file(call).read_text(encoding="utf-8"))
            try:
                expected = {"ids": honest_ids(variants / name, source, {**VARIANTS[name].names, **given})}
            except Exception:  # a template refuses with whatever Python raises
                expected = {"error": "invalid_argument"}
            assert call["expect"] == expected, (name, call["conversation"])


def test_what_is_left_out_is_as_little_as_can_be(variants: Path) -> None:
    """Of a conversation as transformers renders it, cut before each user's message."""
    calls = [(each["artifact"], call) for each in SCENARIOS for call in calls_named(each, "chat_fit")]
    assert len(calls) >= 6
    for name, call in calls:
        source = (variants / name / "chat_template.jinja").read_text(encoding="utf-8")
        given = json.loads(conversation_file(call).read_text(encoding="utf-8"))
        messages = given["messages"]
        first = next(index for index, message in enumerate(messages) if message["role"] != "system")
        starts = [index for index in range(first, len(messages)) if messages[index]["role"] == "user"]
        expected: dict[str, Any] = {"error": "context_full"}
        for start in starts:
            kept = {**given, "messages": messages[:first] + messages[start:]}
            ids = honest_ids(variants / name, source, {**VARIANTS[name].names, **kept})
            if len(ids) <= call["most_ids"]:
                expected = {"ids": ids, "left_out": start - first}
                break
        assert call["expect"] == expected, (name, call["most_ids"])


def test_a_conversation_loses_its_oldest_turns_only() -> None:
    scenarios = [each for each in SCENARIOS if calls_named(each, "left_out")]
    assert len(scenarios) >= 4
    for scenario in scenarios:
        said = [{"role": "system", "content": text} for text in [scenario["chat"].get("system")] if text]
        front = len(said)
        gone: list[Any] = []
        for call in scenario["calls"]:
            expected = call.get("expect", {})
            if call["call"] == "send" and expected.get("finish_reason") not in (None, "cancelled"):
                user = call.get("messages", [{"role": "user", "content": prompt_of(call)}])
                said += [*user, {"role": "assistant", "content": expected["text"]}]
                taken = False
            elif call["call"] == "left_out" and not taken:
                gone += expected["messages"]
                taken = True
            elif call["call"] == "history":
                assert expected["messages"] == said[:front] + said[front + len(gone) :], scenario["name"]
                assert gone == said[front : front + len(gone)], scenario["name"]


def test_every_conversation_is_tried_with_every_template() -> None:
    conversations = {path.stem for path in CONVERSATIONS.iterdir()}
    for scenario in SCENARIOS:
        calls = calls_named(scenario, "chat_json")
        assert not calls or {call["conversation"] for call in calls} == conversations


def test_sampling_is_the_artifacts() -> None:
    greedy = {"temperature": 0, "top_k": 0, "top_p": 1, "min_p": 0, "repetition_penalty": 1, "seed": 0}
    for scenario in SCENARIOS:
        own = VARIANTS[scenario["artifact"]].sampling if "artifact" in scenario else {}
        for call in calls_named(scenario, "sampling"):
            assert call["expect"] == {**greedy, **own}


@pytest.mark.parametrize(
    "scenario",
    [each for each in SCENARIOS if first_generate(each)],
    ids=lambda scenario: scenario["name"],
)
def test_texts_are_those_of_a_loop_over_the_logits(scenario: dict[str, Any], demo_artifact: Artifact) -> None:
    """Greedy ones by NumPy, drawn ones by the sampler outside of a session."""
    call = first_generate(scenario)
    assert call is not None
    tokenizer = load_tokenizer(demo_artifact.folder, demo_artifact.config)
    prompt = prompt_of(call)
    ids = tokenizer.encode(prompt) if isinstance(prompt, str) else prompt
    assert call["expect"]["ids"] == looped_ids(demo_artifact, ids, scenario, call)


def test_a_first_answer_is_that_of_a_loop_over_the_logits(demo_artifact: Artifact) -> None:
    for scenario in (each for each in BUNDLED if "chat" in each):
        system = scenario["chat"].get("system")
        messages = [] if system is None else [{"role": "system", "content": system}]
        call = next(call for call in scenario["calls"] if call["call"] == "send")
        if "json_schema" in call:
            continue
        ids = conversation_ids(demo_artifact, [*messages, {"role": "user", "content": prompt_of(call)}])
        assert call["expect"]["ids"] == looped_ids(demo_artifact, ids, scenario, call), call
