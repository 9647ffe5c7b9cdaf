"""A synthetic checkpoint of the released size S, and what eager PyTorch computes with it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from mmoe.checkpoints.checkpoint import Checkpoint, open_checkpoint
from mmoe.export.artifact.artifact import Artifact
from mmoe.export.convert.convert import ConvertOptions, convert
from mmoe.export.synthesize.synthesize import synthesize
from tests.full_size.prompt import IDS

Convert = Callable[..., Artifact]


@pytest.fixture(scope="session")
def released(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkpoint]:
    """Of 1.3 billion parameters and 714 MB, among whose scales are zeros; read only."""
    folder = tmp_path_factory.mktemp("S") / "checkpoint"
    synthesize("S", folder)
    yield open_checkpoint(folder)
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def expected(released: Checkpoint) -> npt.NDArray[np.float32]:
    """Eager float32 logits after every one of `IDS`, ``[T, V]``."""
    import torch

    from mmoe.models.decoder import build_decoder
    from mmoe.models.reference import REFERENCE

    decoder = build_decoder(released, REFERENCE, max_context_len=64)
    with torch.no_grad():
        logits: npt.NDArray[np.float32] = decoder.all_logits(
            torch.tensor([IDS]), torch.zeros(1, dtype=torch.int64)
        )[0].numpy()
    return logits


@pytest.fixture
def converted(tmp_path: Path) -> Iterator[Convert]:
    """Converts, with the defaults of the command unless told otherwise; the artifact goes when the test ends."""
    folder = tmp_path / "artifact"

    def make(checkpoint: Checkpoint, **options: Any) -> Artifact:
        return convert(checkpoint.folder, folder, options=ConvertOptions(**options))

    yield make
    shutil.rmtree(folder, ignore_errors=True)
