"""The runner on a toy program in the real runtime: chunks, limits, and programs that cannot be loaded."""

import shutil

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmoe.runtime_bindings.python.errors import OptionError, RuntimeFailure
from mmoe.runtime_bindings.python.library import LogLevel, set_log_level
from mmoe.runtime_bindings.python.runner import ModelRunner
from tests.support.fresh_process import logits_with_threads
from tests.support.toy_program import (
    MAX_CONTEXT_LEN,
    MAX_SEQ_LEN,
    VOCAB_SIZE,
    replace_program,
    toy_logits,
    write_toy_artifact,
)


@pytest.fixture(scope="module")
def pte(tmp_path_factory):
    return write_toy_artifact(tmp_path_factory.mktemp("toy"))


@pytest.fixture(scope="module")
def loaded(pte):
    return ModelRunner(pte)


@pytest.fixture
def runner(loaded):
    loaded.reset()
    return loaded


def assert_logits(found, ids):
    assert found.dtype == np.float32
    assert found.shape == (VOCAB_SIZE,)
    torch.testing.assert_close(torch.from_numpy(found), toy_logits(ids), rtol=1e-5, atol=1e-5)


def test_metadata_comes_from_the_program(runner):
    assert runner.max_seq_len == MAX_SEQ_LEN
    assert runner.max_context_len == MAX_CONTEXT_LEN
    assert runner.vocab_size == VOCAB_SIZE


@settings(derandomize=True, deadline=None, max_examples=50)
@given(ids=st.lists(st.integers(0, VOCAB_SIZE - 1), min_size=1, max_size=MAX_CONTEXT_LEN), data=st.data())
def test_any_split_of_a_prompt_gives_the_same_logits(loaded, ids, data):
    loaded.reset()
    while loaded.position < len(ids):
        start = loaded.position
        length = data.draw(st.integers(1, len(ids) - start))
        found = loaded.prefill(ids[start : start + length])
        assert_logits(found, ids[: start + length])


def test_decode_appends_one_token(runner):
    runner.prefill([7, 8, 9])
    assert_logits(runner.decode(10), [7, 8, 9, 10])
    assert runner.position == 4


def test_logits_survive_later_calls(runner):
    first = runner.prefill([7, 8])
    runner.decode(30)
    assert_logits(first, [7, 8])


def test_reset_and_truncate_forget(runner):
    runner.prefill(list(range(10)))
    runner.truncate(4)
    assert_logits(runner.decode(20), [0, 1, 2, 3, 20])
    runner.reset()
    assert_logits(runner.prefill([5]), [5])


def test_forward_rewrites_from_a_position(runner):
    runner.prefill([1, 2, 3, 4])
    assert_logits(runner.forward([9, 8], 2), [1, 2, 9, 8])
    assert runner.position == 4
    assert_logits(runner.forward([6], 1), [1, 6])
    assert runner.position == 2


@pytest.mark.parametrize("position", [-1, 3])
def test_positions_over_unwritten_rows_are_refused(runner, position):
    runner.prefill([1, 2])
    with pytest.raises(RuntimeFailure, match=f"position {position} is outside"):
        runner.forward([1], position)
    with pytest.raises(RuntimeFailure, match=f"position {position} is outside"):
        runner.truncate(position)
    assert runner.position == 2


def test_the_context_can_be_filled_and_no_more(runner):
    ids = [i % VOCAB_SIZE for i in range(MAX_CONTEXT_LEN)]
    assert_logits(runner.prefill(ids), ids)
    with pytest.raises(RuntimeFailure, match="room for 0"):
        runner.decode(1)
    assert runner.position == MAX_CONTEXT_LEN


