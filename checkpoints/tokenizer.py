"""The tokenizer of a checkpoint: ids from text and back, chat prompts, and how generation starts, samples and ends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tokenizers import Tokenizer

from mmoe.checkpoints.added_tokens import add_listed_tokens
from mmoe.checkpoints.chat_encoding import encode_spans
from mmoe.checkpoints.chat_template import FAMILY_SPECIALS, ChatTemplate, family_template
from mmoe.checkpoints.chat_template_files import choose_template, find_templates
from mmoe.checkpoints.errors import TokenizerError
from mmoe.checkpoints.generation_settings import read_generation_settings
from mmoe.checkpoints.special_tokens import SETTINGS_FILE, SpecialTokens, read_special_tokens
from mmoe.checkpoints.text_files import read_json, read_text
from mmoe.checkpoints.tokenizer_trial import require_harmless
from mmoe.models.architectures.config import CONFIG_FILE, DecoderConfig
from mmoe.runtime_bindings.python.conversation import Turn
from mmoe.runtime_bindings.python.records import Message
from mmoe.runtime_bindings.python.sampling import SamplingConfig

__all__ = ["SETTINGS_FILE", "ChatTokenizer", "Message", "load_tokenizer"]

TOKENIZER_FILE = "tokenizer.json"
_BOS = "<|begin_of_text|>"
_END_OF_TURN = "<|eot|>"
# pyo3 makes this class anew in each library, so that it cannot be imported.
_PANIC = "PanicException"


class ChatTokenizer:
    """Encodes and decodes text, and renders conversations.

    Attributes:
        vocab_size: Number of tokens, the special ones included; at most the model's vocabulary.
        template: The chat template; None without one.
        template_is_built_in: Whether it is the family's, because the checkpoint has none of its own.
        bos_id: Id that begins a text, or None for a tokenizer without one. Whether it begins a conversation is the
            template's business.
        stop_ids: Ids that end generation: those that any of the checkpoint's files names as the end, and `<|eot|>`.
        special_tokens: Texts by the names that a template may use, such as ``bos_token``.
        sampling: How the checkpoint's author chooses tokens.
        sampling_not_applied: Keys of further settings of that author that the runtime does not have.
        tokenizer_json: The text of a tokenizer.json that reads the same without the settings beside it: the
            checkpoint's own, unless those list further tokens.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        *,
        template: ChatTemplate | None,
        template_is_built_in: bool,
        bos_id: int | None,
        stop_ids: frozenset[int],
        special_tokens: Mapping[str, str],
        sampling: SamplingConfig,
        sampling_not_applied: tuple[str, ...],
        tokenizer_json: str,
        where: str,
    ) -> None:
        self._tokenizer = tokenizer
        self._where = where
        self.vocab_size: int = tokenizer.get_vocab_size(with_added_tokens=True)
        self.template = template
        self.template_is_built_in = template_is_built_in
        self.bos_id = bos_id
        self.stop_ids = stop_ids
        self.special_tokens = special_tokens
        self.sampling = sampling
        self.sampling_not_applied = sampling_not_applied
        self.tokenizer_json = tokenizer_json

    @property
    def has_chat_template(self) -> bool:
        """Whether `render_chat` and `encode_chat` work."""
        return self.template is not None

    @property
    def added_tokens(self) -> list[str]:
        """The texts that are tokens wherever they stand, such as `<|eot|>`, by id."""
        added = self._tokenizer.get_added_tokens_decoder()
        return [token.content for _, token in sorted(added.items())]

    def encode(self, text: str) -> list[int]:
        """Ids of ``text``, with the BOS that tokenizer.json's own post-processor adds and no other.

        Raises:
            TokenizerError: when the tokenizers library fails on it.
        """
        with _explained(self._where):
            ids: list[int] = self._tokenizer.encode(text).ids
        return ids

    def decode(self, ids: Sequence[int], *, skip_special_tokens: bool = True) -> str:
        """Text of ``ids``, its spaces untouched; an id without a token gives nothing, broken UTF-8 U+FFFD.

        Raises:
            TokenizerError: when the tokenizers library fails on them.
        """
        with _explained(self._where):
            text: str = self._tokenizer.decode(list(ids), skip_special_tokens=skip_special_tokens)
        return text

    def render_chat(
        self,
        messages: Sequence[Turn],
        *,
        tools: Sequence[Mapping[str, object]] | None = None,
        now: str | None = None,
    ) -> str:
        """Prompt text of a conversation, ready for the assistant's turn; see `ChatTemplate.render`.

        Raises:
            TokenizerError: when the checkpoint has no chat template or the template refuses the messages.
        """
        return self._required_template().render(messages, tools=tools, now=now)

    def encode_chat(
        self,
        messages: Sequence[Turn],
        *,
        tools: Sequence[Mapping[str, object]] | None = None,
        now: str | None = None,
    ) -> list[int]:
        """Ids of `render_chat`'s text, which begins with BOS if the template says so.

        Special tokens are those of the template; their text in messages and tools is plain text, as in the apps.

        Raises:
            TokenizerError: as `render_chat` does, or when the tokenizers library fails on its text.
        """
        spans = self._required_template().spans(messages, tools=tools, now=now)
        with _explained(self._where):
            return encode_spans(self._tokenizer, spans)

    def _required_template(self) -> ChatTemplate:
        if self.template is None:
            raise TokenizerError(
                f"{self._where}: has no chat template (base models have none); give a plain prompt, or use "
                "an instruction-tuned checkpoint"
            )
        return self.template


