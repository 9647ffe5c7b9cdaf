"""A model in a process of its own: the thread pool can be sized only while no other model is open."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

_CODE = """
import json, sys
import numpy as np
from pathlib import Path
from mmoe.runtime_bindings.python.model import Model
from mmoe.runtime_bindings.python.session import Session
folder, threads, ids, target = sys.argv[1:]
model = Model(Path(folder), threads=int(threads))
assert model.info.threads == int(threads)
session = Session(model)
session.prefill(json.loads(ids))
np.save(target, session.logits())
"""


def logits_with_threads(folder: Path, ids: Sequence[int], threads: int) -> npt.NDArray[np.float32]:
    """Logits of the last token, float32 ``[V]``, by an artifact on a pool of ``threads``."""
    with tempfile.TemporaryDirectory() as scratch:
        target = Path(scratch) / "logits.npy"
        arguments = [str(folder), str(threads), json.dumps(list(ids)), str(target)]
        subprocess.run([sys.executable, "-c", _CODE, *arguments], check=True)
        found: npt.NDArray[np.float32] = np.load(target)
        return found
