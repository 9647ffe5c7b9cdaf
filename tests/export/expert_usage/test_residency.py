"""Touched bytes and resident windows, against sets of single bytes and the file's own tensors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmoe.backends.program_file import ProgramFile
from mmoe.export.artifact.artifact import Artifact
from mmoe.export.expert_usage.residency import Program, resident_bytes


@given(
    st.integers(1, 300),
    st.integers(1, 40),
    st.lists(st.tuples(st.integers(0, 299), st.integers(1, 60)), min_size=1),
)
@settings(max_examples=100, deadline=None, derandomize=True)
def test_windows_are_those_that_hold_a_touched_byte(
    size: int, window: int, spans: list[tuple[int, int]]
) -> None:
    ranges = [(begin % size, min(size, begin % size + length)) for begin, length in spans]
    windows = {byte // window for begin, end in ranges for byte in range(begin, end)}
    expected = sum(1 for byte in range(size) if byte // window in windows)
    assert resident_bytes(np.array(ranges), file_bytes=size, window=window) == expected


def _bytes(ranges: np.ndarray) -> set[int]:
    return {byte for begin, end in ranges.tolist() for byte in range(begin, end)}


@pytest.mark.parametrize(
    "fixture", ["tiny_artifact", pytest.param("tiny_delegated_artifact", marks=pytest.mark.slow)]
)
def test_an_expert_touches_its_own_bytes(fixture: str, request: pytest.FixtureRequest) -> None:
    artifact: Artifact = request.getfixturevalue(fixture)
    file = ProgramFile(artifact.model_path)
    program = Program(file)
    assert program.moe_layers == 2
    # H = 64, width 32: int4 of 3 matrices, float16 per 32 of them.
    assert program.expert_bytes == 3 * 64 * 32 // 2 + 3 * 64 * 32 // 32 * 2
    nothing = np.zeros((0, 2), np.int32)
    one = np.array([[5, 1]], np.int32)
    idle = _bytes(program.touched([nothing, nothing], [7]))
    busy = _bytes(program.touched([nothing, one], [7]))
    assert len(busy - idle) == 2 * program.expert_bytes
    call = [call for call in file.kernel_calls("forward") if call.operator.startswith("mmoe::moe_ffn")][1]
    data = artifact.model_path.read_bytes()
    tensors = [file.constant(value) for value in call.arguments[3:7]]
    found = b"".join(tensor[expert].tobytes() for tensor in tensors for expert in (1, 5))
    assert sorted(data[byte] for byte in busy - idle) == sorted(found)


def test_rows_of_a_separate_embedding(tiny_delegated_artifact: Artifact) -> None:
    program = Program(ProgramFile(tiny_delegated_artifact.model_path))
    nothing = [np.zeros((0, 2), np.int32)] * 2
    one, three = (_bytes(program.touched(nothing, ids)) for ids in ([7], [7, 7, 9, 300]))
    assert len(three - one) == 2 * (64 // 2 + 64 // 32 * 2)


def test_the_whole_file_is_never_exceeded(tiny_artifact: Artifact, tmp_path: Path) -> None:
    program = Program(ProgramFile(tiny_artifact.model_path))
    every = [np.arange(8, dtype=np.int32)[None]] * 2
    size = tiny_artifact.model_path.stat().st_size
    assert resident_bytes(program.touched(every, [1]), file_bytes=size) == size
