"""What a user can get wrong in a checkpoint: one clear message, exit code 1, nothing written."""

import errno
import json
import re
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BufferedWriter
from pathlib import Path

import pytest
import torch

from mmoe.models.architectures.registry import parse_config
from tests.export.cli.conftest import Command
from tests.support.checkpoints import (
    QUANTIZATION,
    checkpoint_config,
    random_tensors,
    write_checkpoint,
    write_config,
    write_tensors,
)
from tests.support.subprocesses import start_command

GATE_UP = "model.layers.0.feed_forward.experts.gate_up_qweight"
SCALE = "model.layers.1.feed_forward.experts.down_scale"
QUERY = "model.layers.0.self_attn.q_proj.weight_scale"


def _changed_tensors(folder: Path, change: Callable[[dict[str, torch.Tensor]], None]) -> None:
    tensors = random_tensors(parse_config(checkpoint_config(), where="the test's config"))
    change(tensors)
    write_tensors(folder, tensors)


def _truncate(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])


def _lose_shard(folder: Path) -> None:
    write_checkpoint(folder, shards=3)
    (folder / "model.safetensors").unlink()
    (folder / "model-00002-of-00003.safetensors").unlink()


def _swap_shape(folder: Path) -> None:
    def change(tensors: dict[str, torch.Tensor]) -> None:
        tensors[GATE_UP] = tensors[GATE_UP].transpose(1, 2).contiguous()

    _changed_tensors(folder, change)


def _wrong_dtype(folder: Path) -> None:
    _changed_tensors(folder, lambda tensors: tensors.update({QUERY: tensors[QUERY].float()}))


def _nan_scale(folder: Path) -> None:
    _changed_tensors(folder, lambda tensors: tensors[SCALE].view(-1).__setitem__(70, torch.nan))


def _quantization(**changes: object) -> Callable[[Path], None]:
    return lambda folder: write_config(
        folder, checkpoint_config({"quantization": {**QUANTIZATION, **changes}})
    )


def _missing_key(folder: Path) -> None:
    config = checkpoint_config()
    del config["hidden_size"]
    write_config(folder, config)


def _no_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()


def _large_tokenizer(folder: Path) -> None:
    write_checkpoint(folder, {"vocab_size": 256})


def _pickle_in_folder(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    torch.save({"weight": torch.zeros(1)}, folder / "pytorch_model.bin")


def _pickle_in_disguise(folder: Path) -> None:
    torch.save({"weight": torch.zeros(8)}, folder / "model.safetensors")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        pytest.param(_truncate, r"model\.safetensors: is truncated", id="truncated safetensors"),
        pytest.param(_lose_shard, r"model-00002-of-00003\.safetensors missing", id="missing shard"),
        pytest.param(_swap_shape, rf"wrong shape: {GATE_UP} is U8 \[8, 32, 64\]", id="swapped shapes"),
        pytest.param(_wrong_dtype, rf"wrong type: {QUERY} is F32", id="wrong dtype"),
        pytest.param(_quantization(format="gptq"), r"quantization\.format.*gptq", id="unknown format"),
        pytest.param(
            _quantization(expert_group_axis="in (last dim of [E, out, in])"),
            r"quantization\.expert_group_axis",
            id="wrong expert axis",
        ),
        pytest.param(
            _quantization(linear_group_axis="out"), r"quantization\.linear_group_axis", id="wrong linear axis"
        ),
        pytest.param(_quantization(group_size=64), r"quantization\.group_size.*64", id="group size 64"),
        pytest.param(_nan_scale, rf"{SCALE}\[\d+, \d+, \d+\]: a scale is nan", id="NaN scale"),
        pytest.param(_missing_key, r"config\.json: .*hidden_size", id="config key missing"),
        pytest.param(_no_tokenizer, r"tokenizer\.json: file missing", id="tokenizer absent"),
        pytest.param(_large_tokenizer, r"tokenizer\.json: has token ids up to", id="tokenizer too large"),
        pytest.param(_pickle_in_folder, r"pytorch_model\.bin\), which can run code", id="pickle folder"),
        pytest.param(_pickle_in_disguise, r"model\.safetensors: is a pickle file", id="pickle in disguise"),
    ],
)
@pytest.mark.parametrize("dry_run", [False, True])
def test_bad_checkpoint(
    mmoe: Command, tmp_path: Path, spoil: Callable[[Path], None], message: str, dry_run: bool
) -> None:
    folder = write_checkpoint(tmp_path / "checkpoint")
    spoil(folder)
    (tmp_path / "out").mkdir()
    flags = ["--dry-run"] if dry_run else []
    run = mmoe("convert", folder, "--out", tmp_path / "out" / "artifact", "--quiet", *flags)
    assert run.code == 1
    assert run.out == ""
    assert_single_message(run.err, message)
    assert list((tmp_path / "out").iterdir()) == []


