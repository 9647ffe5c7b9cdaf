"""An MLX artifact's program, replayed, in the place of one that ExecuTorch runs."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from mmoe.backends.errors import ArtifactError
from mmoe.backends.mlx.payload import DelegateFile
from mmoe.backends.mlx.replay.machine import Machine
from mmoe.backends.program_file import ProgramFile
from mmoe.runtime_bindings.python.program import ProgramMetadata


class ReplayedProgram:
    """A language model's program; see `mmoe.runtime_bindings.python.program.LanguageProgram`."""

    def __init__(self, path: Path) -> None:
        """Loads the program.

        Raises:
            MmoeError: `mlx` is not installed, or the program is damaged or not one that can be replayed.
        """
        self.path = path
        file = ProgramFile(path)
        self.metadata = read_metadata(file)
        self._machine = Machine(DelegateFile(file))

    def forward(self, tokens: torch.Tensor, input_pos: torch.Tensor) -> torch.Tensor:
        """int64 ``[1, T]`` and int64 ``[1]`` -> logits ``[1, V]`` in the dtype of the activations.

        Raises:
            RuntimeFailure: An instruction failed.
        """
        (logits,) = self._machine.call([tokens.numpy(), input_pos.numpy()])
        return torch.from_numpy(np.array(logits))


def read_metadata(file: ProgramFile) -> ProgramMetadata:
    """What the constant methods of a program say.

    Raises:
        ArtifactError: One that language models have is missing.
    """
    methods: dict[str, Any] = file.metadata()
    try:
        return ProgramMetadata(
            max_seq_len=methods["get_max_seq_len"],
            max_context_len=methods["get_max_context_len"],
            vocab_size=methods["get_vocab_size"],
        )
    except KeyError as error:
        raise ArtifactError(
            f"{file.path}: the program has no method {error}; it was not exported as a language model"
        ) from error
