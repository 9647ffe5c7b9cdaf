"""Asks the runtime whether it reads a tokenizer and a chat template as Hugging Face does, before an app finds out."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path

from mmoe.checkpoints.chat_template import TEMPLATE_CURE, ChatTemplate
from mmoe.checkpoints.errors import TokenizerError
from mmoe.checkpoints.jinja_template import JinjaTemplate
from mmoe.checkpoints.tokenizer import TOKENIZER_FILE, ChatTokenizer
from mmoe.checkpoints.trials import TOOL_CONVERSATIONS, TRIAL_TEXTS, TRIAL_TOOLS, trial_conversations
from mmoe.runtime_bindings.python.conversation import Turn
from mmoe.runtime_bindings.python.core import CoreFailure, Status
from mmoe.runtime_bindings.python.tokenizer import CoreTokenizer

# The same for both, or a template that tells the time would differ.
_NOW = datetime(2026, 7, 4, 12, 30, 5)
# Released templates take 0.1 s for all conversations; one that takes a second for each has been tried enough by then.
_MOST_SECONDS = 5

_CURE = "an app could not use it; take a checkpoint whose tokenizer the runtime has (docs/runtime.md lists the kinds)"


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
        TokenizerError: the runtime makes another text of a conversation, or the template refuses every conversation.
    """
    jinja = JinjaTemplate(template.source, where=template.where)
    accepted, refusal = 0, ""
    # Of this process's own time: on a machine that is busy, or asleep meanwhile, no less is tried.
    deadline = time.process_time() + _MOST_SECONDS
    for messages, tools in _trials(jinja.literals):
        if time.process_time() > deadline:
            break
        variables = template.variables(messages, tools=tools)
        # The runtime first: its bounds hold for whatever a template does, Jinja's for what takes most.
        found, why = _outcome(partial(template.render, messages, tools=tools, now=_NOW.isoformat()))
        expected, refused = _outcome(partial(jinja.render, variables, now=_NOW))
        if found != expected:
            raise TokenizerError(
                f"{template.where}: the runtime makes {_made(found, why)} of a conversation of which Hugging Face's "
                f"libraries make {_made(expected, refused)}, for instance {_shown(messages)}: {TEMPLATE_CURE}"
            )
        accepted += expected is not None
        refusal = refusal or refused
    if not accepted:
        raise TokenizerError(f"{refusal}, and every other conversation that was tried: {TEMPLATE_CURE}")


def _trials(
    literals: Collection[str],
) -> Iterator[tuple[Sequence[Turn], Sequence[Mapping[str, object]] | None]]:
    yield from ((messages, TRIAL_TOOLS) for messages in TOOL_CONVERSATIONS)
    yield from ((messages, None) for messages in trial_conversations(literals))


def _outcome(render: Callable[[], str]) -> tuple[str | None, str]:
    """The text; or None, and why there is none."""
    try:
        return render(), ""
    except TokenizerError as error:
        failure = error.__cause__
        if isinstance(failure, CoreFailure) and failure.status is Status.OUT_OF_RESOURCES:
            raise TokenizerError(f"{error}: {TEMPLATE_CURE}") from error
        return None, str(error)


def _made(text: str | None, why: str) -> str:
    return f"nothing ({why})" if text is None else _shown(text)


def _unreadable(path: Path, failure: CoreFailure) -> TokenizerError:
    return TokenizerError(f"{path}: the runtime cannot read this tokenizer ({failure}): {_CURE}")


def _refuse(path: Path, why: str) -> None:
    raise TokenizerError(f"{path}: the runtime reads another tokenizer from this file: {why}: {_CURE}")


def _shown(value: object, limit: int = 80) -> str:
    text = repr(value)
    return text if len(text) <= limit else f"{text[:limit]}..."
