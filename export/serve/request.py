"""From the body of a request to what the runtime is to do."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from mmoe.export.serve.errors import ApiError, no_such_model, refuse
from mmoe.export.serve.fields import Fields
from mmoe.runtime_bindings.python.core import CoreFailure
from mmoe.runtime_bindings.python.errors import OptionError
from mmoe.runtime_bindings.python.grammar import Grammar, GrammarKind
from mmoe.runtime_bindings.python.limits import Limits
from mmoe.runtime_bindings.python.model import Model
from mmoe.runtime_bindings.python.sampling import SamplingConfig

_ID = re.compile(r"0|[1-9][0-9]{0,9}")
# OpenAI's own limits.
_MOST_STOPS, _MOST_CHOICES, _MOST_TOP_LOGPROBS, _MOST_PROMPTS = 4, 8, 20, 16


@dataclass(frozen=True, kw_only=True)
class TextRequest:
    """Texts to be generated.

    Attributes:
        prompts: Ids of each prompt.
        choices: Texts for each.
        sampling: Of the first choice; each further one has the next seed.
        bias: Added to logits, by token.
        limits: What ends a text.
        grammar: What a text must be.
        top_logprobs: How many probable tokens are told with each token; None for no log-probabilities at all.
        echo: Whether the prompt is part of the text.
        stream: Whether pieces are sent as they come.
        include_usage: Whether a stream ends with the counts of tokens.
        continuous_usage: Whether every chunk of a stream has those so far.
        may_call: Whether calls of tools are looked for in the texts.
        count_experts: Whether each text is told with the experts that it used.
    """

    prompts: tuple[list[int], ...]
    choices: int
    sampling: SamplingConfig
    bias: Mapping[int, float]
    limits: Limits
    grammar: Grammar
    top_logprobs: int | None
    echo: bool
    stream: bool
    include_usage: bool
    continuous_usage: bool
    may_call: bool
    count_experts: bool


def read_chat(body: Mapping[str, Any], model: Model, model_id: str) -> TextRequest:
    """Reads the body of `/v1/chat/completions`.

    Raises:
        ApiError: A member is unknown or has a value that cannot be.
    """
    fields = Fields(body)
    _require_model(fields, model_id)
    messages = fields.get("messages")
    if not isinstance(messages, list) or not messages or not all(isinstance(each, dict) for each in messages):
        raise refuse("messages", "must be a list of objects, at least one")
    tools = _tools(fields)
    variables = {
        "messages": [_message(place, each) for place, each in enumerate(messages)],
        "tools": tools,
        "add_generation_prompt": True,
    }
    extra = fields.get("chat_template_kwargs", {})
    if not isinstance(extra, dict):
        raise refuse("chat_template_kwargs", "must be an object")
    try:
        prompt = model.chat_json(extra | variables)
    except CoreFailure as failure:
        # Where the artifact is on this machine is not for clients.
        told = str(failure).removeprefix(str(model.folder)).lstrip("/: ")
        raise refuse("messages", told) from failure
    asked = fields.flag("logprobs")
    top = fields.integer("top_logprobs", 0, 0, _MOST_TOP_LOGPROBS)
    if top and not asked:
        raise refuse("top_logprobs", "needs logprobs to be true")
    older = fields.integer("max_tokens", None, 1, 2**31 - 1)
    return _request(
        fields,
        model,
        prompts=(prompt,),
        max_new_tokens=fields.integer("max_completion_tokens", older, 1, 2**31 - 1),
        grammar=_response_format(fields, model),
        top_logprobs=top if asked else None,
        echo=False,
        may_call=bool(tools),
    )


def read_completion(body: Mapping[str, Any], model: Model, model_id: str) -> TextRequest:
    """Reads the body of `/v1/completions`; raises as `read_chat` does."""
    fields = Fields(body)
    _require_model(fields, model_id)
    if fields.get("suffix") is not None:
        raise refuse("suffix", "is not supported: these models continue a text")
    best_of = fields.integer("best_of", None, 1, _MOST_CHOICES)
    if best_of is not None and best_of != fields.integer("n", 1, 1, _MOST_CHOICES):
        raise refuse("best_of", "is not supported: it must be what n is")
    return _request(
        fields,
        model,
        prompts=_prompts(fields, model),
        # OpenAI's default.
        max_new_tokens=fields.integer("max_tokens", 16, 0, 2**31 - 1),
        grammar=_response_format(fields, model),
        top_logprobs=fields.integer("logprobs", None, 0, _MOST_TOP_LOGPROBS),
        echo=fields.flag("echo"),
        may_call=False,
    )


def _request(
    fields: Fields,
    model: Model,
    *,
    prompts: tuple[list[int], ...],
    max_new_tokens: int | None,
    grammar: Grammar,
    top_logprobs: int | None,
    echo: bool,
    may_call: bool,
) -> TextRequest:
    context = model.info.max_context_len
    for prompt in prompts:
        if not prompt:
            raise refuse("prompt", "must have a token")
        if len(prompt) > context:
            raise ApiError(
                400,
                f"the prompt has {len(prompt):,} tokens, this model's context {context:,}",
                param="messages" if fields.get("messages") else "prompt",
                code="context_length_exceeded",
            )
    stream_options = _stream_options(fields)
    fields.ignore("user", "store", "metadata", "service_tier", "safety_identifier", "prompt_cache_key")
    choices = fields.integer("n", 1, 1, _MOST_CHOICES) or 1
    request = TextRequest(
        prompts=prompts,
        choices=choices,
        sampling=_sampling(fields, model),
        bias=_bias(fields, model.info.vocab_size),
        limits=Limits(
            stop=fields.texts("stop", _MOST_STOPS),
            min_new_tokens=fields.integer("min_tokens", 0, 0, 2**31 - 1) or 0,
            max_new_tokens=max_new_tokens,
        ),
        grammar=grammar,
        top_logprobs=top_logprobs,
        echo=echo,
        stream=fields.flag("stream"),
        include_usage=stream_options.flag("include_usage"),
        continuous_usage=stream_options.flag("continuous_usage_stats"),
        may_call=may_call,
        count_experts=fields.flag("expert_counts"),
    )
    stream_options.require_all_known()
    fields.require_all_known()
    return request


def _stream_options(fields: Fields) -> Fields:
    given = fields.get("stream_options", {})
    if not isinstance(given, dict):
        raise refuse("stream_options", "must be an object")
    options = Fields(given, within="stream_options.")
    # OpenAI's padding against those who watch the sizes of chunks, which its clients may turn off.
    options.ignore("include_obfuscation")
    return options


def _require_model(fields: Fields, model_id: str) -> None:
    asked = fields.text("model", model_id)
    if asked != model_id:
        raise no_such_model(asked, model_id)


def _sampling(fields: Fields, model: Model) -> SamplingConfig:
    base = model.sampling
    try:
        return replace(
            base,
            temperature=fields.number("temperature", base.temperature, 0, 2),
            top_p=fields.number("top_p", base.top_p, 1e-6, 1),
            top_k=fields.integer("top_k", base.top_k, 0, 2**31 - 1),
            min_p=fields.number("min_p", base.min_p, 0, 0.999999),
            repetition_penalty=fields.number("repetition_penalty", base.repetition_penalty, 1e-3, 10),
            frequency_penalty=fields.number("frequency_penalty", 0, -2, 2),
            presence_penalty=fields.number("presence_penalty", 0, -2, 2),
            # OpenAI's seeds may be negative.
            seed=(fields.integer("seed", 0, -(2**63), 2**64 - 1) or 0) % 2**64,
        )
    except OptionError as error:
        raise ApiError(400, str(error)) from error


def _bias(fields: Fields, vocab_size: int) -> dict[int, float]:
    given = fields.get("logit_bias", {})
    if not isinstance(given, dict):
        raise refuse("logit_bias", "must be an object from token ids to numbers")
    found = {}
    for name, value in given.items():
        if not _ID.fullmatch(name) or int(name) >= vocab_size:
            raise refuse("logit_bias", f"{name!r} is no id of the {vocab_size:,} tokens")
        if not isinstance(value, int | float) or isinstance(value, bool) or not -100 <= value <= 100:
            raise refuse("logit_bias", f"a value must be a number from -100 to 100, that of {name} is not")
        # At its ends OpenAI's scale means never and always.
        found[int(name)] = float("-inf") if value == -100 else float(value)
    if sum(value == float("-inf") for value in found.values()) == vocab_size:
        raise refuse("logit_bias", "excludes every token")
    return found


def _tools(fields: Fields) -> list[Any] | None:
    tools, choice = fields.get("tools"), fields.get("tool_choice", "auto")
    fields.ignore("parallel_tool_calls")
    if tools is not None and (
        not isinstance(tools, list) or not all(isinstance(each, dict) for each in tools)
    ):
        raise refuse("tools", "must be a list of objects")
    if choice not in ("auto", "none"):
        raise refuse("tool_choice", 'must be "auto" or "none"; this server forces no call')
    return None if choice == "none" else tools


def _message(place: int, given: dict[str, Any]) -> dict[str, Any]:
    """A message of OpenAI's API as templates take it: its content a text, the arguments of its calls objects."""
    message = dict(given)
    if "content" in message:
        message["content"] = _content(f"messages[{place}].content", message["content"])
    if isinstance(message.get("tool_calls"), list):
        message["tool_calls"] = list(map(_call, message["tool_calls"]))
    return message


