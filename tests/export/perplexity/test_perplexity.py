"""Perplexity on libmmoe: the figure of a verification, and the arithmetic of its errors."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from mmoe.export.artifact.artifact import Artifact
from mmoe.export.cli.main import main
from mmoe.export.demo.bundled import bundled_checkpoint
from mmoe.export.perplexity.perplexity import WINDOW, Perplexity, cut, measure
from mmoe.export.verify.ladder import VerifyOptions, verify
from mmoe.export.verify.text import bundled_text
from mmoe.runtime_bindings.python.errors import OptionError
from mmoe.runtime_bindings.python.model import Model


@pytest.fixture(scope="module")
def model(demo_artifact: Artifact) -> Iterator[Model]:
    with Model(demo_artifact.folder) as opened:
        yield opened


@pytest.mark.slow
def test_the_figure_is_that_of_a_verification(model: Model, demo_artifact: Artifact) -> None:
    report = verify(demo_artifact, bundled_checkpoint(), options=VerifyOptions(max_tokens=1100))
    decoded = report.stages[-1]
    assert decoded.name == ".pte, decode"
    found = measure(model, bundled_text().content, max_tokens=1100)
    assert found.tokens == decoded.metrics.tokens - 3  # the last of each window has no target
    assert found.value == pytest.approx(decoded.metrics.perplexity_test, rel=1e-6)


def test_windows_cover_the_text_once(model: Model) -> None:
    text = bundled_text().content[:4000]
    ids = model.tokenize(text, add_bos=False)
    windows = cut(model, text, None)
    assert [token for window in windows for token in window[1:]] == ids
    assert all(window[0] == model.info.bos_id and len(window) <= WINDOW for window in windows)
    assert sum(map(len, cut(model, text, 700))) == 700
    for short in ("", "a"):
        if len(model.tokenize(short, add_bos=False)) == 0:
            with pytest.raises(OptionError, match="fewer than two tokens"):
                cut(model, short, None)


def test_errors_are_those_of_simulated_texts() -> None:
    """The spread of the figure over many texts is the error that each of them tells."""
    rng = np.random.default_rng(0)
    values, errors, ratios, ratio_errors = [], [], [], []
    for _ in range(2000):
        one = rng.gamma(2.0, 1.5, 400)
        other = one + rng.normal(0.01, 0.05, 400)
        values.append(Perplexity(one).value)
        errors.append(Perplexity(one).standard_error)
        ratio, error = Perplexity(other).ratio_to(Perplexity(one))
        ratios.append(ratio)
        ratio_errors.append(error)
    assert np.std(values) == pytest.approx(np.mean(errors), rel=0.1)
    assert np.std(ratios) == pytest.approx(np.mean(ratio_errors), rel=0.1)
    assert np.mean(ratios) == pytest.approx(math.exp(0.01), rel=1e-3)
    with pytest.raises(OptionError, match="400 and 399 tokens"):
        Perplexity(one).ratio_to(Perplexity(other[1:]))


def test_the_command(demo_artifact: Artifact, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = tmp_path / "verse.txt"
    text.write_text("In the beginning God created the heaven and the earth. " * 4)
    folder = str(demo_artifact.folder)
    assert main(["perplexity", folder, str(text), "--vs", folder, "--json", "--quiet"]) == 0
    (record,) = json.loads(capsys.readouterr().out)["texts"]
    assert record["text"] == "verse.txt"
    assert record["perplexity"] == record["vs"]["perplexity"]
    assert (record["ratio"], record["ratio_standard_error"]) == (1.0, 0.0)
    text.write_text("a")
    assert main(["perplexity", folder, str(text), "--vs", folder, "--json", "--quiet"]) == 0
    (record,) = json.loads(capsys.readouterr().out)["texts"]
    assert record["tokens"] == 1
    assert (
        record["standard_error"] is record["vs"]["standard_error"] is record["ratio_standard_error"] is None
    )
    text.write_text("In the beginning God created the heaven and the earth. " * 4)
    assert main(["perplexity", folder, str(text), "--max-tokens", "20"]) == 0
    out = capsys.readouterr()
    assert "verse.txt: " in out.out
    assert " over 19 tokens" in out.out
    assert main(["perplexity", folder, str(tmp_path / "nothing")]) == 1
    assert "nothing" in capsys.readouterr().err
