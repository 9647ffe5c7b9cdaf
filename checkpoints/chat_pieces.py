"""A chat template as plain pieces of text, for runtimes without Jinja: found by rendering it, then checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mmoe.checkpoints.chat_template import ChatTemplate, Message
from mmoe.checkpoints.errors import TokenizerError
from mmoe.checkpoints.trials import trial_conversations

_ROLES = ("system", "user", "assistant")
# Contents that no template can mistake for its own text.
_FIRST, _SECOND = "\u241e1\u241e", "\u241e2\u241e"


@dataclass(frozen=True, kw_only=True)
class TurnPieces:
    """The text around the content of a message of one role."""

    before: str
    after: str


@dataclass(frozen=True, kw_only=True)
class ChatPieces:
    """A conversation is ``begin``, then for each message its turn's pieces around the content, then ``end``.

    Attributes:
        begin: before the first message; holds BOS if the model has one.
        turns: by role.
        end: the header of the assistant's turn.
        trim: whether white space around a content is dropped.
    """

    begin: str
    turns: dict[str, TurnPieces]
    end: str
    trim: bool

    def render(self, messages: Sequence[Message]) -> str:
        """What the template would say.

        Raises:
            KeyError: a role that the template lacks.
        """
        parts = [self.begin]
        for message in messages:
            turn = self.turns[message.role]
            content = message.content.strip() if self.trim else message.content
            parts += [turn.before, content, turn.after]
        return "".join([*parts, self.end])


def find_chat_pieces(template: ChatTemplate, *, bos_token: str | None) -> ChatPieces | None:
    """The pieces of a template; None if it is not of this form, for instance because it looks at the contents.

    Args:
        template: the template.
        bos_token: the text of BOS, which ``begin`` takes from the first message's pieces.
    """
    if template.depends_on_time:
        return None
    try:
        pieces = _split(template.render, bos_token)
        agrees = pieces is not None and all(
            template.render(conversation) == pieces.render(conversation)
            for conversation in trial_conversations(template.literals)
            if all(message.role in pieces.turns for message in conversation)
        )
    except TokenizerError:
        return None
    return pieces if agrees else None


def _split(render: Callable[[Sequence[Message]], str], bos_token: str | None) -> ChatPieces | None:
    once = render([Message("user", _FIRST)])
    head, _, tail = once.partition(_FIRST)
    between = (
        render([Message("user", _FIRST), Message("user", _SECOND)]).partition(_FIRST)[2].partition(_SECOND)[0]
    )
    begin = bos_token if bos_token and head.startswith(bos_token) else ""
    before = head.removeprefix(begin)
    after = between.removesuffix(before)
    if after + before != between or not tail.startswith(after):
        return None
    end = tail.removeprefix(after)
    turns = {"user": TurnPieces(before=before, after=after)}
    for role in set(_ROLES) - set(turns):
        turn = _turn(render, role, begin, turns["user"], end)
        if turn is not None:
            turns[role] = turn
    trim = render([Message("user", f" {_FIRST}\n")]) == once
    return ChatPieces(begin=begin, turns=dict(sorted(turns.items())), end=end, trim=trim)


def _turn(
    render: Callable[[Sequence[Message]], str], role: str, begin: str, user: TurnPieces, end: str
) -> TurnPieces | None:
    """The pieces of another role, from a conversation in which a user's turn follows it; None if it is refused."""
    try:
        text = render([Message(role, _FIRST), Message("user", _SECOND)])
    except TokenizerError:
        return None
    head, _, rest = text.partition(_FIRST)
    known = user.before + _SECOND + user.after + end
    if not head.startswith(begin) or not rest.endswith(known):
        return None
    return TurnPieces(before=head.removeprefix(begin), after=rest.removesuffix(known))
