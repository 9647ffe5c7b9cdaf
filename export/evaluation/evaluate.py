"""Tasks on an artifact, and on the checkpoint that it was made from."""

from __future__ import annotations

from pathlib import Path

from mmoe.export.artifact.artifact import Artifact
from mmoe.export.artifact.load import load
from mmoe.export.evaluation.harness_model import HarnessModel
from mmoe.export.evaluation.predictor import Predictor
from mmoe.export.evaluation.results import TaskResult
from mmoe.export.evaluation.runtime_predictor import RuntimePredictor
from mmoe.export.evaluation.tasks import Tasks
from mmoe.export.limits import require_room_for_pytorch
from mmoe.export.progress import SILENT, Progress
from mmoe.runtime_bindings.python.model import Model


def evaluate_artifact(
    artifact: Artifact, tasks: Tasks, *, threads: int | None = None, progress: Progress = SILENT
) -> tuple[TaskResult, ...]:
    """Runs tasks on libmmoe; PyTorch is not imported for it.

    Args:
        artifact: What to run.
        tasks: With their data sets.
        threads: Of the runtime; None for its default.
        progress: Told of every request.

    Raises:
        MmoeError: The artifact does not run in libmmoe, or the model cannot do what a task asks for.
    """
    with load(artifact.folder, threads=threads) as model, RuntimePredictor(model) as predictor:
        return tasks.run(_harness_model(artifact, model, predictor, "the artifact", progress))


def evaluate_reference(
    artifact: Artifact,
    tasks: Tasks,
    source: str | Path,
    *,
    revision: str | None = None,
    progress: Progress = SILENT,
) -> tuple[TaskResult, ...]:
    """Runs tasks on eager float32 PyTorch, with the tokenizer, the template and the context of the artifact.

    Args:
        artifact: What it is compared with.
        tasks: With their data sets.
        source: The checkpoint that the artifact was made from: a folder, a hub id, or "demo" for the bundled one.
        revision: Branch, tag or commit of a hub id.
        progress: Told of every request.

    Raises:
        MmoeError: The checkpoint is not that of the artifact, or a task asks for what cannot be compared.
    """
    require_room_for_pytorch()
    progress.phase("Loading PyTorch and the checkpoint")
    from mmoe.export.convert.post_training import packed_copy, recipe_of
    from mmoe.export.evaluation.eager_predictor import EagerPredictor
    from mmoe.export.verify.reference_checkpoint import open_checkpoint_of
    from mmoe.models.decoder import build_decoder
    from mmoe.models.reference import REFERENCE

    runtime = artifact.manifest.runtime
    original = open_checkpoint_of(artifact, source, revision=revision)
    with (
        load(artifact.folder) as model,
        packed_copy(
            original,
            near=artifact.folder.parent,
            quantize=recipe_of(artifact.manifest.quantization),
            progress=progress,
        ) as checkpoint,
    ):
        decoder = build_decoder(checkpoint, REFERENCE, max_context_len=runtime.max_context_len)
        predictor = EagerPredictor(decoder, stop_ids=runtime.stop_ids, text_of=model.detokenize)
        return tasks.run(_harness_model(artifact, model, predictor, "the reference", progress))


def _harness_model(
    artifact: Artifact, model: Model, predictor: Predictor, name: str, progress: Progress
) -> HarnessModel:
    runtime = artifact.manifest.runtime
    return HarnessModel(
        predictor,
        model,
        name=name,
        bos_id=runtime.bos_id,
        stop_ids=runtime.stop_ids,
        progress=progress,
    )
