"""Collects the events of a request's texts, and writes them as a response or as chunks of a stream."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from mmoe.export.serve.answer import FINISH_REASONS, chat_logprobs, completion_logprobs, usage
from mmoe.export.serve.request import TextRequest
from mmoe.export.serve.text_offsets import Place, TextOffsets
from mmoe.export.serve.worker import End, Event, Piece, PromptToken
from mmoe.runtime_bindings.python.model import Model


@dataclass
class _Choice:
    prompt_tokens: list[PromptToken] = field(default_factory=list)
    pieces: list[Piece] = field(default_factory=list)
    rest: str = ""
    finish_reason: str | None = None
    cached_tokens: int = 0
    expert_counts: Sequence[Sequence[int]] = ()
    offsets: TextOffsets | None = None

    @property
    def text(self) -> str:
        return "".join(piece.text for piece in self.pieces) + self.rest


class _Prompt:
    """The text of a prompt that is told with its completion."""

    def __init__(self, model: Model, ids: Sequence[int]) -> None:
        self._model, self._ids = model, ids
        self.text = model.detokenize(ids)

    @cached_property
    def places(self) -> Sequence[Place]:
        """Where its tokens stand."""
        offsets = TextOffsets(self._model)
        return [offsets.place(token) for token in self._ids]

    def between(self, begin: int, end: int) -> str:
        """What becomes readable with its tokens from one to before another."""
        last = self.places[end].offset if end < len(self.places) else len(self.text)
        return self.text[self.places[begin].offset : last]


class Choices:
    """The texts of one request, and how its endpoint writes them."""

    kind: str
    chunk_kind: str
    prefix: str

    def __init__(self, request: TextRequest, model: Model, model_id: str, name: str) -> None:
        """Nothing has come yet.

        Args:
            request: What was asked.
            model: What answers.
            model_id: Its name.
            name: What tells this response from others.
        """
        self._request, self._model = request, model
        self._common = {"id": f"{self.prefix}-{name}", "created": int(time.time()), "model": model_id}
        self._choices = [_Choice() for _ in range(len(request.prompts) * request.choices)]

    def add(self, index: int, events: Sequence[Event]) -> None:
        """Takes events of a text in."""
        choice = self._choices[index]
        for event in events:
            if isinstance(event, Piece):
                choice.pieces.append(event)
            elif isinstance(event, PromptToken):
                choice.prompt_tokens.append(event)
            elif isinstance(event, End):
                choice.rest = event.text
                choice.finish_reason = FINISH_REASONS[event.reason]
                choice.cached_tokens = event.cached_tokens
                choice.expert_counts = event.expert_counts

    @property
    def prompt_tokens(self) -> int:
        """Of all prompts."""
        return sum(map(len, self._request.prompts))

    @property
    def completion_tokens(self) -> int:
        """Of all texts so far."""
        return sum(len(choice.pieces) for choice in self._choices)

    @property
    def cached_tokens(self) -> int:
        """Of the prompts, each counted once, that sessions held already."""
        return sum(choice.cached_tokens for choice in self._choices[:: self._request.choices])

    def response(self) -> dict[str, Any]:
        """The whole of it."""
        choices = [
            self._with_counts(index, self._whole(index, choice)) for index, choice in enumerate(self._choices)
        ]
        return self._common | {"object": self.kind, "choices": choices, "usage": self._usage()}

    def opening(self) -> Iterator[dict[str, Any]]:
        """Chunks that come before any text."""
        return iter(())

    def chunks(self, index: int, events: Sequence[Event]) -> Iterator[dict[str, Any]]:
        """Chunks of events, which are taken in: one of all the text that has come, and those of its end."""
        self.add(index, events)
        end = events[-1] if isinstance(events[-1], End) else None
        tokens = [event for event in events if isinstance(event, Piece | PromptToken)]
        text = "".join(token.text for token in tokens if isinstance(token, Piece))
        text += "" if end is None else end.text
        told = tokens if self._request.top_logprobs is not None else []
        if text or told:
            yield self._chunk(self._part(index, text, told))
        if end is not None:
            *before, last = self._ending(index, self._choices[index])
            for choice in before:
                yield self._chunk(choice)
            yield self._chunk(self._with_counts(index, last))

    def closing(self) -> Iterator[dict[str, Any]]:
        """Chunks behind all texts."""
        if self._request.include_usage:
            yield self._common | {"object": self.chunk_kind, "choices": [], "usage": self._usage()}

    def _chunk(self, choice: dict[str, Any]) -> dict[str, Any]:
        chunk = self._common | {"object": self.chunk_kind, "choices": [choice]}
        return chunk | {"usage": self._usage()} if self._request.continuous_usage else chunk

    def _with_counts(self, index: int, choice: dict[str, Any]) -> dict[str, Any]:
        """A choice with the experts that its text used, a member that OpenAI's API does not have."""
        counts = self._choices[index].expert_counts
        return choice | {"expert_counts": counts} if self._request.count_experts else choice

    def _usage(self) -> dict[str, Any]:
        return usage(self.prompt_tokens, self.completion_tokens, self.cached_tokens)

    def _bytes_of(self, token: int, first: bool) -> bytes:
        return self._model.token_bytes(token, first=first)

    def _whole(self, index: int, choice: _Choice) -> dict[str, Any]:
        raise NotImplementedError

    def _part(self, index: int, text: str, told: Sequence[Piece | PromptToken]) -> dict[str, Any]:
        """A choice with some of its text and the tokens whose log-probabilities are told with it."""
        raise NotImplementedError

    def _ending(self, index: int, choice: _Choice) -> Iterator[dict[str, Any]]:
        """Choices that a text ends with, the last with its reason."""
        raise NotImplementedError


