"""What a checkpoint, a target and options are refused for before a conversion loads PyTorch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mmoe.backends.registry import declaration
from mmoe.checkpoints.checkpoint import Checkpoint
from mmoe.checkpoints.errors import TokenizerError
from mmoe.checkpoints.opening import open_source
from mmoe.checkpoints.runtime_reader import require_readable, require_renderable
from mmoe.checkpoints.tokenizer import ChatTokenizer, load_tokenizer
from mmoe.export.artifact.writer import ArtifactWriter
from mmoe.export.convert.carried import require_own_files
from mmoe.export.convert.options import ConvertOptions
from mmoe.export.convert.quantize_option import Quantize
from mmoe.export.demo.bundled import named_source
from mmoe.runtime_bindings.python.errors import OptionError


@dataclass(frozen=True, kw_only=True)
class CheckedSource:
    """A checkpoint that is whole and can be read by the runtime, and a place for its artifact.

    Attributes:
        writer: Of the artifact.
        checkpoint: All but its values is checked.
        tokenizer: Of the checkpoint.
        runs_in_libmmoe: Whether libmmoe is to run what it becomes.
    """

    writer: ArtifactWriter
    checkpoint: Checkpoint
    tokenizer: ChatTokenizer
    runs_in_libmmoe: bool


def check_source(
    source: str | Path, target: str | Path, *, revision: str | None, options: ConvertOptions
) -> CheckedSource:
    """Checks what can be checked without a framework.

    Args:
        source: A checkpoint folder, a GGUF file, a hub id, or "demo" for the bundled checkpoint.
        target: The artifact's folder.
        revision: Branch, tag or commit of a hub id.
        options: How to convert.

    Raises:
        MmoeError: The conversion would fail.
    """
    declared = declaration(options.backend)
    declared.read_options(options.backend_options)
    writer = ArtifactWriter(target, overwrite=options.overwrite)
    checkpoint = open_source(
        named_source(source),
        revision=revision,
        unpacked=options.quantize is not None,
        requantize=options.allow_requantize,
    )
    _check_request(checkpoint, options.quantize)
    require_own_files(checkpoint.folder)
    with _told_of_file(checkpoint):
        tokenizer = load_tokenizer(checkpoint.folder, checkpoint.config, template=options.template)
        if declared.runs_in_libmmoe:
            require_readable(checkpoint.folder, tokenizer)
            if tokenizer.template is not None:
                require_renderable(tokenizer.template)
    return CheckedSource(
        writer=writer,
        checkpoint=checkpoint,
        tokenizer=tokenizer,
        runs_in_libmmoe=declared.runs_in_libmmoe,
    )


@contextmanager
def _told_of_file(checkpoint: Checkpoint) -> Iterator[None]:
    """Lets messages name the file of a checkpoint whose folder is only made for a time, and gone when they are read."""
    try:
        yield
    except TokenizerError as error:
        if checkpoint.file is None:
            raise
        told = str(error).replace(f"{checkpoint.folder}/", f"{checkpoint.file}: ")
        raise TokenizerError(told.replace(str(checkpoint.folder), str(checkpoint.file))) from error


def _check_request(checkpoint: Checkpoint, quantize: Quantize | None) -> None:
    """Refuses to quantise what is quantised."""
    if quantize is not None and checkpoint.config.quantization is not None:
        raise OptionError(
            f"{checkpoint.place}: is packed already ({checkpoint.config.quantization.format}), and its integers are "
            f"used as they are; leave --quantize {quantize} out"
        )
