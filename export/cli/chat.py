"""A conversation in the terminal; the context is kept from turn to turn."""

from typing import TYPE_CHECKING

from mmoe.export.cli.ui.streaming import tell
from mmoe.export.cli.ui.terminal import Terminal

if TYPE_CHECKING:
    from mmoe.checkpoints.tokenizer import Message
    from mmoe.export.generate.text_generation import TextGenerator
    from mmoe.runtime_bindings.python.sampling import SamplingConfig

_HELP = "A conversation: /new forgets it, Ctrl-D ends it."


def converse(
    generator: "TextGenerator",
    opening: "list[Message]",
    *,
    sampling: "SamplingConfig",
    max_new_tokens: int | None,
    terminal: Terminal,
) -> None:
    """Answers lines from stdin until it ends.

    Args:
        generator: A loaded artifact.
        opening: What a conversation begins with: a system message, or nothing.
        sampling: How to choose tokens.
        max_new_tokens: Tokens of one answer at most.
        terminal: Where answers go.

    Raises:
        MmoeError: The model has no chat template, or the conversation no longer fits into the context.
    """
    from mmoe.checkpoints.tokenizer import Message

    # A model without a chat template should say so before the user types.
    generator.tokenizer.render_chat([*opening, Message("user", "")])
    terminal.say(_HELP)
    messages = [*opening]
    while True:
        try:
            line = input("> ")
        except EOFError:
            terminal.write("\n")
            return
        if line == "/new":
            messages = [*opening]
        elif line.strip():
            messages.append(Message("user", line))
            prompt_ids = generator.tokenizer.encode_chat(messages)
            stream = generator.stream(prompt_ids, sampling=sampling, max_new_tokens=max_new_tokens)
            messages.append(Message("assistant", tell(stream, terminal)))
