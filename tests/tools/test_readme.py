"""README's figures are those that a verification gives."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import pytest

from tools.readme.figures import figures_of, read_figures, shown_table, table
from tools.readme.picture import settle

if TYPE_CHECKING:
    from mmoe.export.artifact.artifact import Artifact

# Eager PyTorch's float32 sums depend on the CPU; the program's bits do not.
TOLERANCE = {
    "sqnr_db": 0.2,
    "cosine_mean": 5e-6,
    "cosine_p1": 1e-4,
    "kl_mean": 3e-5,
    "top1_agreement": 2e-3,
    "perplexity_change": 2e-4,
    "router_flips": 1e-3,
}


def test_readme_shows_what_the_file_has() -> None:
    assert shown_table() == table(read_figures())


@pytest.mark.slow
def test_a_verification_gives_the_file(demo_artifact: Artifact) -> None:
    from mmoe.export.demo.bundled import bundled_checkpoint
    from mmoe.export.verify.ladder import VerifyOptions, verify
    from mmoe.export.verify.text import bundled_text

    options = VerifyOptions(compare_regrouped=True)
    measured = figures_of(verify(demo_artifact, bundled_checkpoint(), bundled_text(), options=options))
    for row, kept in zip(measured, read_figures(), strict=True):
        assert row.stage == kept.stage
        for name, tolerance in TOLERANCE.items():
            assert asdict(row)[name] == pytest.approx(asdict(kept)[name], abs=tolerance), (row.stage, name)


def test_movements_of_the_cursor_are_carried_out() -> None:
    assert settle("one\ntwo\x1b[1A\x1b[2K\rONE\nTWO\nthree") == ["ONE", "TWO", "three"]
