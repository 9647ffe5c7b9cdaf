"""The tokenizer of a checkpoint: ids from text and back, chat prompts, and the ids to stop on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from tokenizers import Tokenizer

from mmoe.checkpoints.chat_pieces import ChatPieces, find_chat_pieces
from mmoe.checkpoints.chat_template import (
    FAMILY_SPECIALS,
    FAMILY_TEMPLATE,
    ChatTemplate,
    Message,
    find_template,
)
from mmoe.checkpoints.errors import TokenizerError
from mmoe.models.architectures.config import DecoderConfig
from mmoe.models.architectures.config_reader import read_json_object
from mmoe.models.errors import ConfigError

__all__ = ["ChatTokenizer", "Message", "load_tokenizer"]

TOKENIZER_FILE = "tokenizer.json"
SETTINGS_FILE = "tokenizer_config.json"
_BOS = "<|begin_of_text|>"
_END_OF_TURN = "<|eot|>"


class ChatTokenizer:
    """Encodes and decodes text, and renders conversations.

    Attributes:
        vocab_size: Number of tokens, the special ones included; at most the model's vocabulary.
        bos_id: Id that begins every text, or None for a tokenizer without one.
        stop_ids: Ids that end generation: every `eos_token_id` and `<|eot|>`.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        *,
        template: ChatTemplate | None,
        bos_id: int | None,
        stop_ids: frozenset[int],
        where: str,
    ) -> None:
        self._tokenizer = tokenizer
        self._template = template
        self._where = where
        self.vocab_size: int = tokenizer.get_vocab_size(with_added_tokens=True)
        self.bos_id = bos_id
        self.stop_ids = stop_ids

    @property
    def has_chat_template(self) -> bool:
        """Whether `render_chat` and `encode_chat` work."""
        return self._template is not None

    def encode(self, text: str) -> list[int]:
        """Ids of ``text``, with the BOS that tokenizer.json's own post-processor adds and no other."""
        ids: list[int] = self._tokenizer.encode(text).ids
        return ids

    def decode(self, ids: Sequence[int], *, skip_special_tokens: bool = True) -> str:
        """Text of ``ids``, its spaces untouched; an id without a token gives nothing, broken UTF-8 U+FFFD."""
        text: str = self._tokenizer.decode(list(ids), skip_special_tokens=skip_special_tokens)
        return text

    def render_chat(self, messages: Sequence[Message]) -> str:
        """Prompt text of a conversation, ready for the assistant's turn.

        Raises:
            TokenizerError: when the checkpoint has no chat template or the template refuses the messages.
        """
        if self._template is None:
            raise TokenizerError(
                f"{self._where}: has no chat template (base models have none); give a plain prompt, or use "
                "an instruction-tuned checkpoint"
            )
        return self._template.render(messages)

    def chat_pieces(self) -> ChatPieces | None:
        """The template as pieces of text; None without a template of that form. The pieces always begin with BOS."""
        if self._template is None or self._template.depends_on_time:
            return None
        bos_token = None if self.bos_id is None else self._tokenizer.id_to_token(self.bos_id)
        pieces = find_chat_pieces(self._template.render, bos_token=bos_token)
        if pieces is not None and bos_token and not pieces.begin:
            return replace(pieces, begin=bos_token)
        return pieces

    def encode_chat(self, messages: Sequence[Message]) -> list[int]:
        """Ids of `render_chat`'s text, with BOS exactly once at the front.

        Raises:
            TokenizerError: as `render_chat` does.
        """
        ids: list[int] = self._tokenizer.encode(self.render_chat(messages), add_special_tokens=False).ids
        if self.bos_id is None:
            return ids
        first = next((index for index, token in enumerate(ids) if token != self.bos_id), len(ids))
        return [self.bos_id, *ids[first:]]


def load_tokenizer(folder: Path, config: DecoderConfig) -> ChatTokenizer:
    """Loads `tokenizer.json` and the chat template of a checkpoint folder.

    A model may have more vocabulary rows than the tokenizer has tokens, but not fewer.

    Raises:
        TokenizerError: when the tokenizer is absent, unreadable or larger than the model's vocabulary, or the
            chat template is broken.
    """
    path = folder / TOKENIZER_FILE
    tokenizer = _read_tokenizer(path)
    largest = max(tokenizer.get_vocab(with_added_tokens=True).values(), default=-1)
    if largest < 0:
        raise TokenizerError(f"{path}: has no tokens")
    if largest >= config.vocab_size:
        raise TokenizerError(
            f"{path}: has token ids up to {largest}, but the model's vocab_size is {config.vocab_size}; "
            "this tokenizer belongs to another model"
        )
    settings = _read_settings(folder)
    bos_token, bos_id = _bos(tokenizer, config, settings)
    end_of_turn = tokenizer.token_to_id(_END_OF_TURN)
    return ChatTokenizer(
        tokenizer,
        template=_load_template(folder, tokenizer, settings, bos_token),
        bos_id=bos_id,
        stop_ids=frozenset(config.eos_token_ids) | ({end_of_turn} if end_of_turn is not None else set()),
        where=str(folder),
    )


def _read_tokenizer(path: Path) -> Tokenizer:
    if not path.exists():
        raise TokenizerError(f"{path}: file missing; take it from the checkpoint's own repository")
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the tokenizers library raises a bare Exception whatever is wrong
        raise TokenizerError(f"{path}: is not a readable tokenizer ({error}); download it again") from error
    # Settings left over from training would cut prompts short without a word.
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def _read_settings(folder: Path) -> dict[str, object]:
    path = folder / SETTINGS_FILE
    try:
        return read_json_object(path) if path.exists() else {}
    except ConfigError as error:
        raise TokenizerError(str(error)) from error


def _bos(
    tokenizer: Tokenizer, config: DecoderConfig, settings: Mapping[str, object]
) -> tuple[str | None, int | None]:
    """BOS as text and as id: what tokenizer_config.json says, else config.json, else the family's."""
    token = _token_text(settings.get("bos_token"))
    if token is None and config.bos_token_id is not None:
        token = tokenizer.id_to_token(config.bos_token_id)
    token = token or _BOS
    token_id = tokenizer.token_to_id(token)
    return (token, token_id) if token_id is not None else (None, None)


def _load_template(
    folder: Path, tokenizer: Tokenizer, settings: Mapping[str, object], bos_token: str | None
) -> ChatTemplate | None:
    special_tokens = {"bos_token": bos_token or ""}
    eos_token = _token_text(settings.get("eos_token"))
    if eos_token is not None:
        special_tokens["eos_token"] = eos_token
    found = find_template(folder, settings)
    if found is not None:
        source, origin = found
        return ChatTemplate(source, special_tokens=special_tokens, where=origin)
    if all(tokenizer.token_to_id(token) is not None for token in FAMILY_SPECIALS):
        return ChatTemplate(FAMILY_TEMPLATE, special_tokens=special_tokens, where=str(folder))
    return None


def _token_text(value: object) -> str | None:
    """A token of tokenizer_config.json, which is a string or an object with its ``content``."""
    content = value.get("content") if isinstance(value, dict) else value
    return content if isinstance(content, str) else None
