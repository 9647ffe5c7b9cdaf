"""What a benchmark measures: prompts, depths, rounds."""

from __future__ import annotations

from dataclasses import dataclass

from mmoe.export.bench.report import Phase
from mmoe.runtime_bindings.python.errors import OptionError

DEFAULT_LENGTHS = (256, 1024, 4096, 8192)


@dataclass(frozen=True, kw_only=True)
class BenchOptions:
    """What to measure.

    Attributes:
        prompt_lengths: Tokens of the prompts; None for 256, 1024, 4096 and 8192; what
            exceeds the context becomes the context.
        depths: Tokens in the cache when decoding starts; None for the same, less `decode_tokens`
            at the end of the context.
        decode_tokens: Tokens decoded per sample.
        rounds: Samples of every figure.
        threads: Of the runtime.
        attempts: Times to take a sample, at most, while other processes disturb it.
    """

    prompt_lengths: tuple[int, ...] | None = None
    depths: tuple[int, ...] | None = None
    decode_tokens: int = 32
    rounds: int = 5
    threads: int = 2
    attempts: int = 1

    def __post_init__(self) -> None:
        for name in ("decode_tokens", "rounds", "threads", "attempts"):
            if getattr(self, name) < 1:
                raise OptionError(f"{name} must be at least 1, not {getattr(self, name)}")
        for name in ("prompt_lengths", "depths"):
            if any(length < 1 for length in getattr(self, name) or ()):
                raise OptionError(f"{name} must be at least 1 each, not {getattr(self, name)}")


@dataclass(frozen=True)
class Trial:
    """One figure to measure: prefill of a prompt of ``tokens``, or decoding behind so many."""

    phase: Phase
    tokens: int


def planned_trials(options: BenchOptions, *, context: int) -> list[Trial]:
    """Prompts, then depths, each in the order given.

    Args:
        options: What was asked for, which must fit; defaults are clipped to the context.
        context: Tokens that a cache holds.

    Raises:
        OptionError: A length does not fit, or there is nothing to measure.
    """
    prompts = options.prompt_lengths
    if prompts is None:
        prompts = _clipped(context)
    room = context - options.decode_tokens
    depths = options.depths
    if depths is None:
        depths = _clipped(room) if room > 0 else ()
    if any(n > context for n in prompts):
        raise OptionError(f"prompt lengths {prompts}: the context holds {context} tokens")
    if any(n > room for n in depths):
        raise OptionError(
            f"depths {depths}: with {options.decode_tokens} decoded tokens they exceed the context of {context} tokens"
        )
    tests = [Trial(Phase.PREFILL, n) for n in prompts] + [Trial(Phase.DECODE, n) for n in depths]
    if not tests:
        raise OptionError("nothing to measure: no prompt lengths and no depths")
    return tests


def lengths_not_fitting(options: BenchOptions, *, context: int) -> tuple[int, ...]:
    """Default lengths that exceed a context; none if no default is asked for.

    Args:
        options: What was asked for.
        context: Tokens that a cache holds.
    """
    if options.prompt_lengths is not None and options.depths is not None:
        return ()
    return tuple(length for length in DEFAULT_LENGTHS if length > context)


def _clipped(most: int) -> tuple[int, ...]:
    """The defaults, the first that exceeds ``most`` replaced by it."""
    fitting = [length for length in DEFAULT_LENGTHS if length < most]
    return (*fitting, most) if len(fitting) < len(DEFAULT_LENGTHS) else tuple(fitting)
