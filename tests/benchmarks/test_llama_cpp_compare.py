"""The parts of the comparison of perplexities that need no llama.cpp: likelihoods, greedy runs, and the protocol."""

from __future__ import annotations

import stat
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.llama_cpp.agreement import foresee, negative_log_likelihoods, side_by_side
from benchmarks.llama_cpp.compare import main
from benchmarks.llama_cpp.engines import LlamaCpp, Logits

VOCAB = 11


class Counting:
    """Finds the successor of each id the most probable one, until a length at which it skips one."""

    def __init__(self, skip_at: int = 1000) -> None:
        self.skip_at = skip_at

    def logits(self, ids: Sequence[int]) -> Logits:
        rows = np.zeros((len(ids), VOCAB), np.float32)
        for place, token in enumerate(ids):
            step = 2 if place + 1 == self.skip_at else 1
            rows[place, (token + step) % VOCAB] = 3.0
            rows[place, (token + 5) % VOCAB] = 1.0
        return rows


def test_likelihoods_are_those_of_torch() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(scale=30, size=(20, VOCAB)).astype(np.float32)
    ids = rng.integers(VOCAB, size=20)
    expected = torch.nn.functional.cross_entropy(
        torch.from_numpy(logits).double(), torch.from_numpy(ids), reduction="none"
    )
    np.testing.assert_allclose(negative_log_likelihoods(logits, ids.tolist()), expected.numpy(), rtol=1e-12)


def test_windows_are_foreseen_by_themselves() -> None:
    found = foresee(Counting(), [[0, 1, 2, 3], [5, 6]])
    assert found.choices.tolist() == [1, 2, 3, 6]
    likelihood = np.log(np.exp(3) + np.exp(1) + VOCAB - 2) - 3
    assert found.perplexity.tokens == 4
    assert found.perplexity.value == pytest.approx(np.exp(likelihood), rel=1e-6)
    assert found.agreement(foresee(Counting(skip_at=2), [[0, 1, 2, 3], [5, 6]])) == 0.75


def test_the_first_difference_is_measured_where_it_is() -> None:
    same = side_by_side(Counting(), Counting(), Counting(), [1, 2], 5)
    assert (same.ids[0], same.common, same.margin) == ([3, 4, 5, 6, 7], 5, None)
    differ = side_by_side(Counting(), Counting(skip_at=4), Counting(), [1, 2], 5)
    assert differ.ids[1][:3] == [3, 4, 6]
    assert (differ.common, differ.margin) == (2, 3.0)


_FAKE = """#!{python}
import struct, sys
read, write = sys.stdin.buffer.read, sys.stdout.buffer.write
write(struct.pack("=i", 3)); sys.stdout.flush()
while head := read(8):
    kind, count = struct.unpack("=ii", head)
    if kind == 0:
        ids = struct.unpack(f"={{count}}i", read(4 * count))
        write(b"".join(struct.pack("=3f", token, 0.5, -token) for token in ids))
    else:
        text = read(count)
        write(struct.pack(f"={{1 + len(text)}}i", len(text), *text))
    sys.stdout.flush()
"""


def fake(folder: Path, text: str) -> Path:
    path = folder / "answers"
    path.write_text(text, encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_requests_and_answers_keep_step(tmp_path: Path) -> None:
    program = fake(tmp_path, _FAKE.format(python=sys.executable))
    with LlamaCpp(program, tmp_path / "no.gguf", threads=1, context=8) as engine:
        assert engine.logits([4, 7]).tolist() == [[4, 0.5, -4], [7, 0.5, -7]]
        assert engine.tokenize("aé") == [97, 195, 169]
        assert engine.logits([1]).shape == (1, 3)


def test_a_program_that_ends_is_told(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="ended with 3"):
        LlamaCpp(fake(tmp_path, "#!/bin/sh\nexit 3\n"), tmp_path / "no.gguf", threads=1, context=8)


def test_a_model_needs_a_text(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--work", str(tmp_path), "--model", "model.gguf"])
    assert caught.value.code == 2
