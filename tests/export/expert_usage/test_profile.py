"""Profiles of converted checkpoints: the recorded routing, the memory it predicts, and the page that shows it."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import torch

from mmoe.checkpoints.checkpoint import open_checkpoint
from mmoe.checkpoints.tokenizer import load_tokenizer
from mmoe.export.artifact.artifact import Artifact
from mmoe.export.bench.worker import Worker
from mmoe.export.demo.bundled import bundled_checkpoint
from mmoe.export.expert_usage.html import render_html
from mmoe.export.expert_usage.measure import ProfileOptions, profile
from mmoe.export.expert_usage.report import UsageProfile
from mmoe.export.expert_usage.trace import read_trace
from mmoe.export.files.records import from_json, to_json
from mmoe.export.verify.router_flips import layer_flips
from mmoe.export.verify.routing import recorded_routing
from mmoe.export.verify.text import bundled_text
from mmoe.models.decoder import build_decoder
from mmoe.models.reference import REFERENCE
from mmoe.runtime_bindings.python.errors import OptionError, RuntimeFailure

TOKENS = 300


@pytest.fixture(scope="module")
def demo_profile(demo_artifact: Artifact) -> UsageProfile:
    return profile(demo_artifact, options=ProfileOptions(tokens=TOKENS, threads=1))


def test_the_trace_is_the_eager_models_routing_but_for_near_ties(
    demo_artifact: Artifact, tmp_path: Path
) -> None:
    ids = load_tokenizer(demo_artifact.folder, demo_artifact.config).encode(bundled_text().content)[:TOKENS]
    with Worker(demo_artifact.model_path, threads=2) as worker:
        worker.prefill(ids[:20])  # before the trace: not in it
        worker.trace(tmp_path / "first trace")
        worker.prefill(ids)
        worker.trace(tmp_path / "second")
        worker.decode(0, ids)
        traced = read_trace(tmp_path / "first trace")
        steps = read_trace(tmp_path / "second")
    decoder = build_decoder(open_checkpoint(bundled_checkpoint()), REFERENCE, max_context_len=TOKENS)
    with torch.no_grad(), recorded_routing(decoder) as record:
        decoder.all_logits(torch.tensor([ids]), torch.zeros(1, dtype=torch.int64))
    assert len(steps) == len(record.experts) == 5
    call = demo_artifact.manifest.runtime.max_seq_len
    ends = [min(begin + call, TOKENS) - 1 for begin in range(0, TOKENS, call)]
    for index, (layer, calls) in enumerate(record.experts.items()):
        margins = torch.cat(record.margins[layer]).numpy().astype(np.float64)
        flips = layer_flips(layer, torch.cat(calls).numpy(), steps[index].astype(np.int64), margins)
        # The program's activations are int8: it selects another expert where two were nearly tied, and only there.
        assert flips.flipped_tokens <= 0.05 * TOKENS
        assert not flips.max_flip_margin > flips.median_margin
        prefilled = steps[index] if index < 4 else steps[index][ends]
        np.testing.assert_array_equal(traced[index], prefilled)


def test_a_cut_trace_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "trace"
    np.array([0, 2, 2, 1, 0, 3], np.int32).tofile(path)
    with pytest.raises(RuntimeFailure, match="trace is cut"):
        read_trace(path)


def test_prediction_meets_the_measurement(demo_profile: UsageProfile) -> None:
    assert [(text.kind, text.tokens) for text in demo_profile.texts] == [
        ("real", TOKENS),
        ("templated", TOKENS),
    ]
    for text in demo_profile.texts:
        assert abs(text.residency.error) < 0.1
        assert text.residency.predicted_model == pytest.approx(text.residency.measured_model, rel=0.1)
        assert text.residency.peak >= text.residency.measured
        assert all(sum(layer.counts) == TOKENS * 4 for layer in text.layers)
        assert 0 < text.used_experts <= 5 * 16


def test_few_experts_keep_less_in_memory(demo_delegated_artifact: Artifact, tmp_path: Path) -> None:
    # One token repeated: at most 4 experts a layer. Of a file this small, a fault maps a good part, so that only the
    # prediction of the model's own pages is compared.
    same = tmp_path / "same.txt"
    same.write_text("a", encoding="utf-8")
    options = ProfileOptions(prompts=same, templated=same, threads=1)
    result = profile(demo_delegated_artifact, options=options)
    everything = 5 * 16 * result.expert_bytes
    for text in result.texts:
        assert text.residency.expert_bytes < everything / 2
        assert text.residency.predicted_model < result.model_bytes
        assert text.residency.predicted_model == pytest.approx(text.residency.measured_model, rel=0.1)


def test_json_round_trip(demo_profile: UsageProfile) -> None:
    text = json.dumps(to_json(demo_profile), allow_nan=False)
    assert from_json(UsageProfile, json.loads(text), where="profile") == demo_profile


class _Page(HTMLParser):
    """Tags as they nest, and every reference."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta",):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_whole_and_needs_no_other_file(demo_profile: UsageProfile) -> None:
    html = render_html(demo_profile)
    page = _Page()
    page.feed(html)
    assert page.open == []
    assert not [tag for tag, _ in page.tags if tag in ("script", "link", "img", "iframe")]
    assert not [attrs for _, attrs in page.tags if {"src", "href"} & attrs.keys()]
    assert "url(" not in html
    assert "http" not in html
    assert "prefers-color-scheme: dark" in html
    cells = [attrs for _, attrs in page.tags if attrs.get("class") in ("cell", "unused")]
    assert len(cells) == 2 * 5 * 16
    unused = sum(attrs["class"] == "unused" for attrs in cells)
    assert unused == sum(5 * 16 - text.used_experts for text in demo_profile.texts)
    dots = [attrs for _, attrs in page.tags if str(attrs.get("class")).startswith("dot")]
    expected = sum(len(text.seen) + len(text.cache) + 3 * len(text.layers) for text in demo_profile.texts)
    assert len(dots) == expected


def test_options_are_checked() -> None:
    with pytest.raises(OptionError, match="tokens must be at least 1, not 0"):
        ProfileOptions(tokens=0)
