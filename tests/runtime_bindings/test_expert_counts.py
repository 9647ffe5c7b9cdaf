"""How often a session's tokens were sent to each expert, against the trace of a process of its own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from mmoe.export.artifact.artifact import Artifact
from mmoe.export.bench.worker import Worker
from mmoe.export.expert_usage.trace import read_trace
from mmoe.runtime_bindings.python.model import Model
from mmoe.runtime_bindings.python.session import Session

TEXTS = ("In the beginning God created the heaven", "The LORD is my shepherd; I shall not want")


@pytest.fixture(scope="module")
def model(demo_artifact: Artifact) -> Iterator[Model]:
    with Model(demo_artifact.folder) as opened:
        yield opened


def expected(artifact: Artifact, ids: list[int], folder: Path) -> list[list[int]]:
    trace = folder / f"{len(ids)}.bin"
    with Worker(artifact.model_path, threads=1) as worker:
        worker.trace(trace)
        worker.decode(0, ids)
        return [np.bincount(layer.reshape(-1), minlength=16).tolist() for layer in read_trace(trace)]


def decoded(model: Model, ids: list[int], found: list[list[list[int]]] | None = None) -> list[list[int]]:
    with Session(model) as session:
        session.count_experts()
        session.prompt(ids[:1])
        for token in ids[1:]:
            session.decode(token)
        counts = session.expert_counts()
    if found is not None:
        found.append(counts)
    return counts


def test_counts_are_those_of_the_trace(model: Model, demo_artifact: Artifact, tmp_path: Path) -> None:
    ids = model.tokenize(TEXTS[0])
    assert decoded(model, ids) == expected(demo_artifact, ids, tmp_path)


def test_sessions_on_other_threads_count_their_own(model: Model) -> None:
    texts = [model.tokenize(text) * 6 for text in TEXTS]
    alone = [decoded(model, ids) for ids in texts]
    found: list[list[list[list[int]]]] = [[], []]
    threads = [
        threading.Thread(
            target=lambda place=place: [decoded(model, texts[place], found[place]) for _ in range(5)]
        )
        for place in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [[alone[0]] * 5, [alone[1]] * 5]


def test_a_count_begins_and_ends_where_it_is_told(model: Model) -> None:
    ids = model.tokenize(TEXTS[0])
    with Session(model) as session:
        assert session.expert_counts() == []
        session.prompt(ids)
        assert session.expert_counts() == []
        session.count_experts()
        assert session.expert_counts() == []
        session.decode(ids[0])
        once = session.expert_counts()
        assert [sum(layer) for layer in once] == [4] * 5
        session.decode(ids[1])
        assert [sum(layer) for layer in session.expert_counts()] == [8] * 5
        session.count_experts()
        session.truncate(len(ids))
        session.decode(ids[0])
        assert session.expert_counts() == once
        session.count_experts(False)
        assert session.expert_counts() == []