def test_pickle_file(mmoe: Command, tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(1)}, tmp_path / "model.pt")
    run = mmoe("convert", tmp_path / "model.pt", "--out", tmp_path / "artifact", "--quiet")
    assert run.code == 1
    assert_single_message(run.err, r"model\.pt: is a pickle file")
    assert not (tmp_path / "artifact").exists()


def test_folder_is_there(mmoe: Command, tmp_path: Path, tiny_checkpoint: Path) -> None:
    artifact = tmp_path / "artifact"
    artifact.mkdir()
    (artifact / "letter.txt").write_text("mine")
    run = mmoe("convert", tiny_checkpoint, "--out", artifact, "--quiet")
    assert run.code == 1
    assert_single_message(run.err, "exists already; choose another folder or pass --overwrite")
    run = mmoe("convert", tiny_checkpoint, "--out", artifact, "--quiet", "--overwrite")
    assert run.code == 1
    assert_single_message(run.err, "is not an artifact, .*it will not be overwritten")
    assert [path.name for path in tmp_path.iterdir()] == ["artifact"]
    assert (artifact / "letter.txt").read_text() == "mine"


def test_no_such_checkpoint(mmoe: Command, tmp_path: Path, tiny_checkpoint: Path) -> None:
    mistyped = tiny_checkpoint.with_name("chekpoint")
    run = mmoe("convert", mistyped, "--out", tmp_path / "artifact", "--quiet")
    assert run.code == 1
    assert_single_message(run.err, f"no such folder; did you mean {tiny_checkpoint}")


def test_lengths_out_of_range(mmoe: Command, tmp_path: Path, tiny_checkpoint: Path) -> None:
    for option, value in (("--max-context-len", 100_000), ("--max-seq-len", 0)):
        run = mmoe("convert", tiny_checkpoint, "--out", tmp_path / "artifact", "--quiet", option, value)
        assert run.code == 1
        assert_single_message(run.err, f"is {value}")
    assert list(tmp_path.iterdir()) == []


def test_full_disk(
    mmoe: Command, tmp_path: Path, tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_much(*arguments: object) -> None:
        file = next(argument for argument in arguments if isinstance(argument, BufferedWriter))
        for _ in range(100):
            file.write(bytes(1000))

    # Lowering takes seconds; what fails is the writing.
    monkeypatch.setattr("mmoe.export.convert.job.build_program", write_much)
    with _file_size_limit(50_000):
        run = mmoe("convert", tiny_checkpoint, "--out", tmp_path / "new" / "artifact", "--quiet")
    assert run.code == 1
    assert_single_message(
        run.err, "artifact: a file became too large after [0-9,]+ bytes: .* 50,000 bytes at most.*ulimit -f"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (MemoryError(), "no more memory.*ulimit -v"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "no more memory.*ulimit -v"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), "no more memory"),
        (OSError(errno.EMFILE, "Too many open files"), "no more files.*ulimit -n"),
    ],
)
def test_limits_of_the_process(
    mmoe: Command,
    tmp_path: Path,
    tiny_checkpoint: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    message: str,
) -> None:
    def fail(*arguments: object) -> None:
        raise error

    monkeypatch.setattr("mmoe.export.convert.job.build_program", fail)
    run = mmoe("convert", tiny_checkpoint, "--out", tmp_path / "new" / "artifact", "--quiet")
    assert run.code == 1
    assert_single_message(run.err, message)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("limit", [4_000, 20_000, 60_000])
def test_a_disk_that_fills_up_at_any_point_of_a_conversion(
    mmoe: Command, tmp_path: Path, tiny_checkpoint: Path, limit: int
) -> None:
    with _file_size_limit(limit):
        run = mmoe("convert", tiny_checkpoint, "--out", tmp_path / "new" / "artifact", "--quiet")
    assert run.code == 1
    assert_single_message(run.err, "artifact: a file became too large")
    assert list(tmp_path.iterdir()) == []


def test_hub_unreachable(tmp_path: Path) -> None:
    environment = {
        "HF_ENDPOINT": "http://127.0.0.1:9",
        "HF_HOME": str(tmp_path / "hub"),
        "HF_HUB_OFFLINE": "0",
    }
    process = start_command(
        "convert", "facebook/MobileMoE-S-QAT", "--json", cwd=tmp_path, environment=environment
    )
    out, err = process.communicate(timeout=300)
    assert process.returncode == 1
    said, *error = err.splitlines()
    assert error == [f"error: {json.loads(out)['error']}"]
    assert said == "Looking for facebook/MobileMoE-S-QAT on the hub and in its local cache"
    assert len(error) == 1
    assert_single_message(error[0], "facebook/MobileMoE-S-QAT: .*the hub cannot be reached")
    assert not list(tmp_path.glob("*xnnpack*"))


def assert_single_message(text: str, pattern: str) -> None:
    """Stderr holds one error that matches, and no traceback."""
    assert text.startswith("error: "), text
    assert text.count("error:") == 1, text
    assert "Traceback" not in text
    assert re.search(pattern, text), text


@contextmanager
def _file_size_limit(size: int) -> Iterator[None]:
    """Every write beyond this size fails, as on a full disk; pytest's own files are smaller."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
