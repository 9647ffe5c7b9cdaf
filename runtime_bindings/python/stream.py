"""The text that a session generates, piece by piece."""

from __future__ import annotations

import contextlib
import threading
import weakref
from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING, TypeVar

from mmoe.runtime_bindings.python.core import CoreFailure, Status, call
from mmoe.runtime_bindings.python.grammar import Grammar
from mmoe.runtime_bindings.python.limits import Limits
from mmoe.runtime_bindings.python.records import FinishReason, Stats

if TYPE_CHECKING:
    from mmoe.runtime_bindings.python.session import Session

_Result = TypeVar("_Result")


class Stream(Iterator[str]):
    """An iterator over pieces of text, one for each token; a piece is empty while a character is unfinished.

    Text that may be the beginning of a stop string is held back until it cannot be. The stream ends at a stop token or
    a stop string, at `max_new_tokens`, at the end of the context, or when it is cancelled. A failure is raised, and
    ends it too.

    Attributes:
        prompt_ids: What it continues; None if it goes on from the context.
        ids: The tokens so far, without the one that ended the text.
        finish_reason: Why it ended; None before, and after a failure.
    """

    def __init__(
        self,
        session: Session,
        prompt_ids: list[int] | None,
        limits: Limits,
        grammar: Grammar,
        on_finish: Callable[[Stream], None] | None = None,
        *,
        hide_tool_calls: bool = False,
    ) -> None:
        """Made by `generate` and `Chat.send`.

        Args:
            session: What generates.
            prompt_ids: What becomes the context; None goes on from it.
            limits: What ends the text.
            grammar: What the text must be.
            on_finish: Called when the text has ended by itself: not when it was cancelled or left, or failed.
            hide_tool_calls: As for `Session.hide_tool_calls`.
        """
        self.prompt_ids = prompt_ids
        self.ids: list[int] = []
        self.finish_reason: FinishReason | None = None
        self._session = session
        self._limits = limits
        self._grammar = grammar
        self._on_finish = on_finish
        self._hide_tool_calls = hide_tool_calls
        self._texts: list[str] = []
        self._stats: Stats | None = None
        self._lock = threading.Lock()
        self._inside = self._cancelled = self._superseded = False
        # Weakly, or a text that is left before its end would stay until the garbage collector runs, and with it the
        # session's context, whose size the collector does not know.
        self._pieces = Stream._run(weakref.proxy(self))

    def __next__(self) -> str:
        return next(self._pieces)

    @property
    def text(self) -> str:
        """The pieces so far; a character that is unfinished where the stream ends early is not in it."""
        return "".join(self._texts)

    @property
    def stats(self) -> Stats:
        """Counts and times of this text; once it has ended they stay as they are."""
        return self._session.stats if self._stats is None else self._stats

    def cancel(self) -> None:
        """Ends the stream after at most one call of the program; from any thread. What was run stays in the context."""
        with self._lock:
            self._cancelled = True
            if self._inside:
                self._session.cancel()

    def supersede(self) -> None:
        """The session goes on to something else: the stream is cancelled, and its statistics are kept."""
        self._superseded = True
        self.cancel()
        self._keep_stats()

    def _run(self) -> Iterator[str]:
        try:
            reason = yield from Stream._steps(self)  # not bound, which would hold more than the proxy does
        except CoreFailure as failure:
            if failure.status is not Status.CANCELLED:
                raise
            reason = FinishReason.CANCELLED
            if rest := self._held_back():
                self._texts.append(rest)
                yield rest
        self._keep_stats()
        self.finish_reason = reason
        if self._on_finish is not None and reason is not FinishReason.CANCELLED:
            self._on_finish(self)

    def _steps(self) -> Generator[str, None, FinishReason]:
        if self.prompt_ids is not None:
            prompt_ids = self.prompt_ids
            self._call(lambda: self._session.prompt(prompt_ids))
        self._call(lambda: self._session.set_limits(self._limits))
        self._call(lambda: self._session.hide_tool_calls(self._hide_tool_calls))
        self._call(lambda: call("session_set_grammar", self._session.handle, *self._grammar.arguments))
        while True:
            step = self._call(self._session.next)
            self._texts.append(step.text)
            if step.finish_reason is not None:
                if step.text:
                    yield step.text
                return step.finish_reason
            self.ids.append(step.id)
            yield step.text

    def _held_back(self) -> str:
        # A session that is used for something else has no text of this stream, one that was closed none at all.
        if not self._superseded:
            with contextlib.suppress(CoreFailure):
                return self._session.flush()
        return ""

    def _keep_stats(self) -> None:
        # A session that was closed meanwhile has none.
        with contextlib.suppress(CoreFailure):
            self._stats = self._stats or self._session.stats

    def _call(self, work: Callable[[], _Result]) -> _Result:
        """Runs a call of the session; a cancel must meet this call or none, not somebody's next one."""
        with self._lock:
            if self._cancelled:
                raise CoreFailure(Status.CANCELLED, "the stream was cancelled")
            self._inside = True
        try:
            return work()
        finally:
            with self._lock:
                self._inside = False
                if self._cancelled:
                    # The session may have been closed instead.
                    with contextlib.suppress(CoreFailure):
                        self._session.clear_cancel()
