"""What does not run a checkpoint imports no framework: a sentence should not wait for PyTorch."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mmoe.export.artifact.artifact import Artifact

HEAVY = {"torch", "torchao", "executorch", "transformers", "matplotlib"}
BENCHMARK = str(Path(__file__).parents[2] / "data" / "benchmarks" / "phone.json")
MAIN = "from mmoe.export.cli.main import main; main({arguments!r})"


def imported(code: str) -> set[str]:
    """Packages that a new interpreter has imported when it has run some code."""
    ending = "\nimport sys; print('\\n' + ' '.join({name.partition('.')[0] for name in sys.modules}))"
    run = subprocess.run([sys.executable, "-c", code + ending], capture_output=True, text=True, check=True)
    return set(run.stdout.splitlines()[-1].split())


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
