"""A conversation line by line, without an editor; the context is kept from turn to turn."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from mmoe.export.cli.ui.streaming import tell
from mmoe.export.cli.ui.terminal import Terminal

if TYPE_CHECKING:
    from mmoe.runtime_bindings.python.chat import Chat
    from mmoe.runtime_bindings.python.limits import Limits

_HELP = "A conversation: /new forgets it, Ctrl-D ends it."


def converse(chat: "Chat", *, limits: "Limits", restriction: Mapping[str, Any], terminal: Terminal) -> None:
    """Answers lines from stdin until it ends.

    Args:
        chat: A new conversation.
        limits: What ends an answer.
        restriction: What an answer must be, as `Chat.send` takes it: a json_schema, a grammar, or nothing.
        terminal: Where answers go.

    Raises:
        MmoeError: The conversation no longer fits into the context.
    """
    terminal.say(_HELP)
    while True:
        try:
            line = input("> ")
        except EOFError:
            terminal.write("\n")
            return
        if line == "/new":
            chat.reset()
        elif line.strip():
            tell(chat.send(line, **asdict(limits), **restriction), terminal)
