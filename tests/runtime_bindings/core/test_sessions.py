"""Sessions of the core on the bundled model: contexts, cancelling, closing, several at once."""

from __future__ import annotations

import ctypes
import gc
import itertools
import threading
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from tokenizers import Tokenizer

from mmoe.export.artifact.artifact import Artifact
from mmoe.export.verify.text import bundled_text
from mmoe.runtime_bindings.python.core import CoreFailure, Status, call
from mmoe.runtime_bindings.python.model import Model
from mmoe.runtime_bindings.python.records import FinishReason, memory
from mmoe.runtime_bindings.python.runner import ModelRunner
from mmoe.runtime_bindings.python.sampling import SamplingConfig
from mmoe.runtime_bindings.python.session import Session
from tests.support.token_loop import generated_ids

PROMPT = "And the LORD spake unto Moses, saying,"


@pytest.fixture(scope="module")
def model(demo_artifact: Artifact) -> Iterator[Model]:
    with Model(demo_artifact.folder) as opened:
        yield opened


@pytest.fixture
def session(model: Model) -> Iterator[Session]:
    opened = Session(model)
    yield opened
    opened.close()


def sampled(seed: int) -> SamplingConfig:
    return SamplingConfig(temperature=0.9, top_k=50, top_p=0.9, min_p=0.01, repetition_penalty=1.1, seed=seed)


def tokens(session: Session, count: int) -> list[int]:
    found = []
    for _ in range(count):
        step = session.next()
        if step.finish_reason is not None:
            break
        found.append(step.id)
    return found


def decode_until_refused(
    session: Session, ids: list[int], before_each: Callable[[], None] = lambda: None
) -> None:
    """Generates without end; what ends it is raised."""
    session.prefill(ids)
    while True:
        before_each()
        if session.next().finish_reason is not None:
            session.truncate(0)
            session.prefill(ids)


@pytest.mark.parametrize(
    "sampling", [SamplingConfig(), SamplingConfig(temperature=0.8, top_k=40, top_p=0.9, seed=7)]
)
def test_a_session_and_a_plain_loop_choose_the_same_tokens(
    model: Model, demo_artifact: Artifact, sampling: SamplingConfig
) -> None:
    ids = model.tokenize(PROMPT)
    session = Session(model, sampling)
    session.prefill(ids)
    runner = ModelRunner(demo_artifact.model_path)
    assert tokens(session, 60) == generated_ids(runner, ids, 60, sampling=sampling)


def test_text_comes_in_whole_characters_and_adds_up(model: Model, session: Session) -> None:
    session.prefill(model.tokenize(PROMPT))
    found, text = [], ""
    for _ in range(50):
        step = session.next()
        text += step.text
        if step.finish_reason is not None:
            break
        found.append(step.id)
    assert text == Tokenizer.from_file(str(model.folder / "tokenizer.json")).decode(found)


def test_a_prompt_keeps_what_it_shares_with_the_context(model: Model, session: Session) -> None:
    ids = model.tokenize(bundled_text().content)[:200]
    other = [*ids[:150], *ids[:20]]
    for prompt, kept in ((ids, 0), (other, 150), (other, 169), (ids[:10], 9)):
        session.prompt(prompt)
        assert session.position == len(prompt)
        assert session.stats.prefill_tokens == len(prompt) - kept
        fresh = Session(model)
        fresh.prefill(prompt)
        np.testing.assert_array_equal(session.logits(), fresh.logits())


def test_a_turn_ends_in_the_context_and_the_next_one_follows(model: Model, session: Session) -> None:
    ids = model.tokenize(PROMPT)
    session.prefill(ids)
    answer = tokens(session, 5)
    assert session.position == len(ids) + 4  # the last token was handed out, not run
    session.prefill(ids)
    assert session.position == len(ids) + 5 + len(ids)
    fresh = Session(model)
    fresh.prefill([*ids, *answer, *ids])
    np.testing.assert_array_equal(session.logits(), fresh.logits())


def test_truncate_goes_back_and_reset_starts_the_random_numbers_again(model: Model) -> None:
    session = Session(model, sampled(3))
    ids = model.tokenize(PROMPT)
    session.prefill(ids)
    first = tokens(session, 20)
    session.reset()
    assert session.position == 0
    session.prefill(ids)
    assert tokens(session, 20) == first
    session.truncate(len(ids) - 1)
    with pytest.raises(CoreFailure, match="no logits") as refusal:
        session.logits()
    assert refusal.value.status == Status.INVALID_ARGUMENT
    session.set_sampling(sampled(3))
    session.prefill(ids[-1:])
    assert tokens(session, 20) == first
    other = Session(model, sampled(4))
    other.prefill(ids)
    assert tokens(other, 20) != first


def test_the_context_fills_up_to_its_end_and_no_further(model: Model, session: Session) -> None:
    context = model.info.max_context_len
    ids = (model.tokenize(bundled_text().content) * 2)[:context]
    with pytest.raises(CoreFailure, match=f"room for {context} more, not for {context + 1}") as refusal:
        session.prefill([*ids, 5])
    assert refusal.value.status == Status.CONTEXT_FULL
    session.prefill(ids)
    assert session.next().finish_reason is None
    for _ in range(2):
        assert session.next() == (-1, "", FinishReason.CONTEXT_FULL)


def test_cancel_ends_one_call_and_the_rest_can_be_run_later(model: Model, session: Session) -> None:
    ids = model.tokenize(bundled_text().content)[:300]
    session.cancel()
    with pytest.raises(CoreFailure) as ended:
        session.prefill(ids)
    assert ended.value.status == Status.CANCELLED
    session.cancel()
    session.clear_cancel()
    session.prefill(ids[session.position :])
    fresh = Session(model)
    fresh.prefill(ids)
    np.testing.assert_array_equal(session.logits(), fresh.logits())


