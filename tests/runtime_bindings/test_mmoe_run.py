"""The plain C++ program: greedy ids on stdout, exit codes, and the instruction set forced from outside."""

import os
import subprocess

import pytest
import torch
from executorch.exir import to_edge
from torch import Tensor, nn

import mmoe.backends.xnnpack.ops  # noqa: F401 (registers the schemas)
from mmoe.runtime_bindings.python.library import library_path
from mmoe.runtime_bindings.python.runner import ModelRunner
from tests.runtime_bindings.test_operators import embedding_table
from tests.support.toy_program import EOS_IDS, MAX_CONTEXT_LEN, VOCAB_SIZE, write_toy_artifact

PROGRAM = library_path().parents[1] / "bin" / "mmoe-run"


def run(*arguments, **environment):
    return subprocess.run(
        [PROGRAM, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
        timeout=60,
    )


def comma_separated(ids):
    return ",".join(map(str, ids))


@pytest.fixture(scope="module")
def pte(tmp_path_factory):
    return write_toy_artifact(tmp_path_factory.mktemp("toy"))


def greedy(pte, prompt, count):
    """Ids by the Python runner: up to `count`, to an eos id, or to the end of the context."""
    runner = ModelRunner(pte)
    logits, ids = runner.prefill(prompt), []
    while (token := int(logits.argmax())) not in EOS_IDS:
        ids.append(token)
        if len(ids) == count or runner.position == runner.max_context_len:
            break
        logits = runner.decode(token)
    return ids


@pytest.mark.parametrize("chunk", [1, 2, 3, 100])
def test_same_ids_as_python_for_any_chunk_and_thread_count(pte, chunk):
    prompt = [7, 1, 30, 49, 0, 12, 5]
    done = run(
        pte, "--ids", comma_separated(prompt), "--max-new-tokens", 6, "--chunk", chunk, "--threads", chunk
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == comma_separated(greedy(pte, prompt, 6)) + "\n"
    for figure in ("load: ", "prefill: 7 tokens", "decode: "):
        assert figure in done.stderr


def test_stops_where_the_context_is_full(pte):
    prompt = [7] * (MAX_CONTEXT_LEN - 2)
    expected = greedy(pte, prompt, 50)
    done = run(pte, "--ids", comma_separated(prompt), "--max-new-tokens", 50)
    assert done.returncode == 0
    assert done.stdout == comma_separated(expected) + "\n"
    assert ("context of 24 tokens is full" in done.stderr) == (len(expected) == 3)


def test_a_prompt_longer_than_the_context_fails(pte):
    done = run(pte, "--ids", comma_separated([1] * (MAX_CONTEXT_LEN + 1)))
    assert (done.returncode, done.stdout) == (1, "")
    assert f"the prompt has {MAX_CONTEXT_LEN + 1} tokens, the context {MAX_CONTEXT_LEN}" in done.stderr


def test_an_id_outside_the_vocabulary_fails(pte):
    done = run(pte, "--ids", f"1,{VOCAB_SIZE}")
    assert (done.returncode, done.stdout) == (1, "")
    assert "outside the vocabulary" in done.stderr


def test_what_is_not_a_model_fails(tmp_path, pte):
    cut = tmp_path / "cut.pte"
    cut.write_bytes(pte.read_bytes()[:2000])
    other = write_toy_artifact(tmp_path / "other", get_eos_ids=None)
    for path, message in ((tmp_path / "none.pte", "none.pte"), (cut, "cut.pte"), (other, "get_eos_ids")):
        done = run(path, "--ids", "1")
        assert (done.returncode, done.stdout) == (1, ""), path
        assert message in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("model.pte",),
        ("model.pte", "--ids"),
        ("model.pte", "--ids", ""),
        ("model.pte", "--ids", "1,,2"),
        ("model.pte", "--ids", "1,-2"),
        ("model.pte", "--ids", "1,99999999999999999999"),
        ("model.pte", "other.pte", "--ids", "1"),
        ("model.pte", "--ids", "1", "--threads", "0"),
        ("model.pte", "--ids", "1", "--chunk", "0"),
        ("model.pte", "--ids", "1", "--colour", "red"),
    ],
)
def test_wrong_usage_exits_with_2(arguments):
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "usage: mmoe-run" in done.stderr


class Normalised(nn.Module):
    """The shortest language model with an operator that depends on the instruction set."""

    def __init__(self) -> None:
        super().__init__()
        qweight, scale = embedding_table()
        self.register_buffer("qweight", torch.from_numpy(qweight))
        self.register_buffer("scale", torch.from_numpy(scale))
        self.register_buffer("ones", torch.ones(64))

    def forward(self, tokens: Tensor, input_pos: Tensor) -> Tensor:
        x = torch.ops.mmoe.embedding(self.qweight, self.scale, tokens)
        return torch.ops.mmoe.rms_norm(x, self.ones, 1e-5)[:, -1] + input_pos


def test_the_environment_forces_the_instruction_set(tmp_path):
    example = (torch.zeros(1, 1, dtype=torch.int64), torch.zeros(1, dtype=torch.int64))
    methods = {"get_max_seq_len": 1, "get_max_context_len": 8, "get_eos_ids": [63]}
    path = tmp_path / "model.pte"
    exported = torch.export.export(Normalised(), example)
    path.write_bytes(to_edge(exported, constant_methods=methods).to_executorch().buffer)
    arguments = (path, "--ids", "1", "--max-new-tokens", "1")
    free = run(*arguments, MMOE_ISA="")
    assert free.returncode == 0, free.stderr
    assert run(*arguments, MMOE_ISA="portable").stdout == free.stdout
    unknown = run(*arguments, MMOE_ISA="mmx")
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert "unknown instruction set" in unknown.stderr
