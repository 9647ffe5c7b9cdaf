"""Asks the runtime whether it reads a tokenizer and a chat template as Hugging Face does, before an app finds out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mmoe.checkpoints.chat_template import ChatTemplate, Message
from mmoe.checkpoints.errors import TokenizerError
from mmoe.checkpoints.tokenizer import TOKENIZER_FILE, ChatTokenizer
from mmoe.checkpoints.trials import TRIAL_TEXTS, trial_conversations
from mmoe.models.files import is_absent, read_regular
from mmoe.runtime_bindings.python.core import CoreFailure, Status
from mmoe.runtime_bindings.python.template import CoreTemplate
from mmoe.runtime_bindings.python.tokenizer import CoreTokenizer

_CURE = "an app could not use it; take a checkpoint whose tokenizer the runtime has (docs/runtime.md lists the kinds)"
_TEMPLATE_CURE = (
    "an app could not chat with it; mend the template, choose another one with --template NAME, or take it out of the "
    "folder (docs/runtime.md says what the runtime's templates can do)"
)


def require_intact(folder: Path, *, runs_in_libmmoe: bool) -> None:
    """Reads tokenizer.json with the runtime's reader first: on a hostile one Hugging Face's may end the process.

    An absent file passes, as the loader refuses it.

    Args:
        folder: Of the checkpoint.
        runs_in_libmmoe: Whether a kind of tokenizer that the runtime does not have is a fault.

    Raises:
        TokenizerError: the file is damaged, or of such a kind.
    """
    path = folder / TOKENIZER_FILE
    if is_absent(path):
        return
    try:
        CoreTokenizer(read_regular(path))
    except OSError as error:
        raise TokenizerError(f"{path}: cannot be read ({error}); download it again") from error
    except CoreFailure as failure:
        if failure.status is not Status.UNSUPPORTED:
            raise TokenizerError(
                f"{path}: is not a readable tokenizer ({failure}); download it again"
            ) from failure
        if runs_in_libmmoe:
            raise _unreadable(path, failure) from failure


def require_readable(folder: Path, tokenizer: ChatTokenizer) -> None:
    """Compares the runtime's tokenizer with Hugging Face's on trial texts: ids, and the text that they stand for.

    Args:
        folder: Of the checkpoint.
        tokenizer: What was loaded from it.

    Raises:
        TokenizerError: the runtime cannot read tokenizer.json, or reads something else in it.
    """
    path = folder / TOKENIZER_FILE
    try:
        runtime = CoreTokenizer(tokenizer.tokenizer_json.encode())
    except CoreFailure as failure:
        raise _unreadable(path, failure) from failure
    special = "".join(f" {token}x\n{token}{token}" for token in tokenizer.added_tokens)
    for text in (*TRIAL_TEXTS, special):
        expected = tokenizer.encode(text)
        found = runtime.encode(text.encode(), add_bos=True)
        if found != expected:
            _refuse(
                path,
                f"{_shown(text)} has the ids {_shown(found)} in it, and {_shown(expected)} in Hugging Face's",
            )
        decoded = runtime.decode(expected, skip_special=False).decode(errors="replace")
        if decoded != tokenizer.decode(expected, skip_special_tokens=False):
            _refuse(path, f"the ids {_shown(expected)} have another text in it than in Hugging Face's")


def require_renderable(template: ChatTemplate) -> None:
    """Renders trial conversations with the runtime's interpreter and with Jinja, which must say the same.

    Args:
        template: The checkpoint's.

    Raises:
        TokenizerError: the runtime cannot read the template or makes another text of a conversation, or the template
            itself refuses every conversation.
    """
    try:
        runtime = CoreTemplate(template.source)
    except CoreFailure as failure:
        raise TokenizerError(
            f"{template.where}: the runtime cannot read this chat template ({failure}): {_TEMPLATE_CURE}"
        ) from failure
    refusals = []
    accepted = 0
    for conversation in trial_conversations():
        expected: str | None = None
        try:
            expected = template.render(conversation)
            accepted += 1
        except TokenizerError as error:
            refusals.append(error)
        found, why = _rendered(runtime, template, conversation)
        same_day = template.depends_on_time and None not in (expected, found)
        if found != expected and not same_day:
            raise TokenizerError(
                f"{template.where}: the runtime makes {_shown(found) if found is not None else f'nothing ({why})'} of "
                f"a conversation that is {_shown(expected) if expected is not None else 'refused'} with Hugging Face's "
                f"libraries, for instance {_shown([message.role for message in conversation])}: {_TEMPLATE_CURE}"
            )
    if not accepted:
        raise TokenizerError(f"{refusals[0]}, and every other conversation that was tried: {_TEMPLATE_CURE}")


def _rendered(
    runtime: CoreTemplate, template: ChatTemplate, conversation: Sequence[Message]
) -> tuple[str | None, str]:
    try:
        return runtime.render(template.variables(conversation)), ""
    except CoreFailure as failure:
        return None, str(failure)


def _unreadable(path: Path, failure: CoreFailure) -> TokenizerError:
    return TokenizerError(f"{path}: the runtime cannot read this tokenizer ({failure}): {_CURE}")


def _refuse(path: Path, why: str) -> None:
    raise TokenizerError(f"{path}: the runtime reads another tokenizer from this file: {why}: {_CURE}")


def _shown(value: object, limit: int = 80) -> str:
    text = repr(value)
    return text if len(text) <= limit else f"{text[:limit]}..."
