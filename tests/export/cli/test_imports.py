"""What does not run a checkpoint imports no framework: a sentence should not wait for PyTorch."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from mmoe.export.artifact.artifact import Artifact
from tests.support.checkpoints import checkpoint_config, write_checkpoint, write_config
from tests.support.gguf_cases import CASES
from tests.support.gguf_files import Content, rewrite
from tests.support.int4_folders import write_compressed_tensors, write_gptq, write_torchao

HEAVY = {"torch", "torchao", "executorch", "transformers", "matplotlib"}
BENCHMARK = str(Path(__file__).parents[2] / "data" / "benchmarks" / "phone.json")
MAIN = "from mmoe.export.cli.main import main; main({arguments!r})"


def imported(code: str) -> set[str]:
    """Packages that a new interpreter has imported when it has run some code."""
    ending = "\nimport sys; print('\\n' + ' '.join({name.partition('.')[0] for name in sys.modules}))"
    run = subprocess.run([sys.executable, "-c", code + ending], capture_output=True, text=True, check=True)
    return set(run.stdout.splitlines()[-1].split())


def refused(arguments: list[str]) -> tuple[int, str, set[str]]:
    """Exit code of the command, what it says on stderr, and the packages that it imports."""
    code = MAIN.replace("main({", "code = main({").format(arguments=arguments)
    ending = "\nimport sys; print(code, *{name.partition('.')[0] for name in sys.modules})"
    run = subprocess.run([sys.executable, "-c", code + ending], capture_output=True, text=True, check=True)
    exit_code, *names = run.stdout.splitlines()[-1].split()
    return int(exit_code), run.stderr, set(names)


@pytest.mark.parametrize(
    "arguments",
    [
        ("generate", "ARTIFACT", "--prompt", "the", "--max-new-tokens", "3"),
        ("generate", "ARTIFACT", "--chat", "the", "--max-new-tokens", "3", "--json"),
        ("generate", "ARTIFACT", "--prompt", "the", "--top-p", "0"),
        ("inspect", "ARTIFACT"),
        ("inspect", "ARTIFACT/model.pte", "--json"),
        ("bench", "ARTIFACT", "--prompt-lengths", "8", "--depths", "4", "--rounds", "1", "--json"),
        ("bench", "--help"),
        ("bench", "--compare", "BENCHMARK"),
        ("bench", "ARTIFACT", "--depths", "9999"),
        ("profile", "ARTIFACT", "--tokens", "9", "--out", "ARTIFACT/../profile.html"),
        ("push", "ARTIFACT", "someone/model", "--licence-checked", "--dry-run"),
        ("eval", "--help"),
        ("convert", "ARTIFACT", "--backend", "mlx", "--kv-cache", "int8"),
        ("verify", "ARTIFACT", "--max-tokens", "no"),
        ("--version",),
    ],
    ids=" ".join,
)
def test_a_verb_imports_no_framework(arguments: tuple[str, ...], artifact_copy: Artifact) -> None:
    folder = str(artifact_copy.folder)
    paths = [each.replace("ARTIFACT", folder).replace("BENCHMARK", BENCHMARK) for each in arguments]
    found = imported(MAIN.format(arguments=paths))
    assert "mmoe" in found
    assert not found & HEAVY


def _empty(folder: Path) -> None:
    folder.mkdir()


def _spoilt_config(folder: Path, **values: object) -> None:
    write_config(write_checkpoint(folder), checkpoint_config(values))


def _no_tensors(folder: Path) -> None:
    (write_checkpoint(folder) / "model.safetensors").unlink()


def _layer_missing(folder: Path) -> None:
    write_config(write_checkpoint(folder), checkpoint_config({"num_hidden_layers": 3}))


def _shard_missing(folder: Path) -> None:
    (write_checkpoint(folder, shards=2) / "model-00002-of-00002.safetensors").unlink()


def _broken_tokenizer(folder: Path) -> None:
    (write_checkpoint(folder) / "tokenizer.json").write_text("{}")


def _broken_template(folder: Path) -> None:
    (write_checkpoint(folder) / "chat_template.jinja").write_text("{% for %}")


def _gguf(folder: Path, change: Callable[[Content], object]) -> None:
    """A file of the folder's name."""
    path = folder.with_name(f"{folder.name}.gguf")
    CASES["olmoe"].write(path, changes={"tokenizer.chat_template": "{{ messages }}"})
    rewrite(path, change)


