"""What is left of the speed when one core is shared with another program: `python -m tools.unequal_cores ARTIFACT`.

Runs prefill and decode in turns, undisturbed and with a process that computes without end on the core of one thread,
which then has half of it. The threads are pinned, one to a core, so that the system does not move them out of the way.
Prints the ratio of the two speeds, the median over the rounds, beside what perfect sharing would give: with two
threads 1.5 of 2 cores, 0.75. Linux only.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mmoe.export.artifact.artifact import Artifact
from mmoe.export.bench.text_ids import text_ids
from mmoe.export.bench.worker import Worker

_COMPUTE = "while True: pass"
_SETTLE_SECONDS = 0.2


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(
        description="Speed while one of the cores is shared with another program"
    )
    parser.add_argument("artifact", type=Path)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--tokens", type=int, default=512, help="of the prompt")
    parser.add_argument("--decode-tokens", type=int, default=96)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument(
        "--slowed", choices=["worker", "caller"], default="worker", help="whose core is shared"
    )
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))[: options.threads]
    if not 2 <= options.threads <= len(cores):
        sys.exit(f"threads must be from 2 to the {len(cores)} cores that there are")

    ids = text_ids(options.artifact, options.tokens + options.decode_tokens)
    prompt, rest = ids[: options.tokens], ids[options.tokens :]
    with Worker(Artifact.open(options.artifact).model_path, threads=options.threads) as worker:
        phases: dict[str, Callable[[], float]] = {
            "prefill": lambda: len(prompt) / worker.prefill(prompt),
            "decode": lambda: len(rest) / sum(worker.decode(len(prompt), rest)),
        }
        for speed in phases.values():
            speed()  # brings the file into memory, and starts all threads
        pin_threads(worker.pid, cores)
        core = cores[0] if options.slowed == "caller" else cores[-1]
        pairs: dict[str, list[tuple[float, float]]] = {name: [] for name in phases}
        for _ in range(options.rounds):
            undisturbed = {name: speed() for name, speed in phases.items()}
            with computing_on(core):
                for name, speed in phases.items():
                    pairs[name].append((undisturbed[name], speed()))
    ideal = (options.threads - 0.5) / options.threads
    for name, speeds in pairs.items():
        alone, beside = (statistics.median(column) for column in zip(*speeds, strict=True))
        ratio = statistics.median(slowed / full for full, slowed in speeds)
        print(
            f"{name:8} {alone:7.1f} tokens/s alone, {beside:7.1f} with one core halved: "
            f"{ratio:.3f}, {ratio / ideal:.2f} of the ideal {ideal:.3f}"
        )


def pin_threads(pid: int, cores: list[int]) -> None:
    """Gives the first thread of a process, which calls, the first core, and each pool's threads the others in turns."""
    first, *workers = sorted(int(each.name) for each in Path(f"/proc/{pid}/task").iterdir())
    os.sched_setaffinity(first, {cores[0]})
    for place, thread in enumerate(workers):
        os.sched_setaffinity(thread, {cores[1 + place % (len(cores) - 1)]})


@contextmanager
def computing_on(core: int) -> Iterator[None]:
    """While another process computes on a core without end."""
    with subprocess.Popen([sys.executable, "-c", _COMPUTE]) as process:
        os.sched_setaffinity(process.pid, {core})
        try:
            time.sleep(_SETTLE_SECONDS)
            yield
        finally:
            process.kill()


if __name__ == "__main__":
    main()
