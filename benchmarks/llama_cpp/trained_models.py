"""GGUF files of the trained stand-ins of public families, all matrices in Q4_0 by the `gguf` package."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.llama_cpp.family_model import ARCHITECTURES, metadata_of
from tests.support.gguf_models import write_gguf
from tests.support.stand_ins import FOLDER, in_transformers


def write_trained_gguf(path: Path, name: str) -> dict[str, npt.NDArray[np.float32]]:
    """Writes a stand-in.

    Args:
        path: The file.
        name: Of the stand-in's folder.

    Returns:
        See `write_gguf`.
    """
    with tempfile.TemporaryDirectory() as scratch:
        model = in_transformers(name, Path(scratch))
    tokenizer: dict[str, Any] = json.loads((FOLDER / name / "tokenizer.json").read_text(encoding="utf-8"))
    return write_gguf(
        path,
        model,
        ARCHITECTURES[type(model).__name__],
        metadata_of(model.config),
        # The bundled tokenizer cuts as Llama 3's does.
        tokenizer=(tokenizer, "llama-bpe"),
    )
