"""Benchmarks one artifact, or two alternately, so that whatever else the machine does falls on both."""

from __future__ import annotations

import itertools
from contextlib import ExitStack

from mmoe.export.artifact.artifact import Artifact
from mmoe.export.artifact.versions import installed_versions
from mmoe.export.bench.machine import cpu_model, load_average, usable_cpus
from mmoe.export.bench.plan import BenchOptions, planned_trials
from mmoe.export.bench.report import BenchReport, Machine
from mmoe.export.bench.subject import load_subject
from mmoe.export.progress import SILENT, Progress


def bench(
    artifact: Artifact,
    *,
    versus: Artifact | None = None,
    options: BenchOptions | None = None,
    progress: Progress = SILENT,
) -> BenchReport:
    """Measures an artifact, alternately with another one if there is one: A B, B A, A B, ...

    Args:
        artifact: What to measure.
        versus: What to compare with.
        options: What to measure; None for the defaults.
        progress: Told of every sample.

    Raises:
        OptionError: A length does not fit a context.
        MmoeError: An artifact cannot be run.
    """
    options = options or BenchOptions()
    artifacts = [artifact] if versus is None else [artifact, versus]
    trials = planned_trials(options, context=min(each.manifest.runtime.max_context_len for each in artifacts))
    load_before = load_average()
    with ExitStack() as stack:
        progress.phase("Loading")
        subjects = [load_subject(each, trials, options, stack) for each in artifacts]
        progress.phase("Warming up")
        for subject, trial in itertools.product(subjects, trials):
            subject.run(trial, options.decode_tokens)
        progress.phase("Measuring")
        for done in range(options.rounds):
            for trial in trials:
                for subject in subjects if done % 2 == 0 else subjects[::-1]:
                    subject.measure(trial, options)
            progress.step(done + 1, options.rounds)
        machine = Machine(
            cpu=cpu_model(),
            cpus=usable_cpus(),
            load_average=(load_before, load_average()),
            versions=installed_versions(),
        )
        return BenchReport(
            machine=machine,
            threads=options.threads,
            decode_tokens=options.decode_tokens,
            models=tuple(subject.result(trials, options.decode_tokens) for subject in subjects),
        )
