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

    monkeypatch.setattr(neighbours, "_busy_seconds", lambda: clock["busy"])
    monkeypatch.setattr(neighbours, "_own_seconds", lambda pid: 0.0)
    monkeypatch.setattr(neighbours.time, "perf_counter", lambda: clock["now"])
    value, share = undisturbed(sample, pid=1, limit=0.1, attempts=5, pause=0.0)
    assert (value, share) == (3.0, pytest.approx(0.05))
    # The best of what there was, if none was good.
    script = iter([(5.0, 0.4), (6.0, 0.2)])
    assert undisturbed(sample, pid=1, limit=0.1, attempts=2, pause=0.0) == (6.0, pytest.approx(0.2))


def test_cpu_times_are_read() -> None:
    assert neighbours._busy_seconds() > 0
    assert neighbours._own_seconds(os.getpid()) > 0