def _content(where: str, content: Any) -> str | None:
    """The text of a content; most templates take no parts, and would write them out as Python shows them."""
    if content is None or isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise refuse(where, "must be a string or a list of parts")
    return "\n".join(_part(f"{where}[{place}]", part) for place, part in enumerate(content))


def _part(where: str, part: Any) -> str:
    kind = part.get("type") if isinstance(part, dict) else None
    if kind not in ("text", "refusal"):
        raise refuse(where, "must be a part of type text; this server's models read nothing else")
    text = part.get(kind)
    if not isinstance(text, str):
        raise refuse(where, f"must have a {kind}, a string")
    return text


def _call(call: Any) -> Any:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("arguments"), str):
        return call
    try:
        arguments = json.loads(function["arguments"])
    except (ValueError, RecursionError) as error:
        raise refuse("messages", f"the arguments of a tool call are no JSON: {error}") from error
    return call | {"function": function | {"arguments": arguments}}


def _response_format(fields: Fields, model: Model) -> Grammar:
    given = fields.get("response_format", {"type": "text"})
    kind = given.get("type") if isinstance(given, dict) else None
    gbnf = fields.text("grammar")
    if kind == "json_schema":
        named = given.get("json_schema")
        schema = named.get("schema") if isinstance(named, dict) else None
        if not isinstance(schema, dict):
            raise refuse("response_format", "json_schema must have a schema, an object")
        found = Grammar.of(schema, None)
    elif kind == "json_object":
        found = Grammar.of({"type": "object"}, None)
    elif kind == "text":
        found = Grammar.of(None, gbnf)
    else:
        raise refuse("response_format", 'type must be "text", "json_object" or "json_schema"')
    if gbnf is not None and kind != "text":
        raise refuse("grammar", "cannot be there beside response_format")
    if found.kind is not GrammarKind.NONE:
        try:
            model.check_grammar(
                **{"grammar" if found.kind is GrammarKind.GBNF else "json_schema": found.text}
            )
        except CoreFailure as failure:
            raise refuse("grammar" if gbnf is not None else "response_format", str(failure)) from failure
    return found


def _prompts(fields: Fields, model: Model) -> tuple[list[int], ...]:
    given = fields.get("prompt", "")
    if isinstance(given, str) or (given and isinstance(given, list) and isinstance(given[0], int)):
        given = [given]
    if not isinstance(given, list) or not given:
        raise refuse("prompt", "must be a string, token ids, or a list of these")
    if len(given) > _MOST_PROMPTS:
        raise refuse("prompt", f"must be at most {_MOST_PROMPTS} prompts, not {len(given)}")
    return tuple(_prompt(each, model) for each in given)


def _prompt(given: object, model: Model) -> list[int]:
    if isinstance(given, str):
        return model.tokenize(given)
    vocab_size = model.info.vocab_size
    ids: list[Any] = given if isinstance(given, list) else [None]
    if not all(
        isinstance(each, int) and not isinstance(each, bool) and 0 <= each < vocab_size for each in ids
    ):
        raise refuse("prompt", f"must be a string or ids from 0 to {vocab_size - 1}")
    return ids
