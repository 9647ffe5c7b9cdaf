"""When tokens are told: by a clock that only steps move."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import pytest

from mmoe.export.serve import worker
from mmoe.export.serve.worker import End, Event, Generation, Piece
from mmoe.runtime_bindings.python.grammar import Grammar
from mmoe.runtime_bindings.python.limits import Limits
from mmoe.runtime_bindings.python.records import FinishReason, Step
from mmoe.runtime_bindings.python.sampling import SamplingConfig
from mmoe.runtime_bindings.python.session import Session


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


class ScriptedSession:
    """Gives a token for each of the seconds, with its own number as its text, and then ends."""

    def __init__(self, clock: Clock, seconds: Sequence[float]) -> None:
        self._clock, self._seconds = clock, iter(seconds)
        self.came: list[float] = []

    def next(self) -> Step:
        seconds = next(self._seconds, None)
        if seconds is None:
            return Step(-1, "", FinishReason.LENGTH)
        self._clock.now += seconds
        self.came.append(self._clock.now)
        return Step(len(self.came), f"{len(self.came)} ", None)

    def __getattr__(self, name: str) -> object:
        return lambda *_, **__: None


class Told:
    """A text that is stepped, and when its tokens came and were told."""

    def __init__(self, clock: Clock, seconds: Sequence[float]) -> None:
        self.clock = clock
        self.session = ScriptedSession(clock, seconds)
        self.batches: list[tuple[float, list[Event]]] = []
        generation = Generation(
            prompt=[1],
            sampling=SamplingConfig(),
            bias={},
            limits=Limits(),
            grammar=Grammar.of(None, None),
            top_logprobs=None,
            score_prompt=False,
            count_experts=False,
            hide_tool_calls=False,
            deadline=float("inf"),
            tell=lambda events: self.batches.append((clock.now, list(events))),
        )
        # As much of a session as is used.
        place = worker._Place(cast(Session, self.session))
        self.running = worker._Running(generation, place, 8)

    def delays(self) -> list[float]:
        told = [(now, event) for now, events in self.batches for event in events if isinstance(event, Piece)]
        assert [event.id for _, event in told] == list(range(1, len(self.session.came) + 1))
        return [now - came for (now, _), came in zip(told, self.session.came, strict=True)]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(worker, "time", found)
    return found


@pytest.mark.parametrize("step", [0.0003, 0.006, 0.02, 0.1])
def test_tokens_are_told_together_and_in_time(clock: Clock, step: float) -> None:
    text = Told(clock, [step] * 200)
    while not text.running.step(tell=False):
        pass
    assert len(text.batches[0][1]) == 1
    assert max(text.delays()) <= 0.03 + 1e-9
    at_most = 200 if step > 0.015 else 1 + 200 * step / (0.03 - 2 * step) + 1
    assert len(text.batches) <= at_most + 1
    assert isinstance(text.batches[-1][1][-1], End)


def test_a_step_that_takes_longer_makes_a_token_later_by_just_that(clock: Clock) -> None:
    text = Told(clock, [0.005] * 10 + [0.2] * 3)
    while not text.running.step(tell=False):
        pass
    assert 0.03 < max(text.delays()) <= 0.03 + 0.2 - 0.005 + 1e-9
    assert text.delays()[-2:] == [0, 0]


def test_nothing_waits_for_the_prompt_of_another_text(clock: Clock) -> None:
    text = Told(clock, [0.005] * 10)
    for _ in range(4):
        text.running.step(tell=False)
    assert len(text.batches) == 1
    text.running.step(tell=True)
    assert sum(len(events) for _, events in text.batches) == len(text.session.came)
