"""Three programs that answer ids with logits: llama.cpp, an artifact on libmmoe, and float32 in PyTorch."""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Protocol, cast

import numpy as np
import numpy.typing as npt
import torch

from mmoe.checkpoints.gguf.opened import open_gguf
from mmoe.models.decoder import build_decoder
from mmoe.models.reference import REFERENCE
from mmoe.runtime_bindings.python.model import Model
from mmoe.runtime_bindings.python.session import Session

Logits = npt.NDArray[np.float32]

# Kinds of requests; see answers.cpp.
_LOGITS, _TOKENS = 0, 1


class Engine(Protocol):
    """Something that foresees the next token."""

    def logits(self, ids: Sequence[int]) -> Logits:
        """Ids from the beginning of a context -> float32 ``[len(ids), V]``."""
        ...


class LlamaCpp:
    """llama.cpp in a process of its own, which ends with the block."""

    def __init__(self, program: Path, gguf: Path, *, threads: int, context: int) -> None:
        """Starts `llama-answers` on a file."""
        command = [str(part) for part in (program, gguf, threads, context)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        (self._vocabulary,) = self._read("<i4", 1)

    def __enter__(self) -> LlamaCpp:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def _end(self) -> int:
        self._input.close()
        self._output.close()
        return self._process.wait(timeout=60)

    @property
    def _output(self) -> IO[bytes]:
        return cast(IO[bytes], self._process.stdout)

    @property
    def _input(self) -> IO[bytes]:
        return cast(IO[bytes], self._process.stdin)

    def logits(self, ids: Sequence[int]) -> Logits:
        """See `Engine.logits`."""
        self._ask(_LOGITS, len(ids), np.array(ids, "<i4").tobytes())
        values = self._read("<f4", len(ids) * int(self._vocabulary))
        return cast(Logits, values.reshape(len(ids), -1))

    def tokenize(self, text: str) -> list[int]:
        """Ids of a text, without what begins one; the texts of special tokens are plain text."""
        data = text.encode()
        self._ask(_TOKENS, len(data), data)
        (count,) = self._read("<i4", 1)
        return [int(value) for value in self._read("<i4", int(count))]

    def _ask(self, kind: int, count: int, items: bytes) -> None:
        self._input.write(struct.pack("=ii", kind, count) + items)
        self._input.flush()

    def _read(self, dtype: str, count: int) -> npt.NDArray[np.generic]:
        size = count * np.dtype(dtype).itemsize
        data = self._output.read(size)
        if len(data) != size:
            raise RuntimeError(f"llama-answers ended with {self._end()}; it says why above")
        return np.frombuffer(data, dtype)


class Artifact:
    """An artifact, token by token in a session of libmmoe, which ends with the block."""

    def __init__(self, folder: Path, *, threads: int) -> None:
        """Opens the artifact."""
        self.model = Model(folder, threads=threads)
        self._session = Session(self.model)

    def __enter__(self) -> Artifact:
        return self

    def __exit__(self, *_: object) -> None:
        self.model.close()

    def logits(self, ids: Sequence[int]) -> Logits:
        """See `Engine.logits`."""
        rows = []
        for place, token in enumerate(ids):
            if place:
                self._session.decode(token)
            else:
                self._session.reset()
                self._session.prompt([token])
            rows.append(self._session.logits())
        return np.stack(rows)


class Float32:
    """What the file's values give without any further rounding: the eager reference, which is tested elsewhere."""

    def __init__(self, gguf: Path, *, context: int) -> None:
        """Opens the file; its matrices are unpacked as they are used."""
        self._decoder = build_decoder(open_gguf(gguf), REFERENCE, max_context_len=context)

    def logits(self, ids: Sequence[int]) -> Logits:
        """See `Engine.logits`."""
        with torch.no_grad():
            found = self._decoder.all_logits(torch.tensor([list(ids)]), torch.zeros(1, dtype=torch.int64))
        return cast(Logits, found[0].numpy())

    def drawn(self, count: int, *, first: int, seed: int) -> list[int]:
        """A text that this engine itself draws, at temperature 1."""
        rng = np.random.default_rng(seed)
        ids = [first]
        with torch.no_grad():
            while len(ids) < count:
                place = torch.tensor([len(ids) - 1])
                row = self._decoder(torch.tensor([ids[-1:]]), place)[0].double()
                probabilities = torch.softmax(row, dim=-1).numpy()
                ids.append(int(rng.choice(len(probabilities), p=probabilities / probabilities.sum())))
        return ids
