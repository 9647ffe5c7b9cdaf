"""A conversation that reads lines, answers them, and obeys commands that begin with a slash."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmoe.export.cli.repl.interruptible import interruptible
from mmoe.export.cli.ui.streaming import statistics
from mmoe.export.cli.ui.terminal import Terminal
from mmoe.models.json_text import parse_json
from mmoe.runtime_bindings.python.core import CoreFailure
from mmoe.runtime_bindings.python.records import FinishReason, Message

if TYPE_CHECKING:
    from mmoe.runtime_bindings.python.chat import Chat
    from mmoe.runtime_bindings.python.limits import Limits
    from mmoe.runtime_bindings.python.stream import Stream

_OPENING = "A conversation: /help lists the commands, Ctrl-C stops an answer, Ctrl-D leaves."


class Repl:
    """The loop and its commands; each command is a method, and its docstring what /help tells."""

    def __init__(
        self, chat: Chat, limits: Limits, restriction: Mapping[str, Any], terminal: Terminal
    ) -> None:
        """Prepares it.

        Args:
            chat: The conversation.
            limits: What ends an answer.
            restriction: What an answer must be, as `Chat.send` takes it: a json_schema, a grammar, or nothing.
            terminal: Where answers and notes go.
        """
        self._chat = chat
        self._limits = limits
        self._restriction = restriction
        self._terminal = terminal
        self._last: Stream | None = None
        self._left = False
        self._commands: dict[str, Callable[[str], None]] = {
            "/help": self._help,
            "/new": self._new,
            "/system": self._system,
            "/save": self._save,
            "/load": self._load,
            "/regen": self._regenerate,
            "/stats": self._statistics,
            "/exit": self._exit,
        }

    def run(self, lines: Iterable[str]) -> None:
        """Answers lines until they end or one of them is /exit."""
        self._terminal.say(_OPENING)
        for line in lines:
            name, _, argument = line.strip().partition(" ")
            if name in self._commands:
                self._commands[name](argument.strip())
            elif name.startswith("/"):
                self._terminal.say(f"no command {name}; /help lists them")
            elif name:
                self._answer(line)
            if self._left:
                return

    def _answer(self, text: str) -> None:
        before = self._chat.history
        try:
            stream = self._chat.send(text, **asdict(self._limits), **self._restriction)
            self._last = stream
            for piece in interruptible(stream):
                self._terminal.write(piece)
        except CoreFailure as failure:
            # What is wrong with this turn; the conversation is as it was and goes on.
            self._terminal.say(f"error: {failure}")
            return
        self._terminal.write("\n")
        if self._chat.history != before and self._chat.left_out:
            turns = sum(message.role == "user" for message in self._chat.left_out)
            self._terminal.say(
                f"[the context is full: the oldest {_counted(turns, 'turn')} left the conversation]"
            )
        if stream.finish_reason is FinishReason.CONTEXT_FULL:
            self._terminal.say("[the answer ends here: the context is full; the next turn makes room]")
        elif stream.finish_reason is FinishReason.CANCELLED:
            assert self._chat.history == before
            self._terminal.say("[stopped; this turn is forgotten]")

    def _help(self, _: str) -> None:
        """/help             this list"""
        for command in self._commands.values():
            self._terminal.say(command.__doc__ or "")

    def _new(self, _: str) -> None:
        """/new              forget all turns but the system message"""
        self._chat.reset()

    def _system(self, text: str) -> None:
        """/system TEXT      begin again with this system message; without TEXT, with none"""
        self._chat.restore([Message("system", text)] if text else [])

    def _save(self, name: str) -> None:
        """/save FILE        write the turns as JSON"""
        messages = [message._asdict() for message in self._chat.history]
        self._with_file(
            name,
            lambda path: path.write_text(json.dumps(messages, ensure_ascii=False, indent=1) + "\n", "utf-8"),
        )

    def _load(self, name: str) -> None:
        """/load FILE        go on with the turns of a file that /save wrote"""
        self._with_file(name, lambda path: self._chat.restore(_messages(path.read_text("utf-8"))))

    def _regenerate(self, _: str) -> None:
        """/regen            answer the last message again"""
        history = self._chat.history
        if [message.role for message in history[-2:]] != ["user", "assistant"]:
            self._terminal.say("there is no answer yet")
            return
        *turns, question, _answer = history
        self._chat.restore(turns)
        self._answer(question.content)
        if self._chat.history == tuple(turns):
            self._chat.restore(history)  # no new answer: the old one stays

    def _statistics(self, _: str) -> None:
        """/stats            tokens and speed of the last answer"""
        self._terminal.say("there is no answer yet" if self._last is None else statistics(self._last))

    def _exit(self, _: str) -> None:
        """/exit             leave, as Ctrl-D does"""
        self._left = True

    def _with_file(self, name: str, work: Callable[[Path], object]) -> None:
        if not name:
            self._terminal.say("give a file's name")
            return
        try:
            work(Path(name))
        except (OSError, ValueError, CoreFailure) as error:
            self._terminal.say(f"error: {name}: {error}")


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _messages(text: str) -> Sequence[Message]:
    found = parse_json(text)
    if not isinstance(found, list):
        raise ValueError("is not a list of messages")
    messages = []
    for each in found:
        if not (
            isinstance(each, dict)
            and isinstance(each.get("role"), str)
            and isinstance(each.get("content"), str)
        ):
            raise ValueError("holds something without a role and a content, which is no message")
        messages.append(Message(each["role"], each["content"]))
    return messages
