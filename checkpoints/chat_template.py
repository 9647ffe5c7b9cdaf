"""The chat template of a checkpoint, rendered by the interpreter that the apps have: the core's."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from mmoe.checkpoints.errors import TokenizerError
from mmoe.runtime_bindings.python.conversation import Turn, conversation
from mmoe.runtime_bindings.python.core import CoreFailure
from mmoe.runtime_bindings.python.template import CoreTemplate, Span

TEMPLATE_CURE = (
    "an app could not chat with it; mend the template, choose another one with --template NAME, or take it out of the "
    "folder (docs/runtime.md says what the runtime's templates can do)"
)

_NEWLINE = re.compile(r"\r\n|\r|\n")

FAMILY_SPECIALS = ("<|header_start|>", "<|header_end|>", "<|eot|>")


def family_template(bos_token: str) -> str:
    """The template of the released checkpoints, for a folder that carries their tokenizer and no template."""
    return (
        f"{{{{ {json.dumps(bos_token, ensure_ascii=False)} }}}}{{% for message in messages %}}"
        "{{ '<|header_start|>' + message.role + '<|header_end|>\\n\\n' + message.content + '<|eot|>' }}"
        "{% endfor %}{{ '<|header_start|>assistant<|header_end|>\\n\\n' }}"
    )


class ChatTemplate:
    """A template with the names that Hugging Face always gives it.

    These are ``messages``, ``tools``, ``documents``, ``add_generation_prompt``, the special tokens that the tokenizer
    has, ``raise_exception`` and ``strftime_now``.

    Attributes:
        source: Its text, with newlines for line ends of other kinds.
        where: What messages call it.
    """

    def __init__(self, source: str, *, special_tokens: Mapping[str, str], where: str) -> None:
        """Parses the template.

        Args:
            source: the Jinja text.
            special_tokens: ``bos_token``, ``eos_token`` and the like, as the template may name them.
            where: what messages call the template.

        Raises:
            TokenizerError: when the text is empty or not a valid template, or needs what the runtime does not have.
        """
        if not source:
            raise TokenizerError(f"{where}: the chat template is empty: {TEMPLATE_CURE}")
        # As Jinja's lexer does, so that whoever else reads the text reads the same.
        self.source = "\n".join(_NEWLINE.split(source))
        self._special_tokens = dict(special_tokens)
        self.where = where
        try:
            self._template = CoreTemplate(self.source)
        except CoreFailure as failure:
            raise TokenizerError(
                f"{where}: the runtime cannot read this chat template ({failure}): {TEMPLATE_CURE}"
            ) from failure

    def variables(
        self, messages: Sequence[Turn], *, tools: Sequence[Mapping[str, object]] | None = None
    ) -> dict[str, object]:
        """The names that the template is given for a conversation, whoever renders it."""
        return {"documents": None, **conversation(messages, tools=tools), **self._special_tokens}

    def render(
        self,
        messages: Sequence[Turn],
        *,
        tools: Sequence[Mapping[str, object]] | None = None,
        now: str | None = None,
    ) -> str:
        """The prompt text that asks for the assistant's next turn.

        Args:
            messages: The turns so far.
            tools: What the assistant may call, as JSON schemas of functions.
            now: What the template takes for the local time, ``2026-07-04T12:30:00``; None for the clock's.

        Raises:
            TokenizerError: when the template refuses the messages or fails.
        """
        return "".join(span.text for span in self.spans(messages, tools=tools, now=now))

    def spans(
        self,
        messages: Sequence[Turn],
        *,
        tools: Sequence[Mapping[str, object]] | None = None,
        now: str | None = None,
    ) -> list[Span]:
        """The text of `render` in pieces that are the template's or the messages'; raises as it does."""
        try:
            return self._template.spans(self.variables(messages, tools=tools), now=now)
        except CoreFailure as failure:
            raise TokenizerError(
                f"{self.where}: the chat template refused the messages ({failure})"
            ) from failure
