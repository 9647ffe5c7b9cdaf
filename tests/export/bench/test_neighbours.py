"""Samples that other processes disturb are taken again."""

import os
from collections.abc import Iterator

import pytest

from mmoe.export.bench import neighbours
from mmoe.export.bench.neighbours import undisturbed


def test_disturbed_samples_are_taken_again(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = {"now": 0.0, "busy": 0.0}
    cpus = os.cpu_count() or 1
    # (what is measured, share of the CPUs that others use)
    script: Iterator[tuple[float, float]] = iter([(1.0, 0.5), (2.0, 0.3), (3.0, 0.05), (4.0, 0.0)])

    def sample() -> float:
        value, others = next(script)
        clock["now"] += 1.0
        clock["busy"] += others * cpus
        return value

    def sleep(seconds: float) -> None:
        clock["now"] += seconds

    monkeypatch.setattr(neighbours, "_busy_seconds", lambda: clock["busy"])
    monkeypatch.setattr(neighbours, "_own_seconds", lambda pid: 0.0)
    monkeypatch.setattr(neighbours.time, "perf_counter", lambda: clock["now"])
    monkeypatch.setattr(neighbours.time, "sleep", sleep)
    value, share = undisturbed(sample, pid=1, limit=0.1, attempts=5)
    assert (value, share) == (3.0, pytest.approx(0.05))
    # The best of what there was, if none was good.
    script = iter([(5.0, 0.4), (6.0, 0.2)])
    assert undisturbed(sample, pid=1, limit=0.1, attempts=2) == (6.0, pytest.approx(0.2))


def test_waits_for_a_quiet_moment_but_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = {"now": 0.0, "busy": 0.0}

    def sleep(seconds: float) -> None:
        clock["now"] += seconds
        if clock["now"] < quiet_at:
            clock["busy"] += seconds

    monkeypatch.setattr(neighbours, "_busy_seconds", lambda: clock["busy"])
    monkeypatch.setattr(neighbours, "_own_seconds", lambda pid: 0.0)
    monkeypatch.setattr(neighbours.time, "perf_counter", lambda: clock["now"])
    monkeypatch.setattr(neighbours.time, "sleep", sleep)

    def sample() -> float:
        began = clock["now"]
        clock["now"] += 1.0
        return began

    quiet_at = 10.0
    began = undisturbed(sample, pid=1, attempts=2)[0]
    assert 10.0 <= began < 11.5
    quiet_at = 1e9
    assert 5.0 <= undisturbed(sample, pid=1, attempts=2, patience=5.0)[0] - began < 7.5


def test_cpu_times_are_read() -> None:
    assert neighbours._busy_seconds() > 0
    assert neighbours._own_seconds(os.getpid()) > 0