def test_bad_tokens_are_refused_before_anything_runs(runner):
    runner.prefill([1])
    for ids, message in [
        ([], "empty"),
        ([2, VOCAB_SIZE], f"token {VOCAB_SIZE} at index 1 is outside the vocabulary of {VOCAB_SIZE}"),
        ([-1], "token -1 at index 0"),
        ([0] * MAX_CONTEXT_LEN, f"room for {MAX_CONTEXT_LEN - 1} more, not for {MAX_CONTEXT_LEN}"),
    ]:
        with pytest.raises(RuntimeFailure, match=message):
            runner.prefill(ids)
    with pytest.raises(RuntimeFailure, match="6 tokens in one call; the program takes 5"):
        runner.forward([0] * 6, 1)
    assert runner.position == 1
    assert_logits(runner.decode(2), [1, 2])


def test_the_thread_pool_can_be_sized(pte, runner):
    for threads in (1, 3):
        assert_logits(logits_with_threads(pte.parent, [1, 2], threads), [1, 2])
    with pytest.raises(RuntimeFailure, match="in use by another model"):
        ModelRunner(pte, threads=63)
    with pytest.raises(OptionError, match="threads"):
        ModelRunner(pte, threads=0)


@pytest.fixture
def folder(pte, tmp_path):
    return shutil.copytree(pte.parent, tmp_path / "artifact")


def test_files_that_are_not_programs(folder):
    data = (folder / "model.pte").read_bytes()
    for content, message in [
        (b"\0", "cut"),
        (data[:20], "cut"),
        (data[: len(data) // 2], "cut"),
        (data[:-8], "cut"),
        (b"not a program " * 100, "not an ExecuTorch program"),
        (data.replace(b"ET12", b"ET11"), r"format ET11.*this library is built on 1\.5\.1"),
    ]:
        with pytest.raises(RuntimeFailure, match=rf"model\.pte.*{message}"):
            ModelRunner(replace_program(folder, content))


def test_files_that_are_not_the_manifests(folder):
    (folder / "model.pte").write_bytes((folder / "model.pte").read_bytes()[:-8])
    with pytest.raises(RuntimeFailure, match=r"model\.pte: has \d+ bytes, the manifest says \d+"):
        ModelRunner(folder / "model.pte")
    (folder / "model.pte").unlink()
    with pytest.raises(RuntimeFailure, match=r"model\.pte: file missing"):
        ModelRunner(folder / "model.pte")
    (folder / "mmoe.json").unlink()
    with pytest.raises(RuntimeFailure, match=r"mmoe\.json: file missing"):
        ModelRunner(folder / "model.pte")
    with pytest.raises(RuntimeFailure, match="no such folder"):
        ModelRunner(folder / "absent" / "model.pte")


def test_a_missing_operator_is_explained_even_where_another_client_has_silenced_the_runtime(folder):
    data = (folder / "model.pte").read_bytes()
    ModelRunner(folder / "model.pte")
    set_log_level(LogLevel.FATAL)
    assert data.count(b"aten::mm") == 1
    with pytest.raises(RuntimeFailure, match=r"an operator that this library does not have.*aten::mz"):
        ModelRunner(replace_program(folder, data.replace(b"aten::mm", b"aten::mz")))


@pytest.mark.slow
def test_a_program_that_is_not_a_language_model(tmp_path):
    with pytest.raises(RuntimeFailure, match="is no language model: get_max_seq_len failed"):
        ModelRunner(write_toy_artifact(tmp_path, get_max_seq_len=None))
    with pytest.raises(RuntimeFailure, match="max_context_len 3"):
        ModelRunner(write_toy_artifact(tmp_path, get_max_context_len=3))


def test_files_of_two_artifacts_are_told_apart(folder):
    text = (folder / "mmoe.json").read_text()
    (folder / "mmoe.json").write_text(text.replace(f'"vocab_size": {VOCAB_SIZE}', '"vocab_size": 999'))
    with pytest.raises(RuntimeFailure, match=f"vocabulary of {VOCAB_SIZE}, the manifest 999"):
        ModelRunner(folder / "model.pte")
