"""The plain C++ program: ids and text on stdout, exit codes, and the instruction set forced from outside."""

import os
import shutil
import subprocess
import sys

import pytest
import torch
from executorch.exir import to_edge
from torch import Tensor, nn

import mmoe.backends.xnnpack.ops  # noqa: F401 (registers the schemas)
from mmoe.checkpoints.tokenizer import Message, load_tokenizer
from mmoe.runtime_bindings.python.library import library_path
from mmoe.runtime_bindings.python.runner import ModelRunner
from mmoe.runtime_bindings.python.sampling import SamplingConfig
from tests.runtime_bindings.test_operators import embedding_table
from tests.support.token_loop import generated_ids
from tests.support.toy_program import (
    EOS_IDS,
    MAX_CONTEXT_LEN,
    VOCAB_SIZE,
    replace_program,
    write_toy_artifact,
)

PROGRAM = library_path().parents[1] / "bin" / "mmoe-run"


def run(*arguments, **environment):
    return subprocess.run(
        [PROGRAM, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
        timeout=300,
    )


def comma_separated(ids):
    return ",".join(map(str, ids))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_toy_artifact(tmp_path_factory.mktemp("toy")).parent


def greedy(folder, prompt, count):
    """Ids by the Python runner: up to `count`, to an eos id, or to the end of the context."""
    runner = ModelRunner(folder / "model.pte")
    logits, ids = runner.prefill(prompt), []
    while (token := int(logits.argmax())) not in EOS_IDS:
        ids.append(token)
        if len(ids) == count or runner.position == runner.max_context_len:
            break
        logits = runner.decode(token)
    return ids


@pytest.mark.parametrize("chunk", [1, 2, 3, 100])
def test_same_ids_as_python_for_any_chunk_and_thread_count(folder, chunk):
    prompt = [7, 1, 30, 49, 0, 12, 5]
    done = run(
        folder, "--ids", comma_separated(prompt), "--max-new-tokens", 6, "--chunk", chunk, "--threads", chunk
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == comma_separated(greedy(folder, prompt, 6)) + "\n"
    for figure in ("load: ", "prefill: 7 tokens", "decode: "):
        assert figure in done.stderr


def test_stops_where_the_context_is_full(folder):
    prompt = [7] * (MAX_CONTEXT_LEN - 2)
    expected = greedy(folder, prompt, 50)
    done = run(folder, "--ids", comma_separated(prompt), "--max-new-tokens", 50)
    assert done.returncode == 0
    assert done.stdout == comma_separated(expected) + "\n"
    assert ("finish: context_full" in done.stderr) == (len(expected) == 3)


def test_a_prompt_longer_than_the_context_fails(folder):
    done = run(folder, "--ids", comma_separated([1] * (MAX_CONTEXT_LEN + 1)))
    assert (done.returncode, done.stdout) == (1, "")
    assert f"room for {MAX_CONTEXT_LEN} more, not for {MAX_CONTEXT_LEN + 1}" in done.stderr


def test_an_id_outside_the_vocabulary_fails(folder):
    done = run(folder, "--ids", f"1,{VOCAB_SIZE}")
    assert (done.returncode, done.stdout) == (1, "")
    assert "outside the vocabulary" in done.stderr


def test_what_is_not_an_artifact_fails(tmp_path, folder):
    cut = shutil.copytree(folder, tmp_path / "cut")
    os.truncate(cut / "model.pte", 2000)
    other = write_toy_artifact(tmp_path / "other", get_max_seq_len=None).parent
    for path, message in (
        (tmp_path / "none", "no such folder"),
        (folder / "model.pte", "is not a folder"),
        (cut, "model.pte: has 2000 bytes"),
        (other, "get_max_seq_len"),
    ):
        done = run(path, "--ids", "1")
        assert (done.returncode, done.stdout) == (1, ""), path
        assert message in done.stderr


FLAGS = {
    "greedy": ((), {}),
    "seeded": (
        (
            "--temperature",
            0.9,
            "--top-k",
            50,
            "--top-p",
            0.95,
            "--min-p",
            0.01,
            "--repetition-penalty",
            1.1,
            "--seed",
            7,
        ),
        {"temperature": 0.9, "top_k": 50, "top_p": 0.95, "min_p": 0.01, "repetition_penalty": 1.1, "seed": 7},
    ),
    "largest seed": (("--temperature", 1, "--seed", 2**64 - 1), {"temperature": 1, "seed": 2**64 - 1}),
}


@pytest.mark.parametrize(("flags", "sampling"), FLAGS.values(), ids=FLAGS)
@pytest.mark.parametrize("chat", [False, True], ids=["prompt", "chat"])
def test_the_text_of_a_seed_is_the_text_of_python(demo_artifact, flags, sampling, chat):
    prompt = "Who made the heaven and the earth?"
    tokenizer = load_tokenizer(demo_artifact.folder, demo_artifact.config)
    ids = tokenizer.encode_chat([Message("user", prompt)]) if chat else tokenizer.encode(prompt)
    runner = ModelRunner(demo_artifact.model_path)
    expected = tokenizer.decode(
        generated_ids(runner, ids, 40, sampling=SamplingConfig(**sampling), stop_ids=tokenizer.stop_ids)
    )
    assert expected
    done = run(demo_artifact.folder, "--chat" if chat else "--prompt", prompt, "--max-new-tokens", 40, *flags)
    assert done.returncode == 0, done.stderr
    assert done.stdout == expected + "\n"


def test_a_saved_session_goes_on(demo_artifact, tmp_path):
    saved = tmp_path / "saved"
    drawn = ("--temperature", 0.9, "--top-p", 0.9, "--seed", 3)
    begin = (demo_artifact.folder, "--prompt", "In the beginning", *drawn)
    whole = run(*begin, "--max-new-tokens", 24)
    parts = [
        run(*begin, "--max-new-tokens", 10, "--save", saved),
        run(demo_artifact.folder, "--restore", saved, "--max-new-tokens", 14),
    ]
    assert [part.returncode for part in parts] == [0, 0], parts
    assert "".join(part.stdout.removesuffix("\n") for part in parts) + "\n" == whole.stdout
    failed = run(demo_artifact.folder, "--restore", tmp_path / "none")
    assert (failed.returncode, failed.stdout) == (1, "")


def test_the_command_on_path_is_the_program(demo_artifact):
    code = "from mmoe.runtime_bindings.python.programs import mmoe_run; mmoe_run()"
    arguments = [str(demo_artifact.folder), "--prompt", b"a\xff b", "--max-new-tokens", "5"]
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, check=False)
    direct = subprocess.run(
        [library_path().parents[1] / "bin" / "mmoe-run", *arguments], capture_output=True, check=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == direct.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("artifact",),
        ("artifact", "--ids"),
        ("artifact", "--ids", ""),
        ("artifact", "--ids", "1,,2"),
        ("artifact", "--ids", "1,-2"),
        ("artifact", "--ids", "1,99999999999999999999"),
        ("artifact", "--ids", "1", "--prompt", "In the beginning"),
        ("artifact", "other", "--ids", "1"),
        ("artifact", "--ids", "1", "--threads", "0"),
        ("artifact", "--ids", "1", "--chunk", "0"),
        ("artifact", "--ids", "1", "--temperature", "hot"),
        ("artifact", "--ids", "1", "--colour", "red"),
        ("artifact", "--ids", "1", "--restore", "saved"),
        ("artifact", "--restore", "saved", "--temperature", "0.5"),
        ("artifact", "--restore", "saved", "--print-prompt-ids"),
    ],
)
def test_wrong_usage_exits_with_2(arguments):
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "usage: mmoe-run" in done.stderr


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--temperature", "-1"),
        ("--temperature", "nan"),
        ("--temperature", "inf"),
        ("--top-p", "0"),
        ("--min-p", "1"),
        ("--repetition-penalty", "-0.5"),
        ("--frequency-penalty", "nan"),
        ("--presence-penalty", "-inf"),
    ],
)
def test_a_sampling_value_out_of_range_is_wrong_usage(option, value):
    done = run("nowhere", "--ids", "1", option, value)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"{option}: " in done.stderr


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
        logits = torch.ops.mmoe.rms_norm(x, self.ones, 1e-5)[:, -1] + input_pos
        return nn.functional.pad(logits, (0, VOCAB_SIZE - logits.shape[1]), value=-1e9)


