"""Reports: what passes, which stage is named, the JSON form, and the table."""

import io
import json

import numpy as np
import pytest
from rich.console import Console

from mmoe.export.artifact.verification.report import EXPERT_WEIGHTS, ExpertWeightsProof, VerificationReport
from mmoe.export.files.records import RecordError
from mmoe.export.verify.report_table import format_table
from mmoe.export.verify.router_flips import layer_flips, router_flips
from tests.support.reports import sample_report, sample_stage

BROKEN = ExpertWeightsProof(tensors=8, bytes=4096, mismatches=("layers.0.experts.down",))
FLIPS = router_flips([layer_flips(0, np.array([[0, 1]]), np.array([[0, 2]]), np.array([0.01]))])


def rendered(report: VerificationReport) -> str:
    console = Console(file=io.StringIO(), width=200)
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
    assert "100.00%" in text
    assert "4096 bytes" in text
    assert "NOT proven: layers.0.experts.down" in rendered(sample_report(proof=BROKEN))