def test_cancel_from_another_thread_ends_decode_within_a_token(model: Model, session: Session) -> None:
    cancelled = threading.Event()
    calls_after = []

    def cancel() -> None:
        session.cancel()
        cancelled.set()

    timer = threading.Timer(0.02, cancel)
    timer.start()
    with pytest.raises(CoreFailure) as ended:
        decode_until_refused(
            session, model.tokenize(PROMPT), lambda: calls_after.append(0) if cancelled.is_set() else None
        )
    timer.join()
    assert ended.value.status == Status.CANCELLED
    assert len(calls_after) <= 1  # the call that was refused


def test_one_session_for_two_threads_is_refused(model: Model, session: Session) -> None:
    ids = (model.tokenize(bundled_text().content) * 2)[:500]
    statuses = set()

    def attempt(action: Callable[[], object]) -> None:
        try:
            action()
            statuses.add(Status.OK)
        except CoreFailure as failure:
            statuses.add(failure.status)

    def work() -> None:
        while Status.BUSY not in statuses:
            attempt(lambda: session.truncate(0))
            attempt(lambda: session.prefill(ids))

    worker = threading.Thread(target=work)
    worker.start()
    while worker.is_alive():  # until one of the two has met the other
        attempt(lambda: session.position)
    worker.join()
    # Refused in turn; a truncate that was refused leaves no room for the prefill behind it.
    assert statuses <= {Status.OK, Status.BUSY, Status.CONTEXT_FULL}


def test_close_ends_a_running_call(model: Model) -> None:
    for delay in (0.0, 0.001, 0.01, 0.03):
        session = Session(model)
        closer = threading.Timer(delay, session.close)
        closer.start()
        with pytest.raises(CoreFailure) as ended:
            decode_until_refused(session, model.tokenize(PROMPT))
        closer.join()
        assert ended.value.status in (Status.CANCELLED, Status.CLOSED)
        with pytest.raises(CoreFailure, match="not open"):
            session.next()


def test_closing_a_model_closes_its_sessions(demo_artifact: Artifact) -> None:
    model = Model(demo_artifact.folder)
    sessions = [Session(model) for _ in range(3)]
    handle = model.handle.value
    model.close()
    for session in sessions:
        with pytest.raises(CoreFailure, match="the session was closed, or never opened") as refusal:
            session.next()
        assert refusal.value.status == Status.CLOSED
    with pytest.raises(CoreFailure, match=f"handle {handle} is not open: the model was closed"):
        call("model_close", ctypes.c_uint64(handle))


@pytest.mark.parametrize("data", [b"In", bytearray(b"In")])
def test_bytes_are_no_ids(tiny_artifact: Artifact, data: bytes | bytearray) -> None:
    """A text that was read as bytes would otherwise be a prompt of ids below 256."""
    with Model(tiny_artifact.folder) as model, Session(model) as session:
        for use in (session.prompt, session.prefill, model.generate, model.detokenize):
            with pytest.raises(TypeError, match="ids, not bytes; decode them for a text"):
                use(data)


def test_two_models_on_two_threads_give_what_each_gives_alone(
    demo_artifact: Artifact, tiny_artifact: Artifact
) -> None:
    def run(folder: Artifact, found: list[list[int]]) -> None:
        with Model(folder.folder) as model:
            session = Session(model)
            for _ in range(5):
                session.reset()
                session.prefill([7, 8, 9, 10])
                found.append(tokens(session, 30))

    alone: dict[int, list[list[int]]] = {0: [], 1: []}
    together: dict[int, list[list[int]]] = {0: [], 1: []}
    for index, artifact in enumerate((demo_artifact, tiny_artifact)):
        run(artifact, alone[index])
    threads = [
        threading.Thread(target=run, args=(artifact, together[index]))
        for index, artifact in enumerate((demo_artifact, tiny_artifact))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert together == alone


def test_statistics_add_up(model: Model, session: Session) -> None:
    ids = model.tokenize(PROMPT)
    session.prefill(ids)
    count = len(tokens(session, 20))
    stats = session.stats
    assert stats.prefill_tokens == len(ids)
    assert stats.decode_tokens == count - 1
    assert 0 < stats.prefill_seconds <= stats.ttft_seconds
    assert 0 < stats.program_seconds <= stats.decode_seconds
    assert 0 < model.info.load_seconds <= stats.load_seconds


@pytest.mark.parametrize("pieces", [0, 1, 4], ids=["unread", "left", "read to its end"])
def test_a_text_takes_its_context_along_without_the_garbage_collector(
    model: Model, monkeypatch: pytest.MonkeyPatch, pieces: int
) -> None:
    closed = []
    close = Session.close

    def counted(session: Session) -> None:
        closed.append(session.handle.value)
        close(session)

    monkeypatch.setattr(Session, "close", counted)
    gc.disable()
    try:
        stream = model.generate(PROMPT, max_new_tokens=3)
        assert len(list(itertools.islice(stream, pieces))) == min(pieces, 3)
        del stream
        assert len(closed) == 1
    finally:
        gc.enable()


def test_a_thousand_sessions_leave_nothing_behind(model: Model) -> None:
    def live(count: int) -> None:
        for _ in range(count):
            session = Session(model)
            session.prefill([5, 6, 7])
            session.next()
            session.close()

    live(50)
    before = memory().anonymous_bytes
    live(1000)
    # A context of this model has 5 layers x 512 rows x 2 x 2 heads x 36 bytes = 0.4 MB and 0.3 MB of activations.
    assert memory().anonymous_bytes - before < 2_000_000
