"""A conversation with a model; its context is kept from turn to turn."""

from __future__ import annotations

from collections.abc import Sequence

from mmoe.runtime_bindings.python.grammar import Grammar, JsonSchema
from mmoe.runtime_bindings.python.limits import Limits
from mmoe.runtime_bindings.python.model import Model
from mmoe.runtime_bindings.python.records import Message
from mmoe.runtime_bindings.python.sampling import SamplingConfig
from mmoe.runtime_bindings.python.session import Session
from mmoe.runtime_bindings.python.stream import Stream


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
    ) -> None:
        """Opens a session; nothing runs.

        Args:
            model: An open model with a chat template.
            system: What the conversation begins with, if anything.
            sampling: How to choose tokens; the artifact's own if None.
            draft_tokens: As for `Session.set_speculation`.

        Raises:
            CoreFailure: The artifact has no chat template, or judges no drafts.
        """
        self._opening = [] if system is None else [Message("system", system)]
        self._history = list(self._opening)
        # A model without a template should say so before somebody types.
        model.chat([*self._opening, Message("user", "")])
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
    def history(self) -> Sequence[Message]:
        """The turns so far, the system message first."""
        return tuple(self._history)

    def reset(self) -> None:
        """Forgets all turns but the system message."""
        self._history = list(self._opening)
        self._session.reset()

    def restore(self, history: Sequence[Message]) -> None:
        """Goes on from other turns; a system message in front of them is what `reset` keeps.

        What the context holds of them already is not run again.

        Raises:
            CoreFailure: The artifact's template refuses them, or a text holds a NUL character.
        """
        self._session.model.chat([*history, Message("user", "")])
        self._opening = [message for message in history[:1] if message.role == "system"]
        self._history = list(history)

    def send(
        self,
        text: str,
        *,
        max_new_tokens: int | None = None,
        min_new_tokens: int = 0,
        stop: str | Sequence[str] = (),
        json_schema: JsonSchema | None = None,
        grammar: str | None = None,
    ) -> Stream:
        """Says something and streams the answer; nothing runs until the first piece is asked for.

        The turn becomes part of `history` when its answer has ended. One that fails, is cancelled, or is not read to
        its end leaves the conversation as it was; so does one that is still unread when the next is sent.

        Args:
            text: What the user says.
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
        turns = [*self._history, Message("user", text)]

        def keep(answer: Stream) -> None:
            self._history = [*turns, Message("assistant", answer.text)]

        return self._session.stream(self._session.model.chat(turns), limits, restricted, keep)
