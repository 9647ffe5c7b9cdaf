"""The checkpoint that an artifact is compared with."""

from pathlib import Path

from mmoe.backends.errors import ArtifactError
from mmoe.checkpoints.checkpoint import Checkpoint
from mmoe.checkpoints.opening import open_source
from mmoe.export.artifact.artifact import Artifact
from mmoe.export.convert.post_training import quantized_config, recipe_of
from mmoe.export.demo.bundled import named_source
from mmoe.models.architectures.input_grouped import REQUANTIZED_KEY
from mmoe.models.architectures.quantization_config import POST_TRAINING_KEY


def open_checkpoint_of(artifact: Artifact, source: str | Path, *, revision: str | None = None) -> Checkpoint:
    """Opens the checkpoint that an artifact was made from, with the weights of its author.

    Args:
        artifact: What `convert` wrote.
        source: A folder, a hub id, or "demo" for the bundled one.
        revision: Branch, tag or commit of a hub id.

    Raises:
        ArtifactError: The artifact was made from another checkpoint.
        MmoeError: The checkpoint is at fault.
    """
    quantized_here = POST_TRAINING_KEY in artifact.manifest.quantization
    original = open_source(
        named_source(source),
        revision=revision,
        unpacked=quantized_here,
        requantize=REQUANTIZED_KEY in artifact.manifest.quantization,
    )
    expected = (
        quantized_config(original.config, recipe_of(artifact.manifest.quantization))
        if quantized_here
        else original.config
    )
    if expected != artifact.config:
        raise ArtifactError(
            f"{artifact.folder}: was not made from {source}: their configs differ; give the checkpoint it came from"
        )
    return original
