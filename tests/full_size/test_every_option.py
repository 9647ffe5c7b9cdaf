"""Every backend and option that the README names, at size S: it loads, runs, and computes what eager PyTorch computes.

Each conversion takes minutes; `make full-size` runs them.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from mmoe.backends.program_file import ProgramFile
from mmoe.backends.registry import load_backend
from mmoe.backends.xnnpack.declaration import KvCache, Linears
from mmoe.checkpoints.checkpoint import Checkpoint, open_checkpoint
from mmoe.export.artifact.artifact import Artifact
from mmoe.export.convert.quantize_option import Quantize
from mmoe.export.verify.weights_proof import prove_expert_weights
from mmoe.runtime_bindings.python.library import library_path
from mmoe.runtime_bindings.python.runner import ModelRunner
from tests.full_size.conftest import Convert
from tests.full_size.prompt import IDS
from tests.support.unpacked import write_unpacked

PROGRAM = library_path().parents[1] / "bin" / "mmoe-run"
GENERATED = 4


def noise_db(found: npt.NDArray[np.float32], expected: npt.NDArray[np.float32]) -> float:
    """Signal to noise ratio of logits, which must be finite."""
    assert np.isfinite(found).all()
    noise = np.square(found.astype(np.float64) - expected).sum()
    return float(10 * np.log10(np.square(expected.astype(np.float64)).sum() / noise))


def logits_of(runner: ModelRunner, count: int) -> npt.NDArray[np.float32]:
    """The last logits of a prefill of all but one of the ids, and those after decoding that one."""
    return np.stack([runner.prefill(IDS[: count - 1]), runner.decode(IDS[count - 1])])


def assert_generates(artifact: Artifact) -> None:
    """`mmoe-run` opens the artifact and goes on greedily as the program's own logits say."""
    runner = ModelRunner(artifact.model_path)
    logits, wanted = runner.prefill(IDS), []
    for _ in range(GENERATED):
        wanted.append(int(logits.argmax()))
        logits = runner.decode(wanted[-1])
    given = ("--ids", ",".join(map(str, IDS)), "--max-new-tokens", str(GENERATED))
    run = subprocess.run(
        [PROGRAM, artifact.folder, *given, "--temperature", "0"], capture_output=True, text=True, check=True
    )
    stops = artifact.manifest.runtime.stop_ids
    ends = [at for at, token in enumerate(wanted) if token in stops]
    assert run.stdout.strip() == ",".join(map(str, wanted[: ends[0]] if ends else wanted))


@pytest.mark.parametrize("kv_cache", KvCache)
@pytest.mark.parametrize("linears", Linears)
def test_xnnpack(
    released: Checkpoint,
    expected: npt.NDArray[np.float32],
    converted: Convert,
    linears: Linears,
    kv_cache: KvCache,
) -> None:
    artifact = converted(released, backend_options={"linears": linears, "kv_cache": kv_cache})
    # int8 activations leave 38 dB on the trained checkpoint; bfloat16 scales a few less.
    assert noise_db(logits_of(ModelRunner(artifact.model_path), len(IDS)), expected[-2:]) > 20
    assert_generates(artifact)


def test_quantized_on_conversion(
    released: Checkpoint, expected: npt.NDArray[np.float32], converted: Convert, tmp_path: Path
) -> None:
    folder = write_unpacked(tmp_path / "unpacked", released)
    artifact = converted(open_checkpoint(folder, unpacked=True), quantize=Quantize.INT4_G32)
    shutil.rmtree(folder)
    outcome = artifact.manifest.quantization["post_training"]
    assert isinstance(outcome, dict)
    assert outcome["recovered_groups"] == outcome["groups"]
    assert noise_db(logits_of(ModelRunner(artifact.model_path), len(IDS)), expected[-2:]) > 20
    assert_generates(artifact)


# float16 takes minutes for each token on a CPU.
@pytest.mark.parametrize(("activations", "count", "least"), [("float32", len(IDS), 60), ("float16", 2, 20)])
def test_mlx_replayed(
    released: Checkpoint,
    expected: npt.NDArray[np.float32],
    converted: Convert,
    activations: str,
    count: int,
    least: float,
) -> None:
    artifact = converted(released, backend="mlx", backend_options={"activations": activations})
    runner = load_backend("mlx").open_runner(artifact.model_path)
    assert noise_db(logits_of(runner, count), expected[count - 2 : count]) > least


def test_coreml_holds_the_experts(released: Checkpoint, converted: Convert) -> None:
    """Core ML runs on Apple's systems only: here it is lowered whole, and its weights are read back."""
    artifact = converted(released, backend="coreml", max_context_len=1024)
    program = ProgramFile(artifact.model_path)
    for method in ("forward", "prefill"):
        assert program.delegate_counts(method) == {"CoreMLBackend": 1}
        assert not program.operator_counts(method)
    proof = prove_expert_weights(released, load_backend("coreml").read_experts(program))
    assert proof is not None
    assert proof.mismatches == ()