def test_the_environment_forces_the_instruction_set(tmp_path, folder):
    example = (torch.zeros(1, 1, dtype=torch.int64), torch.zeros(1, dtype=torch.int64))
    methods = {"get_max_seq_len": 1, "get_max_context_len": 8}
    exported = torch.export.export(Normalised(), example)
    normalised = shutil.copytree(folder, tmp_path / "normalised")
    replace_program(normalised, to_edge(exported, constant_methods=methods).to_executorch().buffer)
    arguments = (normalised, "--ids", "1", "--max-new-tokens", "1")
    free = run(*arguments, MMOE_ISA="")
    assert free.returncode == 0, free.stderr
    assert free.stdout.strip().isdigit()
    assert run(*arguments, MMOE_ISA="portable").stdout == free.stdout
    unknown = run(*arguments, MMOE_ISA="mmx")
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert "unknown instruction set" in unknown.stderr


def test_checksums_are_verified_on_request(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "artifact")
    arguments = (copy, "--ids", "5,6", "--max-new-tokens", "1")
    assert run(*arguments).returncode == 0
    refused = run(*arguments, "--verify-checksums")  # the toy's manifest lists no tokenizer
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "lists no digest of tokenizer.json" in refused.stderr


def test_threads_have_an_upper_bound(folder):
    refused = run(folder, "--ids", "5", "--threads", "1025")
    assert refused.returncode == 2
    assert "is not an integer from 1 to 1024" in refused.stderr
