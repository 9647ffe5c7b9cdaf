"""Reports: what passes, which stage is named, the JSON form, and the table."""

import dataclasses
import io
import json

import numpy as np
import pytest
from rich.console import Console

from mmoe.export.artifact.verification.figures import FIGURES
from mmoe.export.artifact.verification.report import EXPERT_WEIGHTS, ExpertWeightsProof, VerificationReport
from mmoe.export.cli.ui.report_table import format_table
from mmoe.export.files.records import RecordError
from mmoe.export.verify.router_flips import layer_flips, router_flips
from tests.support.reports import sample_report, sample_stage

BROKEN = ExpertWeightsProof(tensors=8, bytes=4096, mismatches=("layers.0.experts.down",))
FLIPS = router_flips([layer_flips(0, np.array([[0, 1]]), np.array([[0, 2]]), np.array([0.01]))])


def rendered(report: VerificationReport, *, width: int = 200) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(format_table(report))
    return console.file.getvalue()


def test_a_good_report_passes():
    report = sample_report()
    assert report.passed
    assert report.first_failing_stage is None


def test_the_first_failing_stage_is_named():
    report = sample_report(
        sample_stage("a"), sample_stage("b", noise=0.5), sample_stage("c", noise=0.5), proof=BROKEN
    )
    assert not report.passed
    assert report.first_failing_stage == "b"
    assert report.stages[1].failures[0].name == "sqnr_db"


@pytest.mark.parametrize("proof", [BROKEN, ExpertWeightsProof(tensors=0, bytes=0, mismatches=())])
def test_expert_weights_that_are_not_proven_fail_it(proof):
    report = sample_report(proof=proof)
    assert not report.passed
    assert report.first_failing_stage == EXPERT_WEIGHTS


def test_the_json_form_survives_and_says_the_outcome():
    # Equal logits: an infinite SQNR has to be told in JSON too.
    report = sample_report(sample_stage("a", noise=0.0), sample_stage("b", noise=0.5, flips=FLIPS))
    text = json.dumps(report.to_dict(), allow_nan=False)
    data = json.loads(text)
    assert (data["schema_version"], data["passed"], data["first_failing_stage"]) == (1, False, "b")
    assert data["stages"][0]["metrics"]["sqnr_db"] == "inf"
    assert VerificationReport.from_dict(data, where="r") == report


def test_another_schema_version_is_refused():
    data = sample_report().to_dict() | {"schema_version": 2}
    with pytest.raises(RecordError, match="r: schema_version is 2; this exporter reads 1"):
        VerificationReport.from_dict(data, where="r")
    with pytest.raises(RecordError, match="schema_version is None"):
        VerificationReport.from_dict([], where="r")


def test_the_table_tells_stages_and_outcome():
    text = rendered(sample_report(sample_stage("first"), sample_stage("second", noise=0.5, flips=FLIPS)))
    assert "first" in text
    assert "FAILED at: second" in text
    assert "100.00 %" in text
    assert "4096 bytes" in text
    assert "NOT proven: layers.0.experts.down" in rendered(sample_report(proof=BROKEN))


@pytest.mark.parametrize("width", [200, 80, 60, 40])
def test_no_width_loses_a_digit(width):
    report = sample_report(
        sample_stage("exported program"), sample_stage("delegated program", noise=0.5, flips=FLIPS),
        sample_stage(".pte, prefill"), sample_stage(".pte, decode"), sample_stage("(experts re-quantised)"),
    )  # fmt: skip
    text = rendered(report, width=width)
    assert "…" not in text
    for stage in report.stages:
        for figure in FIGURES:
            assert figure.text(figure.value(stage.metrics)) in text, (stage.name, figure.title)
    assert "100.00 %" in text
    assert max(map(len, text.splitlines())) <= width
    # A column for each stage as long as they fit.
    assert text.count("perplexity") == (1 if width >= 80 else 5)


def test_limits_have_the_units_of_the_figures_and_a_miss_is_marked_without_colour():
    second = sample_stage("second", noise=0.5)
    text = rendered(sample_report(sample_stage("first"), second))
    top1 = next(line for line in text.splitlines() if line.startswith("top-1"))
    assert top1.split("100.00 %")[1].split() == [
        "!", f"{100 * second.metrics.top1_agreement:.2f}", "%", ">=", "98.00", "%",
    ]  # fmt: skip
    change = next(line for line in text.splitlines() if line.startswith("  change"))
    assert change.endswith("± 0.300 %")
    assert "! missed its limit" in text
    assert "!" not in rendered(sample_report())


def test_what_passed_by_its_margin_is_marked():
    stage = sample_stage("first")
    loosened = tuple(
        dataclasses.replace(gate, limit=1.1, margin=0.2) if gate.name == "top1_agreement" else gate
        for gate in stage.gates
    )
    text = rendered(sample_report(dataclasses.replace(stage, gates=loosened)))
    assert "~ 100.00 %" in text
    assert "~ beyond its limit, by no more than 200 tokens may be by chance: 2048 tokens decide" in text


def test_reports_of_older_versions_have_no_margins():
    data = sample_report().to_dict()
    for stage in data["stages"]:
        for gate in stage["gates"]:
            del gate["margin"]
    assert VerificationReport.from_dict(data, where="r") == sample_report()
