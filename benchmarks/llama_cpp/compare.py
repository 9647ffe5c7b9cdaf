"""The same GGUF file in llama.cpp and, converted, in libmmoe: perplexity and greedy ids side by side.

python -m benchmarks.llama_cpp.compare --work build/llama
python -m benchmarks.llama_cpp.compare --work build/llama --trained
python -m benchmarks.llama_cpp.compare --work build/llama --model olmoe.gguf --text held_out.txt

Without --model the files are small random models of every architecture that is read, in two forms: all matrices in
Q4_0 by the `gguf` package, and as llama-quantize makes them, with a head or tied table in Q6_K. Their text is what the
model itself, in float32, draws. With --trained they are the trained stand-ins of the tests in Q4_0, and the text is the
held-out one. Exit code 1: a perplexity is further than --limit from llama.cpp's.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch

from benchmarks.llama_cpp.agreement import Foresight, GreedyRun, foresee, side_by_side
from benchmarks.llama_cpp.engines import Artifact, Float32, LlamaCpp
from benchmarks.llama_cpp.fetch import ANSWERS, LLAMA_CPP_PYTHON, build, import_gguf
from mmoe.export.bench.machine import cpu_model
from mmoe.export.bench.render import markdown_table
from mmoe.export.convert.convert import ConvertOptions, convert
from mmoe.export.verify.text import bundled_text

# Ids that both continue.
_PROMPT = 32
_COLUMNS = [
    "file", "tokens", "float32", "llama.cpp", "mmoe", "mmoe / llama.cpp",
    "same choice, mmoe and llama.cpp", "with float32: mmoe", "llama.cpp", "greedy",
]  # fmt: skip


@dataclass(frozen=True)
class Comparison:
    """Of one file.

    Attributes:
        name: Of the file.
        float32: What its values give without further rounding.
        theirs: llama.cpp.
        ours: libmmoe.
        run: Both greedy continuations, llama.cpp's first.
    """

    name: str
    float32: Foresight
    theirs: Foresight
    ours: Foresight
    run: GreedyRun

    @property
    def ratio(self) -> float:
        """Our perplexity by llama.cpp's."""
        return self.ours.perplexity.ratio_to(self.theirs.perplexity)[0]

    def row(self) -> list[str]:
        """Of the table."""
        ratio, error = self.ours.perplexity.ratio_to(self.theirs.perplexity)
        engines = (self.float32, self.theirs, self.ours)
        greedy = f"{self.run.common} of {len(self.run.ids[0])} equal"
        if self.run.margin is not None and self.run.spread is not None:
            greedy += f", then {self.run.margin / self.run.spread:.3f} deviations apart"
        return [
            self.name,
            str(self.ours.perplexity.tokens),
            *(f"{engine.perplexity.value:.3f}" for engine in engines),
            f"{100 * (ratio - 1):+.3f} ± {100 * error:.3f} %",
            f"{self.ours.agreement(self.theirs):.1%}",
            f"{self.ours.agreement(self.float32):.1%}",
            f"{self.theirs.agreement(self.float32):.1%}",
            greedy,
        ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Builds, converts, compares, and prints a Markdown table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, required=True, help="folder for the build; kept")
    parser.add_argument("--model", type=Path, help="a GGUF file; random models without it")
    parser.add_argument("--trained", action="store_true", help="the trained stand-ins of the tests")
    parser.add_argument("--text", type=Path, help="what to foresee; goes with --model")
    parser.add_argument("--tokens", type=int, default=2000)
    parser.add_argument("--window", type=int, default=500, help="tokens of a context")
    parser.add_argument("--greedy", type=int, default=64, help=f"ids that continue a prompt of {_PROMPT}")
    parser.add_argument("--limit", type=float, default=0.2, help="per cent between the perplexities")
    parser.add_argument(
        "--threads",
        type=int,
        default=1,
        help="llama.cpp's wait for each other without rest: idle cores at most",
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="compilers at a time")
    options = parser.parse_args(arguments)
    if (options.model is None) != (options.text is None):
        parser.error("--model and --text go together")
    if options.trained and options.model is not None:
        parser.error("--trained and --model exclude each other")
    torch.set_num_threads(options.threads)
    options.work.mkdir(parents=True, exist_ok=True)
    program = build(options.work, ANSWERS, jobs=options.jobs)
    import_gguf(options.work)
    with tempfile.TemporaryDirectory(prefix="mmoe-compare-") as scratch:
        if options.trained:
            files = _trained_files(Path(scratch))
        elif options.model is not None:
            files = iter([(options.model, options.text.read_text(encoding="utf-8"))])
        else:
            files = _random_files(program, Path(scratch))
        compared = []
        for file, text in files:
            artifact = Path(scratch) / f"{file.stem}-artifact"
            compared.append(_compare(file, text, program, artifact, options))
            print(" | ".join(compared[-1].row()), file=sys.stderr)
    print(
        f"{cpu_model()}, {options.threads} threads; llama.cpp of {LLAMA_CPP_PYTHON}, native build; windows of "
        f"{options.window} tokens; perplexities, and the share of places with the same most probable id\n"
    )
    print(markdown_table(_COLUMNS, [comparison.row() for comparison in compared]), end="")
    return int(any(abs(comparison.ratio - 1) > options.limit / 100 for comparison in compared))


