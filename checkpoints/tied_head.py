"""A tied head that is stored beside its table all the same: it must say what the table says."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from mmoe.checkpoints.errors import CheckpointError
from mmoe.checkpoints.inventory import tied_twins
from mmoe.checkpoints.tensor_spec import TensorSpec
from mmoe.models.architectures.config import DecoderConfig


def check_tied_head(
    config: DecoderConfig,
    found: Mapping[str, TensorSpec],
    are_equal: Callable[[str, str], bool],
    *,
    where: str,
) -> None:
    """Compares a head that is tied and stored with its table.

    Args:
        config: Of the checkpoint.
        found: The files' tensors.
        are_equal: Whether two of them, of one shape, say the same.
        where: What the message calls the checkpoint.

    Raises:
        CheckpointError: they differ.
    """
    for head, table in tied_twins(config, found).items():
        if found[head].shape != found[table].shape or not are_equal(head, table):
            raise CheckpointError(
                f"{where}: {head} differs from {table}, though config.json ties them; set tie_word_embeddings as the "
                "model was trained, or leave the head out of the file"
            )
