"""The server through OpenAI's own client: what it understands, and that texts are those of the library."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator

import jsonschema
import openai
import pytest

from mmoe.export.artifact.artifact import Artifact
from mmoe.runtime_bindings.python.model import Model
from mmoe.runtime_bindings.python.sampling import SamplingConfig
from mmoe.runtime_bindings.python.session import Session
from tests.conformance.variants import VARIANTS, write_variant
from tests.export.serve.conftest import served

QUESTION = [{"role": "user", "content": "Who made the heaven and the earth?"}]


@pytest.fixture(scope="module")
def client(address: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0) as opened:
        yield opened


def expected(model: Model, sampling: SamplingConfig, count: int) -> str:
    return "".join(model.generate(model.chat(QUESTION), sampling=sampling, max_new_tokens=count))


def test_the_model_is_listed(client: openai.OpenAI) -> None:
    listed = list(client.models.list())
    assert [each.id for each in listed] == ["demo"]
    assert client.models.retrieve("demo") == listed[0]
    with pytest.raises(openai.NotFoundError, match="'other/model' is not here; this server has 'demo'"):
        client.models.retrieve("other/model")


@pytest.mark.parametrize("sampling", [SamplingConfig(), SamplingConfig(temperature=0.8, top_p=0.9, seed=7)])
def test_a_chat_is_the_librarys(client: openai.OpenAI, model: Model, sampling: SamplingConfig) -> None:
    asked = {"temperature": sampling.temperature, "top_p": sampling.top_p, "seed": sampling.seed}
    answer = client.chat.completions.create(model="demo", messages=QUESTION, max_tokens=30, **asked)
    choice = answer.choices[0]
    assert choice.message.content == expected(model, sampling, 30)
    assert choice.finish_reason in ("length", "stop")
    assert answer.usage.prompt_tokens == len(model.chat(QUESTION))
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens

    pieces = list(
        client.chat.completions.create(
            model="demo",
            messages=QUESTION,
            max_tokens=30,
            stream=True,
            stream_options={"include_usage": True},
            **asked,
        )
    )
    assert pieces[0].choices[0].delta.role == "assistant"
    text = "".join(each.choices[0].delta.content or "" for each in pieces if each.choices)
    assert text == choice.message.content
    assert [each.choices[0].finish_reason for each in pieces if each.choices][-1] == choice.finish_reason
    assert pieces[-1].usage.completion_tokens == answer.usage.completion_tokens


def test_several_choices_have_seeds_of_their_own(client: openai.OpenAI, model: Model) -> None:
    answer = client.chat.completions.create(
        model="demo", messages=QUESTION, max_tokens=12, temperature=1, seed=5, n=3
    )
    found = [choice.message.content for choice in answer.choices]
    assert found == [expected(model, SamplingConfig(temperature=1, seed=5 + each), 12) for each in range(3)]
    assert [choice.index for choice in answer.choices] == [0, 1, 2]


def test_a_least_length(client: openai.OpenAI) -> None:
    """A bias ends the text as soon as it may end."""
    asked = {"model": "demo", "messages": QUESTION, "max_tokens": 20, "logit_bias": {"2047": 100}}
    for least in (0, 6):
        answer = client.chat.completions.create(**asked, extra_body={"min_tokens": least})
        assert answer.usage.completion_tokens == least
        assert answer.choices[0].finish_reason == "stop"


def test_the_newer_of_two_lengths_counts(client: openai.OpenAI) -> None:
    """As vLLM has it; some clients send both."""
    asked = {"model": "demo", "messages": QUESTION, "temperature": 0}
    answer = client.chat.completions.create(**asked, max_tokens=9, max_completion_tokens=3)
    assert answer.usage.completion_tokens == 3


def test_stop_strings(client: openai.OpenAI, model: Model) -> None:
    whole = expected(model, SamplingConfig(), 30)
    stop = whole[12:15]
    answer = client.chat.completions.create(
        model="demo", messages=QUESTION, max_tokens=30, temperature=0, stop=[stop, "\u2603"]
    )
    assert answer.choices[0].message.content == whole[: whole.index(stop)]
    assert answer.choices[0].finish_reason == "stop"


def test_log_probabilities(client: openai.OpenAI, model: Model) -> None:
    answer = client.chat.completions.create(
        model="demo", messages=QUESTION, max_tokens=5, temperature=0, logprobs=True, top_logprobs=3
    )
    entries = answer.choices[0].logprobs.content
    with Session(model, SamplingConfig()) as session:
        session.prompt(model.chat(QUESTION))
        for entry in entries:
            token = session.next().id
            chosen, top = session.logprobs(3)
            assert entry.token == model.detokenize([token], skip_special=False)
            assert bytes(entry.bytes).decode(errors="replace") == entry.token
            assert [bytes(each.bytes) for each in entry.top_logprobs] == [
                model.token_bytes(each.id) for each in top
            ]
            assert entry.logprob == chosen.logprob
            assert [each.logprob for each in entry.top_logprobs] == [each.logprob for each in top]
    assert len(entries) == 5


@pytest.mark.parametrize("stream", [False, True])
def test_a_part_of_a_character_has_its_own_bytes(client: openai.OpenAI, model: Model, stream: bool) -> None:
    # The snowman's three bytes are tokens of their own, which this text is made to begin with.
    parts = model.tokenize("\u2603", add_bos=False)
    assert len(parts) > 1
    part = parts[0]
    answer = client.chat.completions.create(
        model="demo", messages=QUESTION, max_tokens=2, temperature=0, logprobs=True, top_logprobs=1,
        logit_bias={str(part): 100}, stream=stream,
    )  # fmt: skip
    choices = [chunk.choices[0] for chunk in answer] if stream else answer.choices
    entries = [
        entry for choice in choices if choice.logprobs is not None for entry in choice.logprobs.content or []
    ]
    assert [entry.token for entry in entries] == ["\ufffd"] * 2
    assert [bytes(entry.bytes) for entry in entries] == ["\u2603".encode()[:1]] * 2


@pytest.mark.parametrize("echo", [False, True])
def test_a_stream_tells_where_a_tokens_text_begins_in_all_of_it(client: openai.OpenAI, echo: bool) -> None:
    asked = {"model": "demo", "prompt": ["In the", "And"], "n": 2, "max_tokens": 30, "temperature": 1}
    whole = client.completions.create(**asked, seed=3, logprobs=1, echo=echo)
    told: dict[int, list[tuple[str, int]]] = {}
    for chunk in client.completions.create(**asked, seed=3, logprobs=1, echo=echo, stream=True):
        for choice in chunk.choices:
            if choice.logprobs is not None:
                pairs = zip(choice.logprobs.tokens, choice.logprobs.text_offset, strict=True)
                told.setdefault(choice.index, []).extend(pairs)
    for choice in whole.choices:
        assert told[choice.index] == [*zip(choice.logprobs.tokens, choice.logprobs.text_offset, strict=True)]
        for token, offset in told[choice.index]:
            if not token.startswith("<|"):
                assert choice.text[offset : offset + len(token)] == token


@pytest.mark.parametrize("echo", [False, True])
def test_parts_of_characters_move_no_offset(client: openai.OpenAI, model: Model, echo: bool) -> None:
    """The bundled vocabulary has a token for each byte of these characters, and gives any of them when it is hot."""
    prompt = model.tokenize("Na\u00efve \u2603\u2603 and \u65e5\u672c")
    asked = {"model": "demo", "max_tokens": 60, "temperature": 2, "logprobs": 1, "echo": echo}
    bias = {str(part): 20 for part in model.tokenize("\u2603", add_bos=False)}
    for seed in range(3):
        for ids in (prompt, prompt[:-1]):
            given = asked | {"prompt": ids, "seed": seed, "logit_bias": bias}
            whole = client.completions.create(**given).choices[0]
            chunks = [chunk.choices[0] for chunk in client.completions.create(**given, stream=True)]
            assert "".join(chunk.text for chunk in chunks) == whole.text
            told = [chunk.logprobs for chunk in chunks if chunk.logprobs]
            offsets = [each for part in told for each in part.text_offset]
            assert offsets == whole.logprobs.text_offset
            assert offsets == sorted(offsets)
            pairs = list(zip(whole.logprobs.tokens, offsets, strict=True))
            whole_tokens = [
                pair for pair in pairs if "\ufffd" not in pair[0] and not pair[0].startswith("<|")
            ]
            assert 20 < len(whole_tokens) < len(pairs)
            assert all(whole.text[offset : offset + len(token)] == token for token, offset in whole_tokens)


def test_a_stream_tells_what_a_whole_answer_does(client: openai.OpenAI) -> None:
    """However many tokens its chunks have."""
    asked = {"model": "demo", "max_tokens": 60, "temperature": 1, "seed": 3}
    usage = {"include_usage": True, "continuous_usage_stats": True}
    chat = asked | {"messages": QUESTION, "logprobs": True, "top_logprobs": 2}
    whole = client.chat.completions.create(**chat)
    chunks = list(client.chat.completions.create(**chat, stream=True, stream_options=usage))
    told = [chunk for chunk in chunks if chunk.choices and chunk.choices[0].logprobs]
    entries = [entry for chunk in told for entry in chunk.choices[0].logprobs.content]
    assert entries == whole.choices[0].logprobs.content
    counts = [chunk.usage.completion_tokens for chunk in chunks]
    assert counts == sorted(counts)
    assert counts[-1] == whole.usage.completion_tokens == len(entries)
    so_far = 0
    for chunk in told:
        so_far += len(chunk.choices[0].logprobs.content)
        assert chunk.usage.completion_tokens == so_far

    text = asked | {"prompt": "In the beginning", "logprobs": 1, "echo": True}
    whole_text = client.completions.create(**text).choices[0]
    parts = [chunk.choices[0] for chunk in client.completions.create(**text, stream=True)]
    assert "".join(part.text for part in parts) == whole_text.text
    told_parts = [part.logprobs for part in parts if part.logprobs]
    assert [each for part in told_parts for each in part.tokens] == whole_text.logprobs.tokens
    assert [each for part in told_parts for each in part.token_logprobs] == whole_text.logprobs.token_logprobs


def test_a_schema_is_kept(client: openai.OpenAI) -> None:
    schema = {
        "type": "object",
        "properties": {
            "name": {"type": "string", "maxLength": 12},
            "age": {"type": "integer", "minimum": 0, "maximum": 120},
        },
        "required": ["name", "age"],
        "additionalProperties": False,
    }
    for seed in range(4):
        answer = client.chat.completions.create(
            model="demo",
            messages=QUESTION,
            max_tokens=300,
            temperature=1.5,
            seed=seed,
            response_format={"type": "json_schema", "json_schema": {"name": "person", "schema": schema}},
        )
        assert answer.choices[0].finish_reason == "stop"
        jsonschema.validate(json.loads(answer.choices[0].message.content), schema)


def test_tools_reach_the_template(client: openai.OpenAI, model: Model) -> None:
    tool = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
    asked = {"model": "demo", "messages": QUESTION, "max_tokens": 3, "temperature": 0}
    with_tools = client.chat.completions.create(tools=[tool], **asked)
    assert with_tools.usage.prompt_tokens == len(model.chat(QUESTION, tools=[tool]))
    without = client.chat.completions.create(tools=[tool], tool_choice="none", **asked)
    assert without.usage.prompt_tokens == len(model.chat(QUESTION))


@pytest.fixture(scope="module")
def qwen(
    demo_artifact: Artifact, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[openai.OpenAI, Model]]:
    """The bundled model with the template of a family that calls tools."""
    folder = tmp_path_factory.mktemp("families") / "qwen3"
    write_variant(demo_artifact.folder, VARIANTS["qwen3"], folder)
    with (
        Model(folder) as model,
        served(model) as address,
        openai.OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0) as client,
    ):
        yield client, model


@pytest.mark.parametrize("stream", [False, True])
def test_calls_of_tools_come_back_and_go_in_again(qwen: tuple[openai.OpenAI, Model], stream: bool) -> None:
    """The grammar makes the small model say what a larger one would."""
    client, model = qwen
    tool = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
    said = '<tool_call>\n{"name": "weather", "arguments": {"city": "Paris", "days": 3}}\n</tool_call>'
    grammar = f"root ::= {json.dumps('Let me see. ' + said)}"
    asked = {"model": "demo", "messages": QUESTION, "tools": [tool], "extra_body": {"grammar": grammar}}
    if stream:
        with client.chat.completions.stream(**asked) as events:
            shown = [event.delta for event in events if event.type == "content.delta"]
            choice = events.get_final_completion().choices[0]
        assert "".join(shown) == "Let me see. "
    else:
        choice = client.chat.completions.create(**asked).choices[0]
    assert choice.finish_reason == "tool_calls"
    assert choice.message.content == "Let me see. "
    (call,) = choice.message.tool_calls
    assert (call.type, call.function.name) == ("function", "weather")
    assert json.loads(call.function.arguments) == {"city": "Paris", "days": 3}

    again = [
        *QUESTION,
        choice.message.model_dump(include={"role", "content", "tool_calls"}),
        {"role": "tool", "tool_call_id": call.id, "content": "rain"},
    ]
    answer = client.chat.completions.create(model="demo", messages=again, tools=[tool], max_tokens=2)
    function = {"name": "weather", "arguments": {"city": "Paris", "days": 3}}
    turns = [
        *QUESTION,
        {"role": "assistant", "content": choice.message.content, "tool_calls": [{"function": function}]},
        {"role": "tool", "content": "rain"},
    ]
    assert answer.usage.prompt_tokens == len(model.chat(turns, tools=[tool]))


@pytest.mark.parametrize("stream", [False, True])
def test_the_experts_of_a_text_are_told(client: openai.OpenAI, model: Model, stream: bool) -> None:
    """Those of the answer: every token of it but the last is sent to the experts of every layer."""
    asked = {"model": "demo", "messages": QUESTION, "max_tokens": 9, "temperature": 0}
    answer = client.chat.completions.create(**asked, stream=stream, extra_body={"expert_counts": True})
    choice = list(answer)[-1].choices[0] if stream else answer.choices[0]
    with Session(model, SamplingConfig()) as session:
        session.prompt(model.chat(QUESTION))
        session.count_experts()
        for _ in range(9):
            session.next()
        expected = session.expert_counts()
    assert choice.expert_counts == expected
    assert [sum(layer) for layer in expected] == [8 * 4] * 5, "four experts a token"
    plain = client.chat.completions.create(**asked)
    assert not hasattr(plain.choices[0], "expert_counts")


def test_completions(client: openai.OpenAI, model: Model) -> None:
    prompts = ["In the beginning", "And the LORD said"]
    answer = client.completions.create(model="demo", prompt=prompts, max_tokens=8, temperature=0, echo=True)
    for prompt, choice in zip(prompts, answer.choices, strict=True):
        text = "".join(model.generate(prompt, sampling=SamplingConfig(), max_new_tokens=8))
        assert choice.text == prompt + text
    streamed = client.completions.create(
        model="demo", prompt=prompts[0], max_tokens=8, temperature=0, echo=True, stream=True
    )
    assert "".join(each.choices[0].text for each in streamed) == answer.choices[0].text


def test_a_prompt_is_scored_as_a_harness_wants_it(client: openai.OpenAI, model: Model) -> None:
    """What lm-evaluation-harness asks for a log-likelihood: ids in, no new token, the prompt's own figures out."""
    ids = model.tokenize("And God said, Let there be light")
    answer = client.completions.create(
        model="demo", prompt=ids, max_tokens=0, temperature=0, logprobs=1, echo=True, seed=1
    )
    told = answer.choices[0].logprobs
    assert told.token_logprobs[0] is None
    assert len(told.token_logprobs) == len(ids)
    with Session(model) as session:
        session.prompt(ids[:1])
        for place, token in enumerate(ids[1:], 1):
            logits = session.logits().astype(float)
            total = math.log(sum(math.exp(each - logits.max()) for each in logits)) + logits.max()
            assert told.token_logprobs[place] == pytest.approx(logits[token] - total, abs=1e-9)
            assert max(told.top_logprobs[place].values()) == pytest.approx(logits.max() - total, abs=1e-9)
            session.decode(token)


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"model": "gpt-4"}, "model"),
        ({"temperature": 3}, "temperature"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"stop": [""]}, "stop"),
        ({"stop": ["a"] * 5}, "stop"),
        ({"logit_bias": {"99999": 1}}, "logit_bias"),
        ({"top_logprobs": 2}, "top_logprobs"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "user", "content": "word " * 4000}]}, "messages"),
        ({"response_format": {"type": "json_schema", "json_schema": {"name": "x"}}}, "response_format"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"not": {}}}}},
            "response_format",
        ),
        ({"extra_body": {"modalities_": 1}}, "modalities_"),
    ],
)
def test_what_cannot_be_names_the_member(
    client: openai.OpenAI, changes: dict[str, object], param: str
) -> None:
    with pytest.raises(openai.APIStatusError) as refused:
        client.chat.completions.create(**({"model": "demo", "messages": QUESTION} | changes))  # type: ignore[call-overload]
    assert refused.value.status_code in (400, 404)
    assert refused.value.param == param
