"""The thread that computes: several texts in turn, a token each, in sessions that keep what they hold."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from mmoe.runtime_bindings.python.errors import MmoeError
from mmoe.runtime_bindings.python.grammar import Grammar, GrammarKind
from mmoe.runtime_bindings.python.limits import Limits
from mmoe.runtime_bindings.python.model import Model
from mmoe.runtime_bindings.python.records import FinishReason, TokenLogprob
from mmoe.runtime_bindings.python.sampling import SamplingConfig
from mmoe.runtime_bindings.python.session import Session


@dataclass(frozen=True)
class Piece:
    """A token.

    Attributes:
        id: The token.
        text: What became readable with it.
        logprob: What the model thought of it; None unless that was asked for.
        top: The most probable tokens.
    """

    id: int
    text: str
    logprob: float | None = None
    top: Sequence[TokenLogprob] = ()


@dataclass(frozen=True)
class PromptToken:
    """A token of a prompt that was to be scored.

    Attributes:
        id: The token.
        logprob: What the model thought of it; None for the first.
        top: The most probable tokens in its place.
    """

    id: int
    logprob: float | None
    top: Sequence[TokenLogprob] = ()


@dataclass(frozen=True)
class End:
    """The end of a text.

    Attributes:
        reason: Why it ended; `CANCELLED` where its time was up.
        text: What was held back.
        cached_tokens: Of the prompt, that a session held already.
        expert_counts: How often each expert of each layer was chosen; empty unless that was asked for.
    """

    reason: FinishReason
    text: str
    cached_tokens: int
    expert_counts: Sequence[Sequence[int]] = ()


@dataclass(frozen=True)
class Failure:
    """The text cannot go on.

    Attributes:
        message: One sentence.
    """

    message: str


Event: TypeAlias = Piece | PromptToken | End | Failure


@dataclass(kw_only=True)
class Generation:
    """A text to be generated.

    Attributes:
        prompt: Its ids.
        sampling: How to choose tokens.
        bias: Added to logits, by token.
        limits: What ends it.
        grammar: What it must be.
        top_logprobs: How many probable tokens to tell; None for no log-probabilities.
        score_prompt: Whether the prompt's tokens are told with their log-probabilities, too.
        count_experts: Whether to tell which experts it used.
        hide_tool_calls: Whether pieces leave calls of tools out.
        deadline: On the monotonic clock, when it ends whatever it has.
        tell: Given the events since it was called last, at least one, on the computing thread.
        waiting_to_be_read: How many events the reader has not taken yet; it lags, the text waits.
    """

    prompt: list[int]
    sampling: SamplingConfig
    bias: Mapping[int, float]
    limits: Limits
    grammar: Grammar
    top_logprobs: int | None
    score_prompt: bool
    count_experts: bool
    hide_tool_calls: bool
    deadline: float
    tell: Callable[[Sequence[Event]], None]
    waiting_to_be_read: Callable[[], int] = lambda: 0
    _cancelled: threading.Event = field(default_factory=threading.Event)

    def cancel(self) -> None:
        """Nobody reads it any longer; from any thread."""
        self._cancelled.set()

    @property
    def cancelled(self) -> bool:
        """Whether somebody has cancelled it."""
        return self._cancelled.is_set()


@dataclass
class _Place:
    """A session, and the ids that its context begins with."""

    session: Session
    ids: list[int] = field(default_factory=list)


class _Running:
    """A text in a session, a step at a time: a chunk of its prompt, or a token.

    Waking the reader costs about as much as a fifth of a step of a small model, so tokens that come fast are told
    together: the first at once, and each at the latest `_TELL_SECONDS` after it came, if steps take the time that the
    last one took.
    """

    def __init__(self, generation: Generation, place: _Place, chunk: int) -> None:
        self.generation, self.place = generation, place
        self._untold: list[Event] = []
        self._told_at = self._stepped_at = float("-inf")
        self._chunk = chunk
        scored = generation.score_prompt  # every token of it has to be run
        self._done = self._cached = 0 if scored else common_prefix(place.ids, generation.prompt)
        self._begun = False

    @property
    def is_reading(self) -> bool:
        """Whether the next step is one of the prompt, which may take long."""
        return self._done < len(self.generation.prompt)

    def step(self, *, tell: bool) -> bool:
        """Goes on; whether the text has ended.

        Args:
            tell: Whether what has come is told whatever the time.
        """
        if self.generation.cancelled:
            return True
        ended = self._step()
        now = time.monotonic()
        # Seen from the next step, which takes as long as this one did with those of the other texts.
        late = 2 * now - self._stepped_at - self._told_at > _TELL_SECONDS
        self._stepped_at = now
        if self._untold and (ended or tell or late):
            self._told_at = now
            self.generation.tell(self._untold)
            self._untold = []
        return ended

    def _step(self) -> bool:
        work = self.generation
        if time.monotonic() > work.deadline:
            return self._end(FinishReason.CANCELLED, self.place.session.flush() if self._begun else "")
        try:
            if self.is_reading:
                self._score() if work.score_prompt else self._prefill()
                return False
            return self._next()
        except MmoeError as failure:
            self.place.ids.clear()
            self._untold.append(Failure(str(failure)))
            return True

    def _prefill(self) -> None:
        prompt, session = self.generation.prompt, self.place.session
        self._done = min(len(prompt), max(self._done, 1) + self._chunk)
        self.place.ids = prompt[: self._done]
        session.prompt(self.place.ids)

    def _score(self) -> None:
        work, session = self.generation, self.place.session
        token = work.prompt[self._done]
        if self._done == 0:
            session.prompt([token])
            self.place.ids = [token]
            self._untold.append(PromptToken(token, None))
        else:
            self._untold.append(scored(session, token, work.top_logprobs or 0))
            session.decode(token)
            self.place.ids.append(token)
        self._done += 1

    def _next(self) -> bool:
        work, session = self.generation, self.place.session
        if not self._begun:
            if self._cached == len(work.prompt):  # the last token's logits may be another text's by now
                session.prompt(work.prompt)
            self._begin()
        step = session.next()
        if step.finish_reason is not None:
            if step.finish_reason is FinishReason.STOP_TOKEN and step.id >= 0 and work.score_prompt:
                # Who has a prompt scored cuts off the one token that it had to ask for, so there must be one.
                chosen, top = session.logprobs(work.top_logprobs or 0)
                self._untold.append(Piece(step.id, "", chosen.logprob, top))
            return self._end(step.finish_reason, step.text)
        self.place.ids.append(step.id)
        if work.top_logprobs is None:
            self._untold.append(Piece(step.id, step.text))
        else:
            chosen, top = session.logprobs(work.top_logprobs)
            self._untold.append(Piece(step.id, step.text, chosen.logprob, top))
        return False

    def _begin(self) -> None:
        work, session = self.generation, self.place.session
        session.set_sampling(work.sampling)
        session.set_logit_bias(work.bias)
        session.set_limits(work.limits)
        if work.grammar.kind is not GrammarKind.NONE:
            by = "grammar" if work.grammar.kind is GrammarKind.GBNF else "json_schema"
            session.set_grammar(**{by: work.grammar.text})
        session.count_experts(work.count_experts)
        session.hide_tool_calls(work.hide_tool_calls)
        self._begun = True

    def _end(self, reason: FinishReason, text: str) -> bool:
        work = self.generation
        counts = self.place.session.expert_counts() if self._begun and work.count_experts else ()
        self._untold.append(End(reason, text, self._cached, counts))
        return True


class Worker:
    """Generates texts on a thread of its own.

    Texts take turns, so that a long one holds up nobody. A session that has ended a text keeps its context, and the
    next text is given the one that shares the longest beginning with it.

    Attributes:
        most: Texts that it takes at once, those that wait among them.
    """

    def __init__(self, model: Model, *, sessions: int, queue: int) -> None:
        """Starts the thread.

        Args:
            model: An open model.
            sessions: Texts that are generated at once, each with a KV cache.
            queue: Texts that wait beside these at most.
        """
        self._model = model
        self.most = queue + sessions
        self._chunk = model.info.max_seq_len
        self._idle = [_Place(self._open()) for _ in range(sessions)]
        self._waiting: deque[Generation] = deque()
        self._running: list[_Running] = []
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="mmoe-serve", daemon=True)
        self._thread.start()

    def submit(self, *generations: Generation) -> bool:
        """Takes texts up, all or none; False if the queue has no room."""
        with self._changed:
            room = self.most - len(self._running) - len(self._waiting)
            if self._closed or len(generations) > room:
                return False
            self._waiting.extend(generations)
            self._changed.notify()
            return True

    @property
    def load(self) -> tuple[int, int]:
        """Texts that are being generated, and that wait."""
        with self._changed:
            return len(self._running), len(self._waiting)

    def wake(self) -> None:
        """A reader has caught up, or a text was cancelled."""
        with self._changed:
            self._changed.notify()

    def close(self) -> None:
        """Ends the thread after at most one call of the program, and frees the sessions."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()
        for place in self._idle + [running.place for running in self._running]:
            place.session.close()

    def _open(self) -> Session:
        session = Session(self._model)
        if self._model.info.max_draft_tokens:
            session.set_speculation()
        return session

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._closed and not self._ready():
                    # Deadlines of texts that nobody reads come without a notice.
                    self._changed.wait(timeout=0.05 if self._running else None)
                if self._closed:
                    return
                turn = list(self._running)
            tell = any(running.is_reading for running in turn)
            for running in turn:
                if self._lags(running):
                    continue
                if running.step(tell=tell):
                    with self._changed:
                        self._running.remove(running)
                        self._idle.append(running.place)

    def _ready(self) -> bool:
        while self._waiting and self._idle:
            generation = self._waiting.popleft()
            if generation.cancelled:
                continue
            place = max(self._idle, key=lambda each: common_prefix(each.ids, generation.prompt))
            self._idle.remove(place)
            self._running.append(_Running(generation, place, self._chunk))
        return any(not self._lags(running) for running in self._running)

    @staticmethod
    def _lags(running: _Running) -> bool:
        generation = running.generation
        late = generation.cancelled or time.monotonic() > generation.deadline
        return not late and generation.waiting_to_be_read() > _MOST_UNREAD


_MOST_UNREAD = 256
_TELL_SECONDS = 0.03


def scored(session: Session, token: int, top: int) -> PromptToken:
    """What the model thinks of a token that is to follow the context, and of the `top` most probable ones."""
    import numpy as np

    logits = session.logits().astype(np.float64)
    logprobs = logits - logits.max()
    logprobs -= np.log(np.exp(logprobs).sum())
    best = np.argsort(-logprobs, kind="stable")[:top]
    return PromptToken(
        token,
        float(logprobs[token]),
        [TokenLogprob(int(each), float(logprobs[each])) for each in best],
    )


def common_prefix(one: Sequence[int], other: Sequence[int]) -> int:
    """How many ids two texts begin with alike."""
    limit = min(len(one), len(other))
    for place in range(limit):
        if one[place] != other[place]:
            return place
    return limit
