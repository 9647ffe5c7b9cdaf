"""The chat template of a checkpoint, compiled."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from jinja2 import nodes

from mmoe.checkpoints.errors import TokenizerError
from mmoe.checkpoints.template_environment import template_environment

_NEWLINE = re.compile(r"\r\n|\r|\n")

FAMILY_SPECIALS = ("<|header_start|>", "<|header_end|>", "<|eot|>")


def family_template(bos_token: str) -> str:
    """The template of the released checkpoints, for a folder that carries their tokenizer and no template."""
    return (
        f"{{{{ {json.dumps(bos_token, ensure_ascii=False)} }}}}{{% for message in messages %}}"
        "{{ '<|header_start|>' + message.role + '<|header_end|>\\n\\n' + message.content + '<|eot|>' }}"
        "{% endfor %}{{ '<|header_start|>assistant<|header_end|>\\n\\n' }}"
    )


@dataclass(frozen=True)
class Message:
    """One turn of a conversation; ``role`` is system, user or assistant."""

    role: str
    content: str


class ChatTemplate:
    """A compiled template with the names that Hugging Face always gives it.

    These are ``messages``, ``tools`` and ``documents`` (None), ``add_generation_prompt``, the special tokens that the
    tokenizer has, ``raise_exception`` and ``strftime_now``.

    Attributes:
        source: Its text, with newlines for line ends of other kinds.
        where: What messages call it.
    """

    def __init__(self, source: str, *, special_tokens: Mapping[str, str], where: str) -> None:
        """Compiles the template.

        Args:
            source: the Jinja text.
            special_tokens: ``bos_token``, ``eos_token`` and the like, as the template may name them.
            where: what messages call the template.

        Raises:
            TokenizerError: when the text is not a valid template.
        """
        # As Jinja's lexer does, so that whoever else reads the text reads the same.
        self.source = "\n".join(_NEWLINE.split(source))
        self._special_tokens = dict(special_tokens)
        self.where = where
        self._environment = template_environment()
        try:
            self._template = self._environment.from_string(self.source)
            self._tree = self._environment.parse(self.source)
        except Exception as error:  # a template is foreign text, on which the compiler may fail in any way
            raise TokenizerError(f"{where}: is not a valid chat template ({error})") from error

    @property
    def depends_on_time(self) -> bool:
        """Whether it says what day it is, so that rendering it twice may differ."""
        return "strftime_now" in self.source

    @property
    def literals(self) -> frozenset[str]:
        """The texts that stand in its expressions; what it looks for in a message is among them."""
        constants = (node.value for node in self._tree.find_all(nodes.Const))
        return frozenset(value for value in constants if isinstance(value, str) and value)

    def variables(self, messages: Sequence[Message]) -> dict[str, object]:
        """The names that the template is given for a conversation, whoever renders it."""
        return {
            "messages": [asdict(message) for message in messages],
            "tools": None,
            "documents": None,
            "add_generation_prompt": True,
            **self._special_tokens,
        }

    def render(self, messages: Sequence[Message]) -> str:
        """The prompt text that asks for the assistant's next turn.

        Raises:
            TokenizerError: when the template refuses the messages or fails.
        """
        self._environment.begin()
        try:
            return self._template.render(self.variables(messages))
        except Exception as error:  # a template is foreign code, which may fail in any way
            raise TokenizerError(f"{self.where}: the chat template refused the messages ({error})") from error
