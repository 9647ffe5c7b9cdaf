"""Opens an artifact as an app will, before it has its name: what libmmoe cannot run is no artifact."""

from __future__ import annotations

from pathlib import Path

from mmoe.backends.errors import ArtifactError
from mmoe.checkpoints.chat_pieces import ChatPieces
from mmoe.checkpoints.tokenizer import ChatTokenizer, Message
from mmoe.checkpoints.trials import TRIAL_TEXTS, trial_conversations
from mmoe.export.artifact.manifest import RuntimeRecord
from mmoe.runtime_bindings.python.core import CoreFailure
from mmoe.runtime_bindings.python.model import Model
from mmoe.runtime_bindings.python.session import Session


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
                *_differing_chats(model, tokenizer, runtime.chat),
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


def _differing_chats(
    model: Model, tokenizer: ChatTokenizer, pieces: ChatPieces | None
) -> list[tuple[Message, ...]]:
    if pieces is None:
        return []
    return [
        conversation
        for conversation in trial_conversations()
        if all(message.role in pieces.turns for message in conversation)
        and not any(_names_a_token(message.content, tokenizer) for message in conversation)
        and model.chat([(message.role, message.content) for message in conversation])
        != tokenizer.encode_chat(conversation)
    ]


def _names_a_token(text: str, tokenizer: ChatTokenizer) -> bool:
    """Such text is a token to Hugging Face, and plain text in libmmoe when a user writes it."""
    return any(token in text for token in tokenizer.added_tokens)
