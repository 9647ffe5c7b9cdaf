"""Runs an artifact and a GGUF of its shapes in turns.

python -m benchmarks.llama_cpp ARTIFACT --work build/llama --rounds 5 --threads 2
"""

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from benchmarks.llama_cpp.family_model import ARCHITECTURES, write_family_gguf
from benchmarks.llama_cpp.fetch import BENCH, LLAMA_CPP_PYTHON, build, import_gguf
from benchmarks.llama_cpp.model import write_gguf
from mmoe.export.artifact.artifact import Artifact
from mmoe.export.bench.machine import cpu_model
from mmoe.export.bench.neighbours import undisturbed
from mmoe.export.bench.plan import BenchOptions, Trial, planned_trials
from mmoe.export.bench.render import markdown_table
from mmoe.export.bench.report import ModelResult, Phase, Summary
from mmoe.export.bench.subject import load_subject
from mmoe.models.architectures.mobilemoe import MobileMoEConfig


def run_llama_bench(program: Path, gguf: Path, trial: Trial, *, decode_tokens: int, threads: int) -> float:
    """Tokens per second of one sample; llama-bench warms up by itself."""
    if trial.phase is Phase.PREFILL:
        test = ["-p", trial.tokens, "-n", 0]
    else:
        test = ["-p", 0, "-n", decode_tokens, "-d", trial.tokens]
    # Told to sleep at barriers, as PyTorch wants it on shared cores, llama.cpp decodes at a quarter of its speed.
    environment = {key: value for key, value in os.environ.items() if key != "OMP_WAIT_POLICY"}
    command = [program, "-m", gguf, "-t", threads, "-r", 1, "-o", "json", *test]
    done = subprocess.run(
        [str(part) for part in command],
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        text=True,
    )
    (result,) = json.loads(done.stdout)
    return float(result["avg_ts"])


def main(arguments: Sequence[str] | None = None) -> None:
    """Fetches, builds, writes the GGUF, measures, and prints a Markdown table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("artifact", type=Path)
    parser.add_argument("--work", type=Path, required=True, help="folder for the build and the GGUF; kept")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--prompt-lengths", type=_lengths, default=(128, 512, 2048))
    parser.add_argument("--depths", type=_lengths, default=(128, 1024, 4096))
    parser.add_argument("--decode-tokens", type=int, default=32)
    parser.add_argument(
        "--attempts", type=int, default=5, help="times to repeat a sample while others use the machine"
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="compilers at a time")
    options = parser.parse_args(arguments)
    options.work.mkdir(parents=True, exist_ok=True)
    program = build(options.work, BENCH, jobs=options.jobs)
    import_gguf(options.work)
    artifact = Artifact.open(options.artifact)
    config = artifact.config
    settings = artifact.manifest.architecture
    family = ARCHITECTURES.get(config.ARCHITECTURE)
    if family is None and not isinstance(config, MobileMoEConfig):
        parser.error(f"{options.artifact} is a {config.ARCHITECTURE}, of which this writes no GGUF")
    gguf = options.work / f"{family or 'glm4moe'}-{config.hidden_size}x{config.num_hidden_layers}.gguf"
    if not gguf.is_file():
        partial = gguf.with_suffix(".partial")
        if isinstance(config, MobileMoEConfig):
            write_gguf(partial, config)
        else:
            write_family_gguf(partial, settings)
        partial.rename(gguf)
    plan = BenchOptions(
        prompt_lengths=options.prompt_lengths,
        depths=options.depths,
        decode_tokens=options.decode_tokens,
        rounds=options.rounds,
        threads=options.threads,
        attempts=options.attempts,
    )
    trials = planned_trials(plan, context=artifact.manifest.runtime.max_context_len)
    theirs: dict[Trial, list[float]] = {trial: [] for trial in trials}
    disturbances = []
    with ExitStack() as stack:
        subject = load_subject(artifact, trials, plan, stack)
        for trial in trials:
            subject.run(trial, plan.decode_tokens)
        for done, trial in itertools.product(range(plan.rounds), trials):
            subject.measure(trial, plan)

            def llama(trial: Trial = trial) -> float:
                return run_llama_bench(
                    program, gguf, trial, decode_tokens=plan.decode_tokens, threads=plan.threads
                )

            speed, share = undisturbed(llama, pid=subject.worker.pid, attempts=plan.attempts)
            theirs[trial].append(speed)
            disturbances.append(share)
            print(
                f"round {done + 1}/{plan.rounds}, {trial.phase} {trial.tokens}: {subject.samples[trial][-1]:.1f} "
                f"and {speed:.1f} tokens/s, others used {subject.others[-1]:.0%} and {share:.0%} of the CPUs",
                file=sys.stderr,
            )
        result = subject.result(trials, plan.decode_tokens)
    print(
        f"{cpu_model()}, {plan.threads} threads, {result.isa}, {plan.rounds} rounds in turns; others used "
        f"{result.others.median:.0%} and {statistics.median(disturbances):.0%} of the CPUs (medians); "
        f"llama.cpp of {LLAMA_CPP_PYTHON}, Q4_0, native build; tokens/s, medians ± deviation\n"
    )
    print(_table(result, [Summary(tuple(theirs[trial])) for trial in trials]), end="")


def _table(ours: ModelResult, theirs: Sequence[Summary]) -> str:
    rows = []
    for test, other in zip(ours.tests, theirs, strict=True):
        speed = test.tokens_per_second
        ratio = Summary(tuple(a / b for a, b in zip(speed.samples, other.samples, strict=True)))
        share = "" if test.roofline_share is None else f"{test.roofline_share:.0%}"
        figures = [f"{figure.median:.1f} ± {figure.deviation:.1f}" for figure in (speed, other)]
        rows.append([test.name, *figures, f"{ratio.median:.2f} ± {ratio.deviation:.2f}", share])
    return markdown_table(["test", "mmoe", "llama.cpp", "ratio", "mmoe, of its roofline"], rows)


def _lengths(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(",") if part)


if __name__ == "__main__":
    main()