def load_tokenizer(folder: Path, config: DecoderConfig, *, template: str | None = None) -> ChatTokenizer:
    """Loads `tokenizer.json`, the chat template and the settings of a checkpoint or artifact folder.

    A model may have more vocabulary rows than the tokenizer has tokens, but not fewer.

    Args:
        folder: The folder.
        config: The model's config.
        template: Name of the chat template, where there are several; None for the default one.

    Raises:
        TokenizerError: when the tokenizer is absent, unreadable or larger than the model's vocabulary, the chat
            template is broken, or a file of settings is unreadable or contradicts the tokenizer.
    """
    path = folder / TOKENIZER_FILE
    tokenizer, tokenizer_json = _read_tokenizer(path)
    _refuse_splitting(folder)
    special = read_special_tokens(folder)
    bos_token = _bos_token(tokenizer, special, config)
    bos_id = None if bos_token is None else tokenizer.token_to_id(bos_token)
    if bos_token is not None and bos_id is None:
        raise TokenizerError(
            f"{folder}: bos_token is {bos_token!r}, which is no token of {path.name}; correct it"
        )
    if add_listed_tokens(tokenizer, folder, special):
        tokenizer_json = tokenizer.to_str()
    largest = max(tokenizer.get_vocab(with_added_tokens=True).values(), default=-1)
    if largest < 0:
        raise TokenizerError(f"{path}: has no tokens")
    if largest >= config.vocab_size:
        raise TokenizerError(
            f"{path}: has token ids up to {largest}, but the model's vocab_size is {config.vocab_size}; "
            "this tokenizer belongs to another model"
        )
    generation = read_generation_settings(folder, vocab_size=config.vocab_size)
    stop_ids = frozenset(config.eos_token_ids) | frozenset(generation.eos_token_ids)
    stop_ids |= _known_ids(tokenizer, (special.texts.get("eos_token"), _END_OF_TURN))
    if not stop_ids:
        raise TokenizerError(
            f"{folder}: no file says which token ends generation; set eos_token_id in {CONFIG_FILE}"
        )
    own = choose_template(find_templates(folder), template, where=str(folder))
    chat: ChatTemplate | None
    if own is not None:
        chat = ChatTemplate(own.source, special_tokens=special.texts, where=own.origin)
    else:
        chat = _built_in_template(tokenizer, bos_token or "", folder)
    return ChatTokenizer(
        tokenizer,
        template=chat,
        template_is_built_in=chat is not None and own is None,
        bos_id=bos_id,
        stop_ids=stop_ids,
        special_tokens=special.texts,
        sampling=generation.sampling,
        sampling_not_applied=generation.not_applied,
        tokenizer_json=tokenizer_json,
        where=str(folder),
    )


def _known_ids(tokenizer: Tokenizer, tokens: Sequence[str | None]) -> frozenset[int]:
    """Ids of the tokens that the vocabulary has; one that it lacks never comes, so it ends nothing."""
    ids = (tokenizer.token_to_id(token) for token in tokens if token is not None)
    return frozenset(token_id for token_id in ids if token_id is not None)


def _built_in_template(tokenizer: Tokenizer, bos_token: str, folder: Path) -> ChatTemplate | None:
    """The family's template for a folder without one; None for the tokenizer of another family or of a base model."""
    if any(tokenizer.token_to_id(token) is None for token in FAMILY_SPECIALS):
        return None
    return ChatTemplate(family_template(bos_token), special_tokens={}, where=str(folder))


def _read_tokenizer(path: Path) -> tuple[Tokenizer, str]:
    """The tokenizer and the text that it was read from."""
    text = read_text(path)
    if text is None:
        raise TokenizerError(f"{path}: file missing; take it from the checkpoint's own repository")
    require_harmless(path, text)
    with _explained(str(path)):
        tokenizer = Tokenizer.from_str(text)
    # Settings left over from training would cut prompts short without a word.
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer, text


def _refuse_splitting(folder: Path) -> None:
    """With this setting Hugging Face reads the special tokens of a template as plain text, which no model expects."""
    path = folder / SETTINGS_FILE
    if (read_json(path) or {}).get("split_special_tokens"):
        raise TokenizerError(
            f"{path}: key 'split_special_tokens' is set, so that chat templates would have no special tokens; remove it"
        )


@contextmanager
def _explained(where: str) -> Iterator[None]:
    """Turns what the tokenizers library raises into a TokenizerError: bare Exceptions, and panics, which are none."""
    try:
        yield
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__name__ != _PANIC:
            raise
        raise TokenizerError(
            f"{where}: Hugging Face's tokenizers library fails on it ({error}); download tokenizer.json again"
        ) from error


def _bos_token(tokenizer: Tokenizer, special: SpecialTokens, config: DecoderConfig) -> str | None:
    """What the settings say; where they do not mention it, what config.json says, else the family's."""
    if "bos_token" in special.named:
        return special.texts.get("bos_token")
    token: str | None = None
    if config.bos_token_id is not None:
        token = tokenizer.id_to_token(config.bos_token_id)
    return token or (_BOS if tokenizer.token_to_id(_BOS) is not None else None)
