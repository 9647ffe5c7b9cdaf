"""Benchmarks one artifact, or two alternately, so that whatever else the machine does falls on both."""

from __future__ import annotations

import itertools
from contextlib import ExitStack

from mmoe.export.artifact.artifact import Artifact
from mmoe.export.artifact.versions import installed_versions
from mmoe.export.bench.machine import (
    cpu_model,
    load_average,
    machine_name,
    memory_bytes,
    power,
    system_name,
    usable_cpus,
)
from mmoe.export.bench.plan import BenchOptions, lengths_not_fitting, planned_trials
from mmoe.export.bench.report import BenchReport, Machine
from mmoe.export.bench.subject import load_subject
from mmoe.export.progress import SILENT, Progress
from mmoe.runtime_bindings.python.core import library_version


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
    context = min(each.manifest.runtime.max_context_len for each in artifacts)
    trials = planned_trials(options, context=context)
    load_before, power_before = load_average(), power()
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
            name=machine_name(),
            system=system_name(),
            cpu=cpu_model(),
            cpus=usable_cpus(),
            memory_bytes=memory_bytes(),
            power=(power_before, power()),
            load_average=(load_before, load_average()),
            versions=installed_versions(),
            library=library_version(),
        )
        return BenchReport(
            machine=machine,
            threads=options.threads,
            decode_tokens=options.decode_tokens,
            not_fitting=lengths_not_fitting(options, context=context),
            models=tuple(subject.result(trials, options.decode_tokens) for subject in subjects),
        )
