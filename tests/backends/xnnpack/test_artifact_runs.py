"""The converted bundled checkpoint in every runtime: ours, ExecuTorch's stock runner, and plain C++."""

import subprocess
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from executorch.extension.llm.runner import GenerationConfig, TextLLMRunner
from executorch.runtime import Runtime

from mmoe.checkpoints.tokenizer import ChatTokenizer, load_tokenizer
from mmoe.export.artifact.artifact import Artifact
from mmoe.export.verify.text import bundled_text
from mmoe.runtime_bindings.python.errors import RuntimeFailure
from mmoe.runtime_bindings.python.library import library_path, load_operator_library
from mmoe.runtime_bindings.python.runner import ModelRunner
from tests.support.fresh_process import logits_with_threads
from tests.support.token_loop import generated_ids

PROMPTS = ("In the beginning", "And the LORD spake unto Moses, saying,", "Blessed is the man that")
NEW_TOKENS = 24


@pytest.fixture(
    scope="module",
    params=["demo_artifact", pytest.param("demo_delegated_artifact", marks=pytest.mark.slow)],
)
def artifact(request: pytest.FixtureRequest) -> Artifact:
    """Converted with either kind of dense linears."""
    converted: Artifact = request.getfixturevalue(request.param)
    return converted


@pytest.fixture(scope="module")
def runner(artifact: Artifact) -> ModelRunner:
    return ModelRunner(artifact.model_path)


@pytest.fixture(scope="module")
def tokenizer(artifact: Artifact) -> ChatTokenizer:
    return load_tokenizer(artifact.folder, artifact.config)


def greedy(runner: ModelRunner, tokenizer: ChatTokenizer, prompt: str) -> list[int]:
    return generated_ids(runner, tokenizer.encode(prompt), NEW_TOKENS, stop_ids=tokenizer.stop_ids)


def text_ids(tokenizer: ChatTokenizer, count: int) -> list[int]:
    return tokenizer.encode(bundled_text().content)[:count]


@pytest.mark.parametrize("prompt", PROMPTS)
def test_stock_runner_generates_the_same_text(
    artifact: Artifact, runner: ModelRunner, tokenizer: ChatTokenizer, prompt: str
) -> None:
    ours = greedy(runner, tokenizer, prompt)
    stock = TextLLMRunner(str(artifact.model_path), str(artifact.folder / "tokenizer.json"))
    pieces: list[str] = []
    # The stock runner adds no BOS unless told to; ours comes from the tokenizer.
    config = GenerationConfig(temperature=0.0, max_new_tokens=NEW_TOKENS, echo=False, num_bos=1)
    stock.generate(prompt, config, token_callback=pieces.append)
    assert len(ours) == NEW_TOKENS
    assert "".join(pieces) == tokenizer.decode(ours)


@pytest.mark.parametrize("prompt", PROMPTS)
def test_plain_cpp_program_generates_the_same_tokens(
    artifact: Artifact, runner: ModelRunner, tokenizer: ChatTokenizer, prompt: str
) -> None:
    program = library_path().parents[1] / "bin" / "mmoe-run"
    ids = tokenizer.encode(prompt)
    command = [str(program), str(artifact.folder), "--ids", ",".join(map(str, ids))]
    run = subprocess.run(
        [*command, "--max-new-tokens", str(NEW_TOKENS)], capture_output=True, text=True, check=True
    )
    assert [int(token) for token in run.stdout.strip().split(",")] == greedy(runner, tokenizer, prompt)


def test_plain_cpp_program_refuses_a_prompt_longer_than_the_context(artifact: Artifact) -> None:
    program = library_path().parents[1] / "bin" / "mmoe-run"
    ids = ",".join(["5"] * (artifact.manifest.runtime.max_context_len + 1))
    command = [str(program), str(artifact.folder), "--ids", ids, "--max-new-tokens", "1"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert "context" in run.stderr


def test_plain_cpp_program_links_no_torch() -> None:
    program = library_path().parents[1] / "bin" / "mmoe-run"
    linked = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=True).stdout
    assert "libexecutorch" in linked
    assert "libtorch" not in linked
    assert "libpython" not in linked


def test_any_split_of_a_prompt_gives_the_same_logits(runner: ModelRunner, tokenizer: ChatTokenizer) -> None:
    ids = text_ids(tokenizer, runner.max_context_len)  # up to the very end of the context
    assert len(ids) == runner.max_context_len
    splits = {
        "full chunks": list(range(0, len(ids), runner.max_seq_len)),
        "uneven": [0, 1, 8, 40, 41, 105, 233, 300, 301, 429],
        "one by one": list(range(len(ids))),
    }
    logits = {}
    for name, starts in splits.items():
        runner.reset()
        for start, end in pairwise([*starts, len(ids)]):
            logits[name] = runner.forward(ids[start:end], start)
    scale = float(np.abs(logits["one by one"]).max())
    for name in ("full chunks", "uneven"):
        np.testing.assert_allclose(
            logits[name], logits["one by one"], atol=1e-4 * scale, rtol=0, err_msg=name
        )


def test_past_the_context_is_a_clear_error(runner: ModelRunner) -> None:
    runner.reset()
    runner.prefill([5] * runner.max_context_len)
    with pytest.raises(RuntimeFailure, match="context of 512 tokens"):
        runner.decode(5)
    runner.reset()
    assert np.isfinite(runner.decode(5)).all()


def test_the_program_itself_refuses_positions_past_the_context(artifact: Artifact) -> None:
    """Other runners do not check; the attention operator must, before it writes anything."""
    load_operator_library()
    program = Runtime.get().load_program(artifact.model_path)
    forward = program.load_method("forward")
    ids, start = torch.tensor([[5, 6, 7]]), torch.tensor([0])
    before = forward.execute([ids, start])[0].clone()
    context = artifact.manifest.runtime.max_context_len
    with pytest.raises(RuntimeError, match="0x12"):
        forward.execute([ids, torch.tensor([context - 2])])
    torch.testing.assert_close(forward.execute([ids[:, 2:], torch.tensor([2])])[0], before, rtol=0, atol=0)


@pytest.mark.parametrize("threads", [1, 3])
def test_thread_count_changes_no_bit(artifact: Artifact, tokenizer: ChatTokenizer, threads: int) -> None:
    ids = text_ids(tokenizer, 100)
    expected = ModelRunner(artifact.model_path).prefill(ids)
    np.testing.assert_array_equal(logits_with_threads(artifact.folder, ids, threads), expected)


def test_size_is_close_to_the_checkpoint(artifact: Artifact) -> None:
    checkpoint = Path(__file__).parents[3] / "export" / "demo" / "checkpoint" / "model.safetensors"
    assert artifact.manifest.files["model.pte"].bytes <= 1.10 * checkpoint.stat().st_size
    assert sum(artifact.manifest.sizes.values()) == artifact.manifest.files["model.pte"].bytes