def _set(key: str, value: object) -> Callable[[Content], object]:
    return lambda content: content.set(key, value)


def _packed(write: Callable[[Path], object], name: str, change: Callable[[Any], Any], folder: Path) -> None:
    """A folder of another tool's whose tensor, or whose file of settings, is changed; None takes it away."""
    write(folder)
    if (folder / name).exists():
        (folder / name).write_text(change((folder / name).read_text()))
        return
    tensors = load_file(folder / "model.safetensors")
    tensors[name] = change(tensors[name])
    kept = {key: tensor for key, tensor in tensors.items() if tensor is not None}
    save_file(kept, folder / "model.safetensors")


_COMPRESSED, _COMPRESSED_64 = (
    partial(write_compressed_tensors, group=group, scale_dtype=torch.bfloat16) for group in (32, 64)
)
_GPTQ = partial(write_gptq, group=32, symmetric=True)
_TORCHAO = partial(write_torchao, group=32, int8_table=True)
_UP = "model.layers.0.mlp.experts.1.up_proj."

ELSEWHERE: dict[str, tuple[Callable[[Path], None], str]] = {
    "gguf, architecture": (partial(_gguf, change=_set("olmoe.expert_count", 9)), "wrong shape: blk.0."),
    "gguf, a tensor missing": (
        partial(_gguf, change=lambda content: content.tensors.pop("blk.1.attn_v.weight")),
        "missing: blk.1.attn_v.weight",
    ),
    "gguf, tokenizer": (partial(_gguf, change=_set("tokenizer.ggml.pre", "gpt-9")), "is 'gpt-9'"),
    "gguf, merges": (
        partial(_gguf, change=_set("tokenizer.ggml.merges", ["q z"])),
        ".gguf: tokenizer.json: ",
    ),
    "gguf, template": (partial(_gguf, change=_set("tokenizer.chat_template", "{% for %}")), ".gguf"),
    "compressed-tensors, a part missing": (
        partial(_packed, _COMPRESSED, f"{_UP}weight_scale", lambda _: None),
        "up_proj.weight_scale is missing",
    ),
    "compressed-tensors, groups": (
        partial(_packed, _COMPRESSED_64, f"{_UP}weight_scale", lambda scale: scale.repeat(1, 2)),
        "in groups of 64, which does not fit weight_scale",
    ),
    "compressed-tensors, tokenizer": (
        partial(_packed, _COMPRESSED, "tokenizer.json", lambda _: "{}"),
        "tokenizer.json",
    ),
    "gptq, order": (partial(_packed, _GPTQ, f"{_UP}g_idx", lambda order: order.flip(0)), "out of order"),
    "gptq, zeros": (partial(_packed, _GPTQ, f"{_UP}qzeros", lambda zeros: zeros + 1), "are not all 8"),
    "gptq, template": (
        partial(_packed, _GPTQ, "chat_template.jinja", lambda _: "{% for %}"),
        "chat_template.jinja",
    ),
    "torchao, type": (
        partial(_packed, _TORCHAO, f"{_UP}_weight_scale", lambda scale: scale.double()),
        "_weight_scale is F64",
    ),
    "torchao, tokenizer": (partial(_packed, _TORCHAO, "tokenizer.json", lambda _: "{}"), "tokenizer.json"),
}


REFUSED: dict[str, tuple[Callable[[Path], None], str]] = {
    "empty folder": (_empty, "is empty"),
    "hidden_act a list": (partial(_spoilt_config, hidden_act=["silu"]), "hidden_act"),
    "experts beyond all": (partial(_spoilt_config, num_experts_per_tok=10**9), "num_experts_per_tok"),
    "no tensors": (_no_tensors, "neither model.safetensors"),
    "a layer missing": (_layer_missing, "missing: model.layers.2."),
    "a shard missing": (_shard_missing, "model-00002-of-00002.safetensors missing"),
    "no tokenizer": (_broken_tokenizer, "tokenizer.json"),
    "no template": (_broken_template, "chat_template.jinja"),
}


@pytest.mark.parametrize(
    ("verb", "name"),
    [
        *((("convert",), name) for name in REFUSED),
        (("convert", "--dry-run"), "a layer missing"),
        (("inspect",), "a layer missing"),
    ],
    ids=str,
)
def test_a_checkpoint_is_refused_before_any_framework(
    verb: tuple[str, ...], name: str, tmp_path: Path
) -> None:
    spoil, message = REFUSED[name]
    spoil(tmp_path / "checkpoint")
    code, told, found = refused([*verb, str(tmp_path / "checkpoint")])
    assert (code, message in told) == (1, True), told
    assert not found & HEAVY


