"""Times a program's operators by class, with ExecuTorch's own event tracer."""

from __future__ import annotations

import statistics
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from executorch.devtools.etdump.schema_flatcc import ProfileEvent, RunData
from executorch.devtools.etdump.serialize import deserialize_from_etdump_flatcc
from executorch.extension.pybindings import portable_lib

from mmoe.backends.program_file import ProgramFile
from mmoe.export.artifact.artifact import Artifact
from mmoe.export.bench.operator_classes import InstructionClasses, bytes_by_operator
from mmoe.export.bench.operator_report import OperatorClass, OperatorRow, OperatorTimes
from mmoe.export.bench.report import Phase
from mmoe.export.bench.text_ids import text_ids
from mmoe.export.bench.traffic import active_weight_bytes, cache_traffic
from mmoe.export.progress import SILENT, Progress
from mmoe.runtime_bindings.python.library import load_operator_library

_PREFILL_CALLS = 3
_DECODE_CALLS = 16
_NANOSECOND = 1e-9
_CALLS = ("OPERATOR_CALL", "DELEGATE_CALL")
_WHOLE_CALL = "Method::execute"


@dataclass
class _CallTimes:
    """Seconds and operators by class, of one call of the program."""

    seconds: dict[OperatorClass, float] = field(default_factory=dict)
    calls: Counter[OperatorClass] = field(default_factory=Counter)

    def add(self, kind: OperatorClass, seconds: float, calls: int = 0) -> None:
        self.seconds[kind] = self.seconds.get(kind, 0.0) + seconds
        self.calls[kind] += calls


def time_operators(
    artifact: Artifact,
    *,
    prompt_lengths: Sequence[int],
    depths: Sequence[int],
    threads: int,
    progress: Progress = SILENT,
) -> list[OperatorTimes]:
    """Times the operators of prefill calls and of decode steps, by class; the tracer costs about 1 us per event.

    Args:
        artifact: What to run; its operators run in this process.
        prompt_lengths: Prompts to time, of which the first call's tokens (max_seq_len at most) are timed.
        depths: Tokens in the cache before the timed decode steps.
        threads: Of the runtime.
        progress: Told of every phase.

    Raises:
        MmoeError: The artifact cannot be run.
    """
    limit = artifact.manifest.runtime.max_seq_len
    ids = text_ids(artifact.folder, max((*prompt_lengths, *depths)) + _DECODE_CALLS)
    classes = InstructionClasses(ProgramFile(artifact.model_path))
    cache = cache_traffic(artifact.model_path)
    found = []
    for count in sorted({min(length, limit) for length in prompt_lengths}):
        progress.phase(f"Timing the operators of prefill {count}")
        calls = [(0, ids[:count])] * (1 + _PREFILL_CALLS)
        runs = _traced(artifact.model_path, calls, threads)[-_PREFILL_CALLS:]
        found.append(OperatorTimes(f"{Phase.PREFILL} {count}", _rows([_times(run, classes) for run in runs])))
    for depth in depths:
        progress.phase(f"Timing the operators of decode at {depth}")
        calls = [(start, ids[start : min(start + limit, depth)]) for start in range(0, depth, limit)]
        calls += [(depth + step, [ids[depth + step]]) for step in range(_DECODE_CALLS)]
        runs = _traced(artifact.model_path, calls, threads)[-_DECODE_CALLS:]
        rows = _rows([_times(run, classes) for run in runs])
        touched = bytes_by_operator(
            active_weight_bytes(artifact.config),
            cache_bytes=cache.bytes_at(depth + 1),
            present=[row.kind for row in rows],
        )
        rows = tuple(replace(row, bytes=touched.get(row.kind)) for row in rows)
        found.append(OperatorTimes(f"{Phase.DECODE} at {depth}", rows))
    return found


def _traced(model_path: Path, calls: Sequence[tuple[int, list[int]]], threads: int) -> list[RunData]:
    """Runs `forward` on (position, ids) after (position, ids); the tracer's record of each call."""
    load_operator_library()
    portable_lib._unsafe_reset_threadpool(threads)
    module = portable_lib._load_for_executorch(str(model_path), enable_etdump=True)
    for position, ids in calls:
        module.forward([torch.tensor([ids], dtype=torch.int64), torch.tensor([position], dtype=torch.int64)])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.etdp"
        module.write_etdump_result_to_file(str(path))
        return list(deserialize_from_etdump_flatcc(path.read_bytes()).run_data)


def _times(run: RunData, classes: InstructionClasses) -> _CallTimes:
    times = _CallTimes()
    events = [event.profile_event for event in run.events or () if event.profile_event is not None]
    whole = sum(_seconds(event) for event in events if event.name == _WHOLE_CALL)
    for event in events:
        place = (event.chain_index, event.instruction_id)
        if event.name in _CALLS:
            whole -= _seconds(event)
            if event.name == "DELEGATE_CALL":
                times.add(OperatorClass.DELEGATES, _seconds(event))
            else:
                times.add(classes.of_call(*place), _seconds(event), 1)
        elif event.delegate_debug_id_str is not None:
            times.add(classes.of_delegated(*place, event.delegate_debug_id_str), _seconds(event), 1)
            times.add(OperatorClass.DELEGATES, -_seconds(event))
    times.add(OperatorClass.RUNTIME, whole)
    return times


def _seconds(event: ProfileEvent) -> float:
    return float(event.end_time - event.start_time) * _NANOSECOND


def _rows(calls: Sequence[_CallTimes]) -> tuple[OperatorRow, ...]:
    kinds = {kind for call in calls for kind in call.seconds}
    medians = {kind: statistics.median(call.seconds.get(kind, 0.0) for call in calls) for kind in kinds}
    total = sum(medians.values())
    return tuple(
        OperatorRow(kind=kind, seconds=seconds, share=seconds / total, calls=calls[0].calls[kind])
        for kind, seconds in sorted(medians.items(), key=lambda item: item[1], reverse=True)
    )
