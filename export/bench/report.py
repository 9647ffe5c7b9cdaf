"""What a benchmark found."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from mmoe.export.bench.machine import Power
from mmoe.export.bench.neighbours import DISTURBED


class Phase(StrEnum):
    """What a test times."""

    PREFILL = "prefill"
    DECODE = "decode"


@dataclass(frozen=True)
class Summary:
    """Samples of one figure, one per round.

    Attributes:
        samples: In the order they were taken.
    """

    samples: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle one; what to compare on a machine that does other things too."""
        return statistics.median(self.samples)

    @property
    def mean(self) -> float:
        """Their mean."""
        return statistics.fmean(self.samples)

    @property
    def deviation(self) -> float:
        """Their standard deviation; 0 for a single one."""
        return statistics.stdev(self.samples) if len(self.samples) > 1 else 0.0


@dataclass(frozen=True, kw_only=True)
class TrialResult:
    """One test of one model.

    Attributes:
        phase: Prefill of a prompt, or decoding behind one.
        tokens: Length of the prompt, or tokens in the cache when decoding starts.
        tokens_per_second: One sample per round.
        bytes_per_token: Bytes of weights and cache that decoding a token must touch; None for prefill.
        read_bandwidth: Bytes/s at which as many threads read the mapped file right after each sample; None for
            prefill, whose limit is arithmetic.
        multiply_adds: Of the prompt, with int8 operands; None for decoding, whose limit is memory.
        int8_peak: Multiply-adds/s of as many threads in registers right after each sample; None for decoding, and
            for instruction sets whose peak is not measured.
    """

    phase: Phase
    tokens: int
    tokens_per_second: Summary
    bytes_per_token: int | None = None
    read_bandwidth: Summary | None = None
    multiply_adds: int | None = None
    int8_peak: Summary | None = None

    @property
    def name(self) -> str:
        """Such as ``prefill 512`` or ``decode at 1024``."""
        return f"{self.phase} {'at ' if self.phase is Phase.DECODE else ''}{self.tokens}"

    @property
    def seconds(self) -> float | None:
        """Median time to the first token, s; None for decoding."""
        return self.tokens / self.tokens_per_second.median if self.phase is Phase.PREFILL else None

    @property
    def roofline_share(self) -> float | None:
        """Speed over that which memory (decode) or arithmetic (prefill) allows, the median over rounds.

        None if the limit is not known.
        """
        if self.bytes_per_token is not None and self.read_bandwidth is not None:
            work, limit = float(self.bytes_per_token), self.read_bandwidth
        elif self.multiply_adds is not None and self.int8_peak is not None:
            work, limit = self.multiply_adds / self.tokens, self.int8_peak
        else:
            return None
        pairs = zip(self.tokens_per_second.samples, limit.samples, strict=True)
        return statistics.median(work * speed / most for speed, most in pairs)


@dataclass(frozen=True, kw_only=True)
class ModelResult:
    """One model's figures.

    Attributes:
        name: The artifact's folder.
        backend: What its program was lowered for.
        program_sha256: Of its program, hexadecimal.
        program_bytes: Size of its program.
        isa: The instruction set that the kernels used.
        cold_load_seconds: Loading after its file was dropped from the page cache.
        warm_load_seconds: Loading when it is in the page cache.
        peak_anonymous_bytes: Largest RssAnon seen after a test.
        peak_file_bytes: Largest RssFile seen after a test.
        peak_bytes: Largest of both together, by the system's count.
        others: Share of the machine's CPUs that other processes used during each sample.
        tests: In the order they ran.
    """

    name: str
    backend: str
    program_sha256: str
    program_bytes: int
    isa: str
    cold_load_seconds: float
    warm_load_seconds: float
    peak_anonymous_bytes: int
    peak_file_bytes: int
    peak_bytes: int
    others: Summary
    tests: tuple[TrialResult, ...]

    @property
    def decode_retention(self) -> float | None:
        """Speed of decoding at the greatest depth over that at the least, medians; None with fewer than two depths."""
        tests = sorted(
            (test for test in self.tests if test.phase is Phase.DECODE), key=lambda test: test.tokens
        )
        if len(tests) < 2:
            return None
        return tests[-1].tokens_per_second.median / tests[0].tokens_per_second.median

    @property
    def read_bandwidth(self) -> float | None:
        """Median of all measurements of the read bandwidth, bytes/s; None if nothing was decoded."""
        return _median_of(test.read_bandwidth for test in self.tests)

    @property
    def int8_peak(self) -> float | None:
        """Median of all measurements of the int8 peak, multiply-adds/s; None if there are none."""
        return _median_of(test.int8_peak for test in self.tests)


def _median_of(summaries: Iterable[Summary | None]) -> float | None:
    found = [each for summary in summaries if summary is not None for each in summary.samples]
    return statistics.median(found) if found else None


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Where it was measured.

    Attributes:
        name: What its maker calls it.
        system: The operating system and its version.
        cpu: Model name of the processor.
        cpus: Logical processors that the process may use.
        memory_bytes: Of the machine.
        power: When the benchmark began and when it ended.
        load_average: Over the last minute, when the benchmark began and when it ended; 0 is idle.
        versions: Of the packages that make and run artifacts.
        library: Version of libmmoe.
    """

    name: str
    system: str
    cpu: str
    cpus: int
    memory_bytes: int
    power: tuple[Power, Power]
    load_average: tuple[float, float]
    versions: dict[str, str]
    library: str


@dataclass(frozen=True, kw_only=True)
class BenchReport:
    """A benchmark of one artifact, or of two measured alternately.

    Attributes:
        machine: Where.
        threads: Of the runtime.
        decode_tokens: Tokens decoded per sample.
        not_fitting: Default lengths that the context does not hold.
        models: The artifact, then the one it is compared with.
    """

    machine: Machine
    threads: int
    decode_tokens: int
    not_fitting: tuple[int, ...]
    models: tuple[ModelResult, ...]

    @property
    def is_disturbed(self) -> bool:
        """Whether others had a noticeable part of the machine, so that the figures are not those of an idle one."""
        busy_before = self.machine.load_average[0] >= self.machine.cpus / 2
        return busy_before or any(model.others.median > DISTURBED for model in self.models)

    def ratio(self, index: int) -> Summary | None:
        """Speed of the first model over the second's in test ``index``, round by round; None for one model."""
        if len(self.models) == 1:
            return None
        ours, theirs = (model.tests[index].tokens_per_second.samples for model in self.models)
        return Summary(tuple(a / b for a, b in zip(ours, theirs, strict=True)))
