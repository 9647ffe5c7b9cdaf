"""Runs `mmoe-bench`, the measured process, and asks it for figures."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from mmoe.runtime_bindings.python.errors import RuntimeFailure
from mmoe.runtime_bindings.python.library import program_path

_PROGRAM = "mmoe-bench"
_STOP_SECONDS = 10
# The first line of a mapping in smaps begins with its addresses.
_MAPPING = re.compile(rb"[0-9a-f]+-[0-9a-f]+ ")


@dataclass(frozen=True)
class Memory:
    """Resident bytes of a process.

    Attributes:
        anonymous: Its own (RssAnon).
        file: Pages of mapped files (RssFile).
        peak: The most that both were together so far (VmHWM).
        model: The part of `file` that is the model's program.
    """

    anonymous: int
    file: int
    peak: int
    model: int


class Worker:
    """A model loaded in a process of its own, without Python or torch.

    Attributes:
        load_seconds: Time of loading the program.
        max_context_len: Tokens that its cache holds.
        isa: Instruction set of the kernels.
    """

    def __init__(self, model_path: Path, *, threads: int) -> None:
        """Starts the process and waits until the model is loaded.

        Raises:
            RuntimeFailure: the program is missing, or it could not load the model.
        """
        program = program_path(_PROGRAM)
        self._path = model_path
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 (closed with the worker)
        self._process = subprocess.Popen(
            [str(program), str(model_path), str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        try:
            seconds, _, context, self.isa = self._answer("ready")
        except BaseException:
            self.close()
            raise
        self.load_seconds, self.max_context_len = float(seconds), int(context)

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the process."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(timeout=_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._errors.close()

    def prefill(self, ids: Sequence[int]) -> float:
        """Seconds from the start of a prompt, at position 0, until its next token is known."""
        return float(self._ask("run 0 " + " ".join(map(str, ids)), "seconds")[0])

    def decode(self, position: int, ids: Sequence[int]) -> list[float]:
        """Seconds of each of some tokens, run one by one from a position on."""
        return [float(each) for each in self._ask(f"step {position} {' '.join(map(str, ids))}", "seconds")]

    def trace(self, path: Path) -> None:
        """From now on, writes the experts of every token into a file; `read_trace` reads it."""
        self._ask(f"trace {path.resolve()}", "tracing")

    def read_bandwidth(self) -> float:
        """Bytes/s at which as many threads as the model has read its mapped file."""
        return float(self._ask("read", "bandwidth")[0])

    def int8_peak(self) -> float | None:
        """Multiply-adds/s of int8 in registers, with the kernels' instruction and threads; None if that is unknown."""
        return float(self._ask("peak", "peak")[0]) or None

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    def memory(self) -> Memory:
        """What is resident now."""
        fields = {}
        for line in Path(f"/proc/{self.pid}/status").read_text(encoding="ascii").splitlines():
            key, _, value = line.partition(":")
            fields[key] = value
        anonymous, file, peak = (
            int(fields[key].split()[0]) * 1024 for key in ("RssAnon", "RssFile", "VmHWM")
        )
        return Memory(anonymous, file, peak, self._mapped_model())

    def _mapped_model(self) -> int:
        """Resident bytes of the mappings of the model's file, as smaps lists them."""
        # Paths stand there as the bytes that they are, but for line ends.
        name = os.fsencode(self._path.resolve()).replace(b"\n", b"\\012")
        total, inside = 0, False
        for line in Path(f"/proc/{self.pid}/smaps").read_bytes().split(b"\n"):
            if _MAPPING.match(line):
                inside = line.endswith(b" " + name)
            elif inside and line.startswith(b"Rss:"):
                total += int(line.split()[1]) * 1024
        return total

    def _ask(self, command: str, answer: str) -> list[str]:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(command + "\n")
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise self._failure() from error
        return self._answer(answer)

    def _answer(self, expected: str) -> list[str]:
        assert self._process.stdout is not None
        words = self._process.stdout.readline().split()
        if not words or words[0] != expected:
            raise self._failure()
        return words[1:]

    def _failure(self) -> RuntimeFailure:
        code = self._process.wait()
        self._errors.seek(0)
        reason = self._errors.read().strip() or f"it ended with code {code}"
        return RuntimeFailure(f"{self._path}: {_PROGRAM} failed: {reason}")
