"""The delegate's instruction list, replayed, against eager float32."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

from mmoe.backends.mlx.replay.replayed import ReplayedProgram
from mmoe.backends.registry import load_backend
from mmoe.checkpoints.checkpoint import open_checkpoint
from mmoe.checkpoints.tokenizer import load_tokenizer
from mmoe.export.artifact.artifact import Artifact
from mmoe.export.artifact.load import load
from mmoe.export.convert.convert import ConvertOptions, convert
from mmoe.export.demo.bundled import bundled_checkpoint
from mmoe.export.verify.ladder import VerifyOptions, verify
from mmoe.export.verify.text import bundled_text
from mmoe.models.decoder import build_decoder
from mmoe.models.reference import REFERENCE
from mmoe.runtime_bindings.python.errors import RuntimeFailure
from mmoe.runtime_bindings.python.runner import ModelRunner

_IDS = [
    7,
    301,
    12,
    45,
    45,
    200,
    3,
    99,
    150,
    8,
    61,
    274,
    33,
    5,
    18,
    210,
    77,
    140,
    9,
    2,
    66,
    131,
    54,
    88,
    19,
    240,
]
_CLOSE = 1e-5


@pytest.fixture(scope="module")
def reference(mlx_checkpoint: Path) -> npt.NDArray[np.float32]:
    """Eager logits after every one of `_IDS`, ``[T, V]``."""
    decoder = build_decoder(open_checkpoint(mlx_checkpoint), REFERENCE, max_context_len=64)
    with torch.no_grad():
        logits: npt.NDArray[np.float32] = decoder.all_logits(
            torch.tensor([_IDS]), torch.zeros(1, dtype=torch.int64)
        )[0].numpy()
    return logits


def _runner(artifact: Artifact) -> ModelRunner:
    return load_backend("mlx").open_runner(artifact.model_path)


class StockRunner:
    """The calls that ExecuTorch's LLM runners make: chunks of get_max_seq_len, then one token at a time."""

    def __init__(self, program: ReplayedProgram) -> None:
        self._program, self._position = program, 0

    def prefill(self, ids: list[int]) -> npt.NDArray[np.float32]:
        chunk = self._program.metadata.max_seq_len
        for start in range(0, len(ids), chunk):
            logits = self.step(ids[start : start + chunk])
        return logits

    def step(self, ids: list[int]) -> npt.NDArray[np.float32]:
        logits = self._program.forward(torch.tensor([ids]), torch.tensor([self._position]))
        self._position += len(ids)
        values: npt.NDArray[np.float32] = logits[0].numpy()
        return values

    def reset(self) -> None:
        self._position = 0


def test_a_stock_runner_prefills_in_chunks_decodes_and_resets(
    mlx_artifact: Artifact, reference: npt.NDArray[np.float32]
) -> None:
    runner = StockRunner(ReplayedProgram(mlx_artifact.model_path))
    for _ in range(2):
        np.testing.assert_allclose(runner.prefill(_IDS[:20]), reference[19], atol=_CLOSE)
        for place in range(20, len(_IDS)):
            np.testing.assert_allclose(runner.step([_IDS[place]]), reference[place], atol=_CLOSE)
        # A reset is nothing but position 0: rows of the text before stay in the cache and must not be read.
        runner.reset()
    np.testing.assert_allclose(runner.prefill(_IDS[:3]), reference[2], atol=_CLOSE)


def test_few_and_many_tokens_take_different_branches_to_the_same_logits(
    mlx_artifact: Artifact, reference: npt.NDArray[np.float32]
) -> None:
    runner = _runner(mlx_artifact)
    for length in range(1, 17):  # from 10 tokens on (4 x 5 experts / top 2), rows are sorted by expert
        runner.reset()
        np.testing.assert_allclose(runner.forward(_IDS[:length], 0), reference[length - 1], atol=_CLOSE)


def test_the_runner_goes_back_and_refuses_what_does_not_fit(
    mlx_artifact: Artifact, reference: npt.NDArray[np.float32]
) -> None:
    runner = _runner(mlx_artifact)
    runner.prefill(_IDS)
    runner.truncate(5)
    np.testing.assert_allclose(runner.decode(_IDS[5]), reference[5], atol=_CLOSE)
    with pytest.raises(RuntimeFailure, match="room for 58"):
        runner.prefill([1] * 59)
    with pytest.raises(RuntimeFailure, match="vocabulary"):
        runner.decode(320)


def test_a_program_refuses_rows_past_its_cache(mlx_artifact: Artifact) -> None:
    program = ReplayedProgram(mlx_artifact.model_path)
    with pytest.raises(RuntimeFailure, match=r"SliceUpdateNode.*rows 60..67 do not fit a buffer of 64"):
        program.forward(torch.tensor([[1] * 8]), torch.tensor([60]))


def test_verification_of_real_text_in_float32(mlx_demo_artifact: Artifact) -> None:
    report = verify(
        mlx_demo_artifact, bundled_checkpoint(), bundled_text(), options=VerifyOptions(max_tokens=96)
    )
    assert report.passed
    assert report.expert_weights.mismatches == ()
    for stage in report.stages:
        assert stage.metrics.tokens == 96
        assert stage.metrics.max_abs_diff_relative <= 1e-4
        assert stage.metrics.cosine_worst > 0.99999
        assert stage.metrics.top1_agreement == 1


@pytest.mark.slow
@pytest.mark.extended
def test_float16_activations_stay_close(tmp_path: Path) -> None:
    options = ConvertOptions(
        backend="mlx", max_seq_len=32, max_context_len=64, backend_options={"activations": "float16"}
    )
    artifact = convert(bundled_checkpoint(), tmp_path / "artifact", options=options)
    checkpoint = open_checkpoint(bundled_checkpoint())
    decoder = build_decoder(checkpoint, REFERENCE, max_context_len=64)
    ids = load_tokenizer(checkpoint.folder, checkpoint.config).encode(bundled_text().content)[:12]
    with torch.no_grad():
        expected = decoder(torch.tensor([ids]), torch.zeros(1, dtype=torch.int64))[0].numpy()
    runner = _runner(artifact)
    logits = runner.prefill(ids)
    assert np.abs(logits - expected).max() <= 0.02 * np.ptp(expected)
    assert logits.argmax() == expected.argmax()
    runner.truncate(11)
    np.testing.assert_allclose(runner.decode(ids[11]), logits, atol=0.02 * np.ptp(expected))


def test_libmmoe_says_at_once_that_it_cannot_run_it(mlx_demo_artifact: Artifact) -> None:
    with pytest.raises(RuntimeFailure, match=r"the mlx backend.*does not run in libmmoe.*--backend xnnpack"):
        load(mlx_demo_artifact.folder)
