"""The chat template of a checkpoint: found in its folder, rendered in a sandbox."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import NoReturn

import jinja2
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

from mmoe.checkpoints.errors import TokenizerError

TEMPLATE_FILE = "chat_template.jinja"

# The template of the released checkpoints, for a folder that carries their tokenizer and no template.
FAMILY_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "{{ '<|header_start|>' + message.role + '<|header_end|>\\n\\n' + message.content + '<|eot|>' }}"
    "{% endfor %}{{ '<|header_start|>assistant<|header_end|>\\n\\n' }}"
)
FAMILY_SPECIALS = ("<|header_start|>", "<|header_end|>", "<|eot|>")


@dataclass(frozen=True)
class Message:
    """One turn of a conversation; ``role`` is system, user or assistant."""

    role: str
    content: str


class ChatTemplate:
    """A compiled Jinja template with the names that Hugging Face templates rely on.

    These are ``messages``, ``add_generation_prompt``, ``bos_token``, ``eos_token``, ``raise_exception`` and
    ``strftime_now``.
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
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=[loopcontrols],
        )
        environment.filters["tojson"] = _to_json
        environment.globals["raise_exception"] = _raise_exception
        environment.globals["strftime_now"] = _strftime_now
        self._special_tokens = dict(special_tokens)
        self._where = where
        self._source = source
        try:
            self._template = environment.from_string(source)
        except jinja2.TemplateError as error:
            raise TokenizerError(f"{where}: is not a valid chat template ({error})") from error

    @property
    def depends_on_time(self) -> bool:
        """Whether it says what day it is, so that rendering it twice may differ."""
        return "strftime_now" in self._source

    def render(self, messages: Sequence[Message]) -> str:
        """The prompt text that asks for the assistant's next turn.

        Raises:
            TokenizerError: when the template refuses the messages or fails.
        """
        try:
            return self._template.render(
                messages=[asdict(message) for message in messages],
                add_generation_prompt=True,
                **self._special_tokens,
            )
        except Exception as error:  # a template is foreign code, which may fail in any way
            raise TokenizerError(
                f"{self._where}: the chat template refused the messages ({error})"
            ) from error


def find_template(folder: Path, settings: Mapping[str, object]) -> tuple[str, str] | None:
    """Text and origin of the template in `chat_template.jinja` or, failing that, in `tokenizer_config.json`.

    Args:
        folder: the checkpoint folder.
        settings: the parsed `tokenizer_config.json`.

    Raises:
        TokenizerError: when the template file cannot be read.
    """
    path = folder / TEMPLATE_FILE
    if path.exists():
        try:
            return path.read_text(encoding="utf-8"), str(path)
        except (OSError, UnicodeDecodeError) as error:
            raise TokenizerError(f"{path}: cannot be read ({error})") from error
    origin = str(folder / "tokenizer_config.json")
    template = settings.get("chat_template")
    if isinstance(template, str):
        return template, origin
    if isinstance(template, list):
        named = {item.get("name"): item.get("template") for item in template if isinstance(item, dict)}
        default = named.get("default")
        if isinstance(default, str):
            return default, origin
    return None


def _to_json(value: object, indent: int | None = None) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent)


def _raise_exception(message: str) -> NoReturn:
    raise jinja2.TemplateError(message)


def _strftime_now(format_string: str) -> str:
    return datetime.now().strftime(format_string)
