"""A conversation with a model; its context is kept from turn to turn."""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping, Sequence
from enum import StrEnum

from mmoe.runtime_bindings.python.conversation import Turn, conversation
from mmoe.runtime_bindings.python.grammar import Grammar, JsonSchema
from mmoe.runtime_bindings.python.limits import Limits
from mmoe.runtime_bindings.python.model import Model
from mmoe.runtime_bindings.python.records import Message, Stats
from mmoe.runtime_bindings.python.sampling import SamplingConfig
from mmoe.runtime_bindings.python.session import Session
from mmoe.runtime_bindings.python.stream import Stream


class WhenFull(StrEnum):
    """What a turn does that does not fit into the context behind all the others."""

    REFUSE = "refuse"
    """It fails, and the conversation stays as it was."""
    DROP_OLDEST = "drop_oldest"
    """The oldest turns behind the system message are left out, as few as possible."""


class Chat:
    """A conversation by the artifact's chat template, in a session of its own.

    What the session's context holds of it already is not run again, so a turn costs its own tokens only.

        chat = Chat(model, system="Be brief.")
        for piece in chat.send("Why is the sky blue?"):
            print(piece, end="", flush=True)
    """

    def __init__(
        self,
        model: Model,
        *,
        system: str | None = None,
        sampling: SamplingConfig | None = None,
        draft_tokens: int | None = 0,
        tools: Sequence[Mapping[str, object]] | None = None,
        when_full: WhenFull = WhenFull.REFUSE,
        answer_room: int = 256,
    ) -> None:
        """Opens a session; nothing runs.

        Args:
            model: An open model with a chat template.
            system: What the conversation begins with, if anything.
            sampling: How to choose tokens; the artifact's own if None.
            draft_tokens: As for `Session.set_speculation`.
            tools: What the assistant may call, as JSON schemas of functions.
            when_full: What a turn does that does not fit.
            answer_room: With `DROP_OLDEST`, tokens that an answer has room for at least: of `max_new_tokens` and
                half the context, the least.

        Raises:
            CoreFailure: The artifact has no chat template, or judges no drafts.
        """
        self._opening: list[Turn] = [] if system is None else [Message("system", system)]
        self._turns = list(self._opening)
        self._tools = tools
        self._when_full = when_full
        self._answer_room = min(answer_room, model.info.max_context_len // 2)
        self._left_out: tuple[Turn, ...] = ()
        # A model without a template should say so before somebody types.
        model.chat([*self._opening, Message("user", "")], tools=tools)
        self._session = Session(model, sampling)
        self._session.set_speculation(draft_tokens)

    def __enter__(self) -> Chat:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Frees the context; a second time does nothing."""
        self._session.close()

    @property
    def turns(self) -> Sequence[Turn]:
        """The turns so far as the template is given them, calls of tools and their results among them."""
        return tuple(self._turns)

    @property
    def history(self) -> Sequence[Message]:
        """The turns so far, the system message first: their roles and texts."""
        return tuple(_message(turn) for turn in self._turns)

    @property
    def left_out(self) -> Sequence[Message]:
        """What the last `send` left out to make room, the oldest first; it is no longer in `history`."""
        return tuple(_message(turn) for turn in self._left_out)

    @property
    def stats(self) -> Stats:
        """Counts and times of the last turn."""
        return self._session.stats

    def cancel(self) -> None:
        """Ends the running turn, or the next one if none runs; from any thread."""
        self._session.cancel()

    def reset(self) -> None:
        """Forgets all turns but the system message."""
        self._turns = list(self._opening)
        self._left_out = ()
        self._session.reset()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the context, as `Session.save` does; the `turns` are for the caller to keep.

        Raises:
            CoreFailure: See `Session.save`.
        """
        self._session.save(path)

    def restore(self, history: Sequence[Turn], snapshot: str | os.PathLike[str] | None = None) -> None:
        """Goes on from other turns; a system message in front of them is what `reset` keeps.

        What the context holds of them already is not run again.

        Args:
            history: The turns.
            snapshot: What `save` wrote behind these turns, which becomes the context, with its sampling; None keeps the
                context and the sampling that there are.

        Raises:
            CoreFailure: The artifact's template refuses the turns, a text holds a NUL character, or the file is cut,
                altered, no snapshot, or of another program; the conversation is what it was.
        """
        self._session.model.chat([*history, Message("user", "")], tools=self._tools)
        if snapshot is not None:
            self._session.restore(snapshot)
        self._opening = [turn for turn in history[:1] if _message(turn).role == "system"]
        self._turns = list(history)
        self._left_out = ()

    def send(
        self,
        turn: str | Sequence[Turn],
        *,
        max_new_tokens: int | None = None,
        min_new_tokens: int = 0,
        stop: str | Sequence[str] = (),
        json_schema: JsonSchema | None = None,
        grammar: str | None = None,
    ) -> Stream:
        """Says something and streams the answer; nothing runs until the first piece is asked for.

        The turn becomes part of `history` when its answer has ended. One that fails, is cancelled, or is not read to
        its end leaves the conversation as it was; so does one that is still unread when the next is sent. An answer
        that calls one of the tools becomes a turn with ``tool_calls``, see `turns`; its pieces show the text beside the
        calls only.

        Args:
            turn: What the user says; or messages, such as the results of the tools that the last answer called, each a
                mapping with ``role`` "tool", ``content`` and what else the template reads.
            max_new_tokens: Tokens of the answer at most; None goes on until it ends or the context is full.
            min_new_tokens: Until there are so many, no stop token is chosen and no stop string looked for.
            stop: Strings that the answer ends before, or one.
            json_schema: A schema that the answer must satisfy as JSON: its text, or what `json.loads` gives for it.
            grammar: A grammar in llama.cpp's GBNF that the answer must be of; not beside `json_schema`.

        Raises:
            OptionError: A number is negative, a stop string is empty, or both `json_schema` and `grammar` are there.
            CoreFailure: The text cannot be part of a conversation; while iterating, if the conversation does not fit
                into the context, the schema or grammar cannot be followed, or the program fails.
        """
        limits = Limits.of(stop, min_new_tokens, max_new_tokens)
        restricted = Grammar.of(json_schema, grammar)
        added = [Message("user", turn)] if isinstance(turn, str) else list(turn)
        turns = [*self._turns, *added]
        ids, count = self._prompt(turns, limits)
        first = sum(1 for _ in itertools.takewhile(_is_system, turns))
        leaving = tuple(turns[first : first + count])
        del turns[first : first + count]

        def keep(answer: Stream) -> None:
            self._turns = [*turns, self._answer(answer)]
            self._left_out = leaving

        hides = self._tools is not None
        return self._session.stream(ids, limits, restricted, keep, hide_tool_calls=hides)

    def _prompt(self, turns: Sequence[Turn], limits: Limits) -> tuple[list[int], int]:
        """Its ids, and how many messages behind the system's they leave out."""
        model = self._session.model
        if self._when_full is WhenFull.REFUSE:
            return model.chat(turns, tools=self._tools), 0
        most = limits.max_new_tokens
        room = self._answer_room if most is None else min(most, self._answer_room)
        return model.chat_fit(conversation(turns, tools=self._tools), model.info.max_context_len - room)

    def _answer(self, answer: Stream) -> Turn:
        if self._tools is not None:
            message = self._session.model.tool_calls(answer.ids)
            if "tool_calls" in message:
                return message
        return Message("assistant", answer.text)


def _is_system(turn: Turn) -> bool:
    return _message(turn).role in {"system", "developer"}


def _message(turn: Turn) -> Message:
    """Its role and its text; parts of a content that are no text are left out."""
    if not isinstance(turn, Mapping):
        return Message(*turn)
    content = turn.get("content")
    return Message(str(turn.get("role")), content if isinstance(content, str) else "")