class ChatChoices(Choices):
    """Of `/v1/chat/completions`."""

    kind, chunk_kind, prefix = "chat.completion", "chat.completion.chunk", "chatcmpl"

    def opening(self) -> Iterator[dict[str, Any]]:
        """Who speaks."""
        for index in range(len(self._choices)):
            delta = {"role": "assistant", "content": ""}
            yield self._chunk({"index": index, "delta": delta, "logprobs": None, "finish_reason": None})

    def _ending(self, index: int, choice: _Choice) -> Iterator[dict[str, Any]]:
        if calls := self._calls(choice):
            delta = {"tool_calls": [{"index": place} | call for place, call in enumerate(calls)]}
            yield {"index": index, "delta": delta, "logprobs": None, "finish_reason": None}
        yield {
            "index": index,
            "delta": {},
            "logprobs": None,
            "finish_reason": "tool_calls" if calls else choice.finish_reason,
        }

    def _whole(self, index: int, choice: _Choice) -> dict[str, Any]:
        asked = self._request.top_logprobs is not None
        message: dict[str, Any] = {"role": "assistant", "content": choice.text, "refusal": None}
        finish_reason = choice.finish_reason
        if calls := self._calls(choice):
            message |= {"content": choice.text or None, "tool_calls": calls}
            finish_reason = "tool_calls"
        return {
            "index": index,
            "message": message,
            "logprobs": chat_logprobs(choice.pieces, self._bytes_of, begins=True) if asked else None,
            "finish_reason": finish_reason,
        }

    def _calls(self, choice: _Choice) -> list[dict[str, Any]]:
        """The calls of tools that a whole text makes; its pieces have left them out."""
        if not self._request.may_call:
            return []
        calls = []
        read = self._model.tool_calls([piece.id for piece in choice.pieces])
        for call in read.get("tool_calls", ()):
            function = call["function"]
            text = json.dumps(function["arguments"], ensure_ascii=False)
            named = {"name": function["name"], "arguments": text}
            calls.append({"id": f"call_{secrets.token_hex(12)}", "type": "function", "function": named})
        return calls

    def _part(self, index: int, text: str, told: Sequence[Piece | PromptToken]) -> dict[str, Any]:
        pieces = [each for each in told if isinstance(each, Piece)]  # prompts of chats are not scored
        begins = bool(pieces) and pieces[0] is self._choices[index].pieces[0]
        return {
            "index": index,
            "delta": {"content": text},
            "logprobs": chat_logprobs(pieces, self._bytes_of, begins=begins) if pieces else None,
            "finish_reason": None,
        }


class CompletionChoices(Choices):
    """Of `/v1/completions`."""

    kind, chunk_kind, prefix = "text_completion", "text_completion", "cmpl"

    def __init__(self, request: TextRequest, model: Model, model_id: str, name: str) -> None:
        """As for `Choices`."""
        super().__init__(request, model, model_id, name)
        self._prompts: dict[int, _Prompt] = {}

    def opening(self) -> Iterator[dict[str, Any]]:
        """The prompts, where they are part of the texts and are not scored, token by token, anyway."""
        if self._request.echo and self._request.top_logprobs is None:
            for index in range(len(self._choices)):
                yield self._chunk(self._text(index, self._prompt(index).text, None))

    def _whole(self, index: int, choice: _Choice) -> dict[str, Any]:
        told = None
        if self._request.top_logprobs is not None:
            told = self._told(index, [*choice.prompt_tokens, *choice.pieces])
        text = (self._prompt(index).text if self._request.echo else "") + choice.text
        return self._text(index, text, choice.finish_reason) | {"logprobs": told}

    def _part(self, index: int, text: str, told: Sequence[Piece | PromptToken]) -> dict[str, Any]:
        if not told:
            return self._text(index, text, None)
        choice = self._choices[index]
        if scored := sum(isinstance(each, PromptToken) for each in told):
            end = len(choice.prompt_tokens)
            text = self._prompt(index).between(end - scored, end) + text
        return self._text(index, text, None) | {"logprobs": self._told(index, told)}

    def _ending(self, index: int, choice: _Choice) -> Iterator[dict[str, Any]]:
        yield self._text(index, "", choice.finish_reason)

    def _told(self, index: int, tokens: Sequence[Piece | PromptToken]) -> dict[str, Any]:
        """The log-probabilities of the tokens that have come last, those of the prompt first."""
        choice = self._choices[index]
        if choice.offsets is None:
            begin = len(self._prompt(index).text) if self._request.echo else 0
            choice.offsets = TextOffsets(self._model, begin)
        scored = sum(isinstance(each, PromptToken) for each in tokens)
        end = len(choice.prompt_tokens)
        places = [*self._prompt(index).places[end - scored : end]] if scored else []
        places += [choice.offsets.place(each.id) for each in tokens[scored:]]
        return completion_logprobs(tokens, places, self._bytes_of)

    def _prompt(self, index: int) -> _Prompt:
        """That of a choice, read once for all its choices."""
        place = index // self._request.choices
        if place not in self._prompts:
            self._prompts[place] = _Prompt(self._model, self._request.prompts[place])
        return self._prompts[place]

    @staticmethod
    def _text(index: int, text: str, finish_reason: str | None) -> dict[str, Any]:
        return {"index": index, "text": text, "logprobs": None, "finish_reason": finish_reason}
