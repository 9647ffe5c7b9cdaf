"""Opens an artifact as an app will, before it has its name: what libmmoe cannot run is no artifact."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from mmoe.backends.errors import ArtifactError
from mmoe.checkpoints.errors import TokenizerError
from mmoe.checkpoints.tokenizer import ChatTokenizer, Message
from mmoe.checkpoints.trials import TOOL_CONVERSATIONS, TRIAL_TEXTS, TRIAL_TOOLS, trial_conversations
from mmoe.export.artifact.manifest import RuntimeRecord
from mmoe.runtime_bindings.python.conversation import Turn, conversation
from mmoe.runtime_bindings.python.core import CoreFailure, Status
from mmoe.runtime_bindings.python.model import Model
from mmoe.runtime_bindings.python.session import Session

Tools: TypeAlias = Sequence[Mapping[str, object]] | None

# The same for both, or a template that tells the time would differ.
_NOW = "2026-07-04T12:30:05"


def require_running(folder: Path, tokenizer: ChatTokenizer, runtime: RuntimeRecord) -> None:
    """Decodes a token in libmmoe, and has it encode texts and conversations.

    Args:
        folder: The finished artifact.
        tokenizer: Of the checkpoint.
        runtime: What the manifest says.

    Raises:
        ArtifactError: libmmoe cannot open or run the artifact, or gives other ids than Hugging Face's tokenizer.
    """
    try:
        with Model(folder) as model:
            _decode_one(model, runtime)
            differing = [
                *_differing_texts(model, tokenizer),
                *_differing_chats(model, tokenizer),
            ]
    except CoreFailure as failure:
        raise ArtifactError(
            f"libmmoe cannot run what was converted, so it was not kept: {failure}"
        ) from failure
    if differing:
        raise ArtifactError(
            "libmmoe gives other ids than Hugging Face's libraries, so what was converted was not kept; for instance "
            f"for {differing[0]!r}"
        )


def _decode_one(model: Model, runtime: RuntimeRecord) -> None:
    with Session(model) as session:
        session.prefill([runtime.bos_id or 0])
        session.next()


def _differing_texts(model: Model, tokenizer: ChatTokenizer) -> list[str]:
    plain = [text for text in TRIAL_TEXTS if not _names_a_token(text, tokenizer)]
    return [text for text in plain if model.tokenize(text) != tokenizer.encode(text)]


def _differing_chats(model: Model, tokenizer: ChatTokenizer) -> list[Sequence[Turn]]:
    """Conversations of which the runtime makes other ids; one that both refuse is no difference."""
    if tokenizer.template is None:
        return []
    # A user who writes the texts of special tokens has written text.
    forged = "".join(f" {token}x\n{token}{token}" for token in tokenizer.added_tokens)
    conversations: list[tuple[Sequence[Turn], Tools]] = [
        *((turns, None) for turns in trial_conversations()),
        ([Message("user", forged)], None),
        *((turns, TRIAL_TOOLS) for turns in TOOL_CONVERSATIONS),
    ]
    return [
        messages
        for messages, tools in conversations
        if _runtime_ids(model, messages, tools) != _reference_ids(tokenizer, messages, tools)
    ]


def _runtime_ids(model: Model, messages: Sequence[Turn], tools: Tools) -> list[int] | None:
    try:
        return model.chat_json(conversation(messages, tools=tools), now=_NOW)
    except CoreFailure as failure:
        if failure.status is Status.UNSUPPORTED:
            raise
        return None


def _reference_ids(tokenizer: ChatTokenizer, messages: Sequence[Turn], tools: Tools) -> list[int] | None:
    try:
        return tokenizer.encode_chat(messages, tools=tools, now=_NOW)
    except TokenizerError:
        return None


def _names_a_token(text: str, tokenizer: ChatTokenizer) -> bool:
    """Such text is a token to Hugging Face, and plain text in libmmoe when a user writes it."""
    return any(token in text for token in tokenizer.added_tokens)
