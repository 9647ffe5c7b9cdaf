"""`mmoe-export eval` on the bundled model: figures against own ones, eager against artifact, what is refused."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mmoe.checkpoints.checkpoint import open_checkpoint
from mmoe.export.artifact.artifact import Artifact
from mmoe.export.artifact.manifest import BackendRecord
from mmoe.export.artifact.writer import ArtifactWriter
from mmoe.export.cli.main import main
from mmoe.export.demo.bundled import bundled_checkpoint
from mmoe.models.decoder import Decoder, build_decoder
from mmoe.models.reference import REFERENCE
from mmoe.runtime_bindings.python.model import Model
from mmoe.runtime_bindings.python.sampling import SamplingConfig
from tests.export.evaluation.conftest import VerseTasks
from tests.support.artifacts import MODEL_BYTES, manifest_content

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def report(
    demo_artifact: Artifact, verse_tasks: VerseTasks, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """Both models on the three tasks."""
    file = tmp_path_factory.mktemp("report") / "report.json"
    arguments = ["eval", str(demo_artifact.folder), "--tasks", "verse_ends,verses,verse_answers"]
    arguments += [
        "--include-path",
        str(verse_tasks.folder),
        "--reference",
        "demo",
        "-o",
        str(file),
        "--quiet",
    ]
    assert main(arguments) == 0
    found: dict[str, Any] = json.loads(file.read_text())
    return found


def metrics(tasks: dict[str, Any], task: str) -> dict[str, float]:
    return {each["name"]: each["value"] for each in tasks[task]["metrics"]}


@pytest.fixture(scope="module")
def decoder() -> Decoder:
    return build_decoder(open_checkpoint(bundled_checkpoint()), REFERENCE, max_context_len=512)


@torch.no_grad()
def eager_logprobs(decoder: Decoder, model: Model, context: str, continuation: str) -> float:
    """From the whole text at once, in float64 behind the logits."""
    ids, first = model.tokenize(context + continuation), len(model.tokenize(context))
    rows = decoder.all_logits(torch.tensor([ids]), torch.tensor([0]))[0].double().log_softmax(-1)
    return float(sum(rows[place - 1, ids[place]] for place in range(first, len(ids))))


def test_choices_are_those_of_the_models(
    report: dict[str, Any], decoder: Decoder, model: Model, verse_tasks: VerseTasks
) -> None:
    """The same accuracy for both within its standard error, and exactly that of log-likelihoods computed here."""
    found = metrics(report["tasks"], "verse_ends")
    expected = metrics(report["reference"]["tasks"], "verse_ends")
    assert 0.4 < found["acc"] <= 1.0, "well above chance, or nothing is shown"
    (difference,) = (each for each in report["differences"] if each["metric"]["name"] == "acc")
    assert difference["is_within_error"]
    assert difference["value"] == pytest.approx(found["acc"] - expected["acc"])
    assert abs(difference["value"]) <= difference["metric"]["standard_error"]

    items = report["reference_items"]["verse_ends"]
    assert [each["id"] for each in items] == list(range(24))
    for item, question in list(zip(items, verse_tasks.questions, strict=True))[:5]:
        own = [
            eager_logprobs(decoder, model, str(question["beginning"]), f" {end}")
            for end in question["ends"]  # type: ignore[attr-defined]
        ]
        assert item["log_likelihoods"] == pytest.approx(own, abs=1e-3)
        assert item["answer"] == int(np.argmax(own))
        assert item["values"]["acc"] == float(item["answer"] == question["label"])
    for tasks, items in (
        (report["tasks"], report["items"]),
        (report["reference"]["tasks"], report["reference_items"]),
    ):
        right = [
            int(np.argmax(item["log_likelihoods"])) == question["label"]
            for item, question in zip(items["verse_ends"], verse_tasks.questions, strict=True)
        ]
        assert metrics(tasks, "verse_ends")["acc"] == pytest.approx(np.mean(right))


def test_items_that_differ_are_listed(report: dict[str, Any]) -> None:
    listed = {(each["task"], each["item"]["id"]) for each in report["differing_items"]}
    own = {
        (task, one["id"])
        for task in ("verse_ends", "verse_answers")
        for one, other in zip(report["items"][task], report["reference_items"][task], strict=True)
        if one["answer"] != other["answer"] or one["values"] != other["values"]
    }
    assert listed == own


def test_perplexities_are_those_of_the_models(
    report: dict[str, Any], decoder: Decoder, model: Model, verse_tasks: VerseTasks
) -> None:
    whole = sum(eager_logprobs(decoder, model, "", verse) for verse in verse_tasks.verses)
    words = sum(len(verse.split()) for verse in verse_tasks.verses)
    reference = metrics(report["reference"]["tasks"], "verses")["word_perplexity"]
    assert reference == pytest.approx(np.exp(-whole / words), rel=1e-4)
    assert metrics(report["tasks"], "verses")["word_perplexity"] == pytest.approx(reference, rel=0.05)


def test_answers_are_the_librarys(report: dict[str, Any], model: Model, verse_tasks: VerseTasks) -> None:
    items = report["items"]["verse_answers"]
    for item, question in zip(items, verse_tasks.questions[: len(items)], strict=True):
        expected = "".join(
            model.generate(
                str(question["beginning"]), sampling=SamplingConfig(), max_new_tokens=12, stop=(".", "\n")
            )
        )
        assert item["answer"] == expected


def test_the_command_tells_figures_and_differences(
    demo_artifact: Artifact, verse_tasks: VerseTasks, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["eval", str(demo_artifact.folder), "--tasks", str(verse_tasks.folder / "choice.yaml")]
    assert main([*arguments, "--limit", "4", "--num-fewshot", "2", "--reference", "demo"]) == 0
    told = capsys.readouterr()
    assert "verse_ends (2-shot, 4 items)\n  acc: " in told.out
    assert "within the standard error of the figure" in told.out
    assert "items that differ: " in told.out
    assert "the artifact: log-likelihoods of 16 continuations" in told.err
    assert main([*arguments, "--limit", "3", "--apply-chat-template", "--json", "--quiet"]) == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["tasks"]["verse_ends"]["items"] == 3


@pytest.mark.parametrize(
    ("changes", "code", "message"),
    [
        pytest.param(
            ("--tasks", "no_such_task"), 1, "no_such_task: is no task", marks=pytest.mark.slow
        ),  # reads all of the harness's own
        (("--tasks", " , "), 2, "names no task"),
        (("--include-path", "nowhere"), 1, "nowhere: is no folder"),
        (("--tasks", "verse_samples", "--reference", "demo", "--limit", "1"), 1, "leave --reference out"),
        (("--tasks", "verse_beams", "--limit", "1"), 1, "num_beams, which this runtime lacks"),
        (("--limit", "0"), 2, "--limit"),
    ],
)
def test_what_cannot_be_is_refused(
    demo_artifact: Artifact,
    verse_tasks: VerseTasks,
    capsys: pytest.CaptureFixture[str],
    changes: tuple[str, ...],
    code: int,
    message: str,
) -> None:
    arguments = [
        "eval",
        str(demo_artifact.folder),
        "--tasks",
        "verses",
        "--include-path",
        str(verse_tasks.folder),
    ]
    assert main([*arguments, *changes]) == code
    assert message in capsys.readouterr().err


def test_a_data_set_that_cannot_be_had_is_told(
    demo_artifact: Artifact, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "lost.yaml").write_text(
        "task: lost\ndataset_path: json\ndataset_kwargs: {data_files: {test: nowhere.jsonl}}\n"
        "output_type: loglikelihood_rolling\ntest_split: test\ndoc_to_text: ''\ndoc_to_target: x\n"
    )
    arguments = ["eval", str(demo_artifact.folder), "--tasks", "lost", "--include-path", str(tmp_path)]
    assert main(arguments) == 1
    assert "lost: cannot be loaded: FileNotFoundError" in capsys.readouterr().err


@pytest.mark.parametrize("backend", ["mlx", "coreml"])
def test_a_program_of_another_runtime_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], backend: str
) -> None:
    with ArtifactWriter(tmp_path / "artifact", overwrite=False) as writer:
        writer.write("model.pte", MODEL_BYTES)
        writer.write("tokenizer.json", b"{}")
        writer.commit(replace(manifest_content(), backend=BackendRecord(name=backend)))
    assert main(["eval", str(tmp_path / "artifact"), "--tasks", "verses"]) == 1
    assert "does not run in libmmoe" in capsys.readouterr().err


def test_the_harness_is_an_extra(
    demo_artifact: Artifact, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "lm_eval", None)
    monkeypatch.setitem(sys.modules, "lm_eval.evaluator", None)
    monkeypatch.delitem(sys.modules, "mmoe.export.evaluation.tasks", raising=False)
    assert main(["eval", str(demo_artifact.folder), "--tasks", "verses"]) == 2
    assert "pip install 'mmoe-export[eval]'" in capsys.readouterr().err
