"""What a user should know of an artifact: where it is less than the checkpoint, or more."""

from __future__ import annotations

from collections.abc import Iterator

from mmoe.backends.base import Backend
from mmoe.checkpoints.checkpoint import Checkpoint
from mmoe.checkpoints.generation_settings import GENERATION_FILE
from mmoe.checkpoints.tokenizer import ChatTokenizer
from mmoe.models.files import destination, leads_out_of


def notes(backend: Backend, checkpoint: Checkpoint, tokenizer: ChatTokenizer) -> Iterator[str]:
    """Sentences; none if the artifact holds the checkpoint's values, its own template and all of its settings.

    Args:
        backend: What the program is lowered for.
        checkpoint: What is converted.
        tokenizer: Of the checkpoint.
    """
    for name, loss in checkpoint.losses.items():
        yield f"{name} was {loss.type} and is now int8, which differs from it at {loss.decibels:.1f} dB."
    if tokenizer.template_is_built_in:
        yield "The checkpoint has no chat template; the built-in one of its family is used."
    if tokenizer.sampling_not_applied:
        keys = ", ".join(tokenizer.sampling_not_applied)
        yield f"{GENERATION_FILE} sets {keys}, which the runtime does not have; generation goes without."
    for path in sorted(checkpoint.folder.glob("*.safetensors")):
        if leads_out_of(checkpoint.folder, path):
            yield f"{path} is a link to {destination(path)}, whose weights become part of the artifact."
    if backend.rounding is not None:
        yield backend.rounding