@pytest.mark.parametrize("name", ELSEWHERE)
def test_a_checkpoint_of_another_tool_is_refused_before_any_framework(name: str, tmp_path: Path) -> None:
    spoil, message = ELSEWHERE[name]
    spoil(tmp_path / "checkpoint")
    source = tmp_path / ("checkpoint.gguf" if name.startswith("gguf") else "checkpoint")
    code, told, found = refused(["convert", str(source), "--allow-requantize"])
    assert (code, message in told) == (1, True), told
    assert not found & HEAVY


@pytest.mark.parametrize("write", [_COMPRESSED, _GPTQ, _TORCHAO, partial(_gguf, change=lambda _: None)])
def test_a_checkpoint_of_another_tool_is_described_without_a_framework(
    write: Callable[[Path], object], tmp_path: Path
) -> None:
    write(tmp_path / "checkpoint")
    source = next(tmp_path.iterdir())
    assert not imported(MAIN.format(arguments=["inspect", str(source)])) & HEAVY


def test_a_packed_checkpoint_is_described_without_a_framework(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "checkpoint")
    assert not imported(MAIN.format(arguments=["inspect", str(folder)])) & HEAVY


def test_the_library_imports_no_framework(tiny_artifact: Artifact) -> None:
    found = imported(
        "import mmoe\n"
        f"with mmoe.load({str(tiny_artifact.folder)!r}) as model:\n"
        "    list(model.generate('the', max_new_tokens=3))\n"
        "    list(mmoe.Chat(model).send('the', max_new_tokens=3))\n"
    )
    assert not found & (HEAVY | {"numpy", "jinja2"})


GENERATE = "import mmoe; list(mmoe.load(folder).generate('the', max_new_tokens=3))"
REFERENCE = (
    "from mmoe.runtime_bindings.python.library import load_operator_library; load_operator_library()\n"
    "from executorch.runtime import Runtime; Runtime.get().load_program(folder + '/model.pte').load_method('forward')"
)


@pytest.mark.slow
@pytest.mark.parametrize(
    "order", [(GENERATE, REFERENCE), (REFERENCE, GENERATE)], ids=["libmmoe first", "last"]
)
def test_both_runtimes_live_in_one_process(order: tuple[str, str], tiny_artifact: Artifact) -> None:
    # An operator that is registered twice would abort the process.
    code = "\n".join((f"folder = {str(tiny_artifact.folder)!r}", *order, 'print("done")'))
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout.splitlines()[-1:]) == (0, ["done"]), run.stderr


@pytest.mark.slow
def test_the_library_keeps_known_load_messages_to_itself(tiny_checkpoint: Path, tmp_path: Path) -> None:
    code = f"import mmoe; mmoe.convert({str(tiny_checkpoint)!r}, {str(tmp_path / 'artifact')!r})"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (run.stdout, run.stderr) == ("", "")
    assert json.loads((tmp_path / "artifact" / "mmoe.json").read_text())["format_version"] == 1


@pytest.mark.slow
def test_an_evaluation_imports_no_framework_and_draws_no_bars(
    tiny_artifact: Artifact, tmp_path: Path
) -> None:
    (tmp_path / "texts.jsonl").write_text('{"text": "the fox"}\n{"text": "the lazy dog"}\n')
    (tmp_path / "texts.yaml").write_text(
        f"task: texts\ndataset_path: json\noutput_type: loglikelihood_rolling\ntest_split: test\n"
        f"dataset_kwargs: {{data_files: {{test: {tmp_path}/texts.jsonl}}, cache_dir: {tmp_path}/cache}}\n"
        "doc_to_text: ''\ndoc_to_target: '{{text}}'\nmetric_list: [{metric: byte_perplexity}]\n"
    )
    arguments = ["eval", str(tiny_artifact.folder), "--tasks", str(tmp_path / "texts.yaml"), "--quiet"]
    code = MAIN.format(arguments=arguments) + "\nimport sys; print(*sorted(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    *told, modules = run.stdout.splitlines()
    assert told[0] == "texts (0-shot, 2 items)"
    assert run.stderr == ""
    assert not {name.partition(".")[0] for name in modules.split()} & HEAVY
