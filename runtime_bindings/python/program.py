"""A `.pte` in the ExecuTorch Python runtime: its metadata and its `forward`, errors in readable form."""

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch

from mmoe.export.errors import OptionError, RuntimeFailure
from mmoe.runtime_bindings.python.error_codes import OPERATOR_MISSING, error_code, explain
from mmoe.runtime_bindings.python.library import load_operator_library

with warnings.catch_warnings():
    # The bindings announce on import that they are experimental; the version is pinned.
    warnings.simplefilter("ignore")
    from executorch.extension.pybindings import portable_lib
    from executorch.runtime import Method, Runtime, Verification

# What the runtime reads first; it calls a shorter file an invalid argument, which would mislead.
_HEAD_BYTES = 64


@dataclass(frozen=True, kw_only=True)
class ProgramMetadata:
    """What the constant methods of a program say (the contract of ExecuTorch's own LLM runners).

    Attributes:
        max_seq_len: tokens one call of `forward` takes at most (the prefill chunk).
        max_context_len: rows of the KV cache.
        vocab_size: width of the logits.
        n_layers: decoder layers.
        bos_id: the token that begins a text, if the program names one.
        eos_ids: the tokens that end one.
        sliding_window: keys that the layers with the widest window see; None without such layers.
        window_rows: rows of the ring that they keep.
    """

    max_seq_len: int
    max_context_len: int
    vocab_size: int
    n_layers: int
    bos_id: int | None
    eos_ids: tuple[int, ...]
    sliding_window: int | None = None
    window_rows: int | None = None


class LanguageProgram(Protocol):
    """What a `ModelRunner` drives: a program in some runtime."""

    @property
    def path(self) -> Path:
        """The `.pte` file."""

    @property
    def metadata(self) -> ProgramMetadata:
        """What the program says of itself."""

    def forward(self, tokens: torch.Tensor, input_pos: torch.Tensor) -> torch.Tensor:
        """One call: int64 ``[1, T]`` and the cache row of the first token, int64 ``[1]`` -> logits ``[1, V]``.

        Raises:
            RuntimeFailure: the runtime refused the call.
        """


class LoadedProgram:
    """A language model's program with its operators registered; constants stay mapped from the file."""

    def __init__(self, pte_path: Path, *, threads: int | None = None) -> None:
        """Loads the program, its metadata and its `forward`.

        Args:
            pte_path: the `.pte` file.
            threads: size of the runtime's thread pool, which belongs to the whole process; None keeps it.

        Raises:
            OptionError: threads is below 1.
            RuntimeFailure: the file is absent, cut, of another version or not a language model, or an
                operator or a backend that it needs is missing.
        """
        if threads is not None and threads < 1:
            raise OptionError(f"threads must be at least 1, not {threads}")
        if not pte_path.is_file():
            raise RuntimeFailure(f"{pte_path}: no such file")
        if pte_path.stat().st_size < _HEAD_BYTES:
            raise RuntimeFailure(
                f"{pte_path}: not a .pte, or cut: it has {pte_path.stat().st_size} bytes; "
                "convert the checkpoint again"
            )
        load_operator_library()
        if threads is not None:
            # Before the load: XNNPACK takes hold of the pool when a delegate is created.
            portable_lib._unsafe_reset_threadpool(threads)
        self.path = pte_path
        try:
            self._program = Runtime.get().load_program(
                pte_path, verification=Verification.InternalConsistency
            )
        except RuntimeError as error:
            raise RuntimeFailure(f"{pte_path}: {explain(str(error))}") from error
        # Metadata first: the methods of a program share one arena, and `forward` keeps its caches there.
        self.metadata = self._read_metadata()
        self._forward = self._load_method("forward")
        self._check_signature()

    def forward(self, tokens: torch.Tensor, input_pos: torch.Tensor) -> torch.Tensor:
        """One call of the program.

        Args:
            tokens: int64 ``[1, T]``, 1 <= T <= max_seq_len.
            input_pos: int64 ``[1]``, the cache row of the first token.

        Returns:
            Logits of the last token, float32 ``[1, V]``; a copy that later calls leave alone.

        Raises:
            RuntimeFailure: the runtime refused the call.
        """
        try:
            logits: torch.Tensor = self._forward.execute([tokens, input_pos])[0]
        except RuntimeError as error:
            raise RuntimeFailure(f"{self.path}: forward failed: {explain(str(error))}") from error
        return logits

    def _load_method(self, name: str) -> Method:
        if name not in self._program.method_names:
            raise RuntimeFailure(
                f"{self.path}: the program has no method '{name}'; it was not exported as a language model"
            )
        try:
            return self._program.load_method(name)
        except RuntimeError as error:
            reason = explain(str(error))
            if error_code(str(error)) == OPERATOR_MISSING:
                registered = sorted(
                    op for op in Runtime.get().operator_registry.operator_names if op.startswith("mmoe::")
                )
                reason += f"; registered mmoe operators: {', '.join(registered) or 'none'}"
            raise RuntimeFailure(f"{self.path}: method '{name}' cannot be loaded: {reason}") from error

    def _read_metadata(self) -> ProgramMetadata:
        def constant(name: str) -> Any:
            return self._load_method(name).execute([])[0]

        def optional(name: str) -> int | None:
            return int(constant(name)) if name in self._program.method_names else None

        return ProgramMetadata(
            max_seq_len=int(constant("get_max_seq_len")),
            max_context_len=int(constant("get_max_context_len")),
            vocab_size=int(constant("get_vocab_size")),
            n_layers=int(constant("get_n_layers")),
            bos_id=optional("get_bos_id"),
            eos_ids=tuple(int(i) for i in self._load_method("get_eos_ids").execute([])),
            sliding_window=optional("get_sliding_window"),
            window_rows=optional("get_window_rows"),
        )

    def _check_signature(self) -> None:
        meta = self._forward.metadata
        if meta.num_inputs() != 2 or meta.num_outputs() != 1:
            raise RuntimeFailure(
                f"{self.path}: forward takes {meta.num_inputs()} inputs and gives {meta.num_outputs()} "
                "outputs; a language model takes tokens and input_pos and gives logits"
            )
        logits = tuple(meta.output_tensor_meta(0).sizes())
        if logits != (1, self.metadata.vocab_size):
            raise RuntimeFailure(
                f"{self.path}: forward gives logits {list(logits)}, not [1, {self.metadata.vocab_size}]"
            )
