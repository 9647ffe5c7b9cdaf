"""Runs texts through an artifact, each in a process of its own, and profiles what they did."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmoe.backends.program_file import ProgramFile
from mmoe.export.artifact.artifact import Artifact
from mmoe.export.artifact.load import require_libmmoe
from mmoe.export.bench.worker import Memory, Worker
from mmoe.export.expert_usage.expert_cache import cache_curve, reuse_distances
from mmoe.export.expert_usage.page_cache import fill_with_single_pages
from mmoe.export.expert_usage.prompts import PromptSet, real_prompts, templated_prompts
from mmoe.export.expert_usage.report import Residency, TextProfile, UsageProfile
from mmoe.export.expert_usage.residency import Program, resident_bytes
from mmoe.export.expert_usage.trace import Selections, read_trace
from mmoe.export.expert_usage.usage import layer_usage, steps_seen
from mmoe.export.progress import SILENT, Progress
from mmoe.models.architectures.description import ExpertBlock
from mmoe.runtime_bindings.python.errors import OptionError
from mmoe.runtime_bindings.python.model import Model

# What the process that shows how much code is resident runs: a chunk and a decode step.
_SHORT_TOKENS = 32


@dataclass(frozen=True, kw_only=True)
class ProfileOptions:
    """What to profile.

    Attributes:
        prompts: File of real prompts; None for the bundled text.
        templated: File of the text to repeat; None for the built-in template.
        tokens: Of each kind of text, at most; None for as many as the context holds.
        threads: Of the runtime.
    """

    prompts: Path | None = None
    templated: Path | None = None
    tokens: int | None = None
    threads: int = 2

    def __post_init__(self) -> None:
        for name in ("tokens", "threads"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise OptionError(f"{name} must be at least 1, not {value}")


def profile(
    artifact: Artifact, *, options: ProfileOptions | None = None, progress: Progress = SILENT
) -> UsageProfile:
    """Profiles real text, and as much templated text.

    The routing is that of the program in the runtime, not of a model in PyTorch. Each kind of text runs in a new
    process of `mmoe-bench`, whose memory is read when it has run. Linux only.

    Args:
        artifact: What to run.
        options: What to profile; None for the defaults.
        progress: Told of every phase.

    Raises:
        OptionError: The prompts cannot be read, or the model has no routed experts.
        MmoeError: The artifact cannot be run.
    """
    options = options or ProfileOptions()
    config, context = artifact.config, artifact.manifest.runtime.max_context_len
    blocks = {
        index: block
        for index in range(config.num_hidden_layers)
        if isinstance(block := config.layer(index).feed_forward, ExpertBlock)
    }
    require_libmmoe(artifact)
    program = Program(ProgramFile(artifact.model_path))
    if program.moe_layers != len(blocks) or not blocks:
        raise OptionError(
            f"{artifact.folder}: has no operator mmoe::moe_ffn, so there is no routing to profile; take a "
            "Mixture-of-Experts model converted for the xnnpack backend"
        )
    with Model(artifact.folder) as model:
        encode = model.tokenize
        real = real_prompts(
            options.prompts, encode, model.chat, tokens=options.tokens or context, context=context
        )
        lengths = [len(prompt) for prompt in real.prompts]
        templated = templated_prompts(options.templated, encode, lengths=lengths)
    progress.phase("Reading the program into the page cache")
    fill_with_single_pages(artifact.model_path)
    progress.phase("Running a short text")
    short = PromptSet("", (real.prompts[0][:_SHORT_TOKENS],))
    _, memory = _run(artifact.model_path, short, threads=options.threads)
    code = memory.file - memory.model
    texts = []
    for kind, prompts in (("real", real), ("templated", templated)):
        progress.phase(f"Running {kind} text")
        prefilled, memory = _run(artifact.model_path, prompts, threads=options.threads)
        progress.phase(f"Running {kind} text token by token")
        # A prefill sends only a call's last token through the experts of the last layer.
        routing, _ = _run(artifact.model_path, prompts, threads=options.threads, one_by_one=True)
        progress.phase(f"Profiling {kind} text")
        residency = _residency(program, prefilled, prompts, memory, code=code)
        texts.append(
            _text_profile(kind, prompts, routing, residency, blocks=blocks, expert_bytes=program.expert_bytes)
        )
    first = next(iter(blocks.values()))
    return UsageProfile(
        name=str(artifact.folder),
        num_experts=first.num_experts,
        top_k=first.top_k,
        expert_bytes=program.expert_bytes,
        model_bytes=artifact.model_path.stat().st_size,
        context=context,
        threads=options.threads,
        texts=tuple(texts),
    )


def _run(
    model_path: Path, prompts: PromptSet, *, threads: int, one_by_one: bool = False
) -> tuple[list[Selections], Memory]:
    """The routing, and the memory after the last token."""
    with tempfile.TemporaryDirectory() as folder, Worker(model_path, threads=threads) as worker:
        trace = Path(folder) / "routing.bin"
        worker.trace(trace)
        for prompt in prompts.prompts:
            if one_by_one:
                worker.decode(0, prompt)
            else:
                worker.prefill(prompt)
        return read_trace(trace), worker.memory()


def _residency(
    program: Program, routing: Sequence[Selections], prompts: PromptSet, memory: Memory, *, code: int
) -> Residency:
    model = resident_bytes(program.touched(routing, prompts.ids), file_bytes=program.file_bytes)
    return Residency(
        expert_bytes=program.expert_bytes * sum(len(np.unique(selected)) for selected in routing),
        predicted_model=model,
        predicted=model + code,
        measured_model=memory.model,
        measured=memory.file,
        anonymous=memory.anonymous,
        peak=memory.peak,
    )


def _text_profile(
    kind: str,
    prompts: PromptSet,
    routing: Sequence[Selections],
    residency: Residency,
    *,
    blocks: dict[int, ExpertBlock],
    expert_bytes: int,
) -> TextProfile:
    seen = steps_seen(len(prompts.ids))
    layers = tuple(
        layer_usage(index, selected, num_experts=block.num_experts, seen=seen)
        for (index, block), selected in zip(blocks.items(), routing, strict=True)
    )
    num_experts = next(iter(blocks.values())).num_experts
    return TextProfile(
        kind=kind,
        source=prompts.source,
        prompts=len(prompts.prompts),
        tokens=len(prompts.ids),
        seen=seen,
        layers=layers,
        residency=residency,
        cache=cache_curve(
            reuse_distances(routing, num_experts=num_experts),
            everything=len(routing) * num_experts,
            expert_bytes=expert_bytes,
        ),
    )