def _trained_files(folder: Path) -> Iterator[tuple[Path, str | Path]]:
    """Files, each with the text."""
    from benchmarks.llama_cpp.trained_models import write_trained_gguf
    from tests.support.stand_ins import NAMES

    for name in NAMES:
        path = folder / f"{name}-q4_0.gguf"
        write_trained_gguf(path, name)
        yield path, bundled_text().content


def _random_files(program: Path, folder: Path) -> Iterator[tuple[Path, str | Path]]:
    """Files, each with the one whose model draws the text."""
    from benchmarks.llama_cpp.random_models import RANDOM_MODELS, quantize_by_llama_cpp

    for name, (architecture, model) in RANDOM_MODELS.items():
        path = folder / f"{name}-q4_0.gguf"
        model.write(path, architecture)
        yield path, path
        floats, quantized = folder / f"{name}-f32.gguf", folder / f"{name}-llama-quantize.gguf"
        model.write(floats, architecture, only_floats=True)
        quantize_by_llama_cpp(program, floats, quantized)
        yield quantized, path


@cache
def _drawn(gguf: Path, tokens: int, window: int) -> list[list[int]]:
    engine = Float32(gguf, context=window)
    return [engine.drawn(window, first=1, seed=seed) for seed in range(-(-tokens // window))]


def _compare(
    gguf: Path, text: str | Path, program: Path, artifact: Path, options: argparse.Namespace
) -> Comparison:
    """Compares on a text, or on what the model of another file draws."""
    context = max(options.window, _PROMPT + options.greedy)
    convert(gguf, artifact, options=ConvertOptions(max_context_len=context))
    float32 = Float32(gguf, context=context)
    with (
        LlamaCpp(program, gguf, threads=options.threads, context=context) as theirs,
        Artifact(artifact, threads=options.threads) as ours,
    ):
        if isinstance(text, Path):
            windows = _drawn(text, options.tokens, options.window)
        else:
            ids = _same_ids(text, ours, theirs)[: options.tokens]
            windows = [
                ids[start : start + options.window] for start in range(0, len(ids) - 1, options.window)
            ]
        return Comparison(
            gguf.stem,
            foresee(float32, windows),
            foresee(theirs, windows),
            foresee(ours, windows),
            side_by_side(theirs, ours, float32, windows[0][:_PROMPT], options.greedy),
        )


def _same_ids(text: str, ours: Artifact, theirs: LlamaCpp) -> list[int]:
    """Ids of a text, on which both tokenizers must agree."""
    ids, other = ours.model.tokenize(text, add_bos=False), theirs.tokenize(text)
    if ids != other:
        pairs = enumerate(zip(ids, other, strict=False))
        place = next((place for place, (one, two) in pairs if one != two), min(len(ids), len(other)))
        around = slice(max(place - 3, 0), place + 5)
        raise SystemExit(
            f"the tokenizers differ at token {place}: mmoe {ids[around]}, llama.cpp {other[around]}"
        )
    return ids


if __name__ == "__main__":
    sys.exit(main())
