"""`mmoe-export demo`: everything in a few minutes, with the checkpoint that comes with the package."""

import shlex
import time
from pathlib import Path
from typing import Annotated

import typer

from mmoe.export.cli.convert import show_artifact
from mmoe.export.cli.ui.noise import silence_runtime
from mmoe.export.cli.ui.options import Json, Overwrite, Quiet, Verbose
from mmoe.export.cli.ui.streaming import generation_record, tell
from mmoe.export.cli.ui.terminal import Terminal
from mmoe.export.cli.verify import require_passed, show_report

EXAMPLES = """
[bold]Examples[/bold]

mmoe-export demo

mmoe-export demo --out mmoe-demo --overwrite --json
"""

_PROMPTS = ("And it came to pass", "The LORD is my shepherd", "In the beginning")
_NEW_TOKENS = 48
# Greedy text of so small a model goes round in circles.
_TEMPERATURE = 0.7


def demo(
    out: Annotated[Path, typer.Option(help="The artifact's folder.")] = Path("mmoe-demo"),
    overwrite: Overwrite = False,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Convert, verify and run the small checkpoint that is included.

    It is a MobileMoE trained on the King James Version; other verbs know it by the name demo.

    Takes a few minutes on two cores and needs no network.
    """
    terminal = Terminal(as_json=as_json, quiet=quiet, verbose=verbose)
    started = time.perf_counter()
    terminal.say("Step 1 of 3: convert")
    with terminal.progress() as progress:
        from mmoe.export.convert.convert import ConvertOptions, convert
        from mmoe.export.demo.bundled import bundled_checkpoint

        checkpoint = bundled_checkpoint()
        artifact = convert(checkpoint, out, options=ConvertOptions(overwrite=overwrite), progress=progress)
    show_artifact(artifact, seconds=time.perf_counter() - started, terminal=terminal)

    terminal.say("\nStep 2 of 3: verify")
    if not verbose:
        silence_runtime()
    with terminal.progress() as progress:
        from mmoe.export.verify.ladder import VerifyOptions, verify
        from mmoe.export.verify.text import bundled_text

        options = VerifyOptions(compare_regrouped=True)
        report = verify(artifact, checkpoint, bundled_text(), options=options, progress=progress)
    artifact = artifact.record_verification(report)
    show_report(report, terminal)
    require_passed(report)

    terminal.say("\nStep 3 of 3: generate")
    from mmoe.export.artifact.load import load
    from mmoe.runtime_bindings.python.sampling import SamplingConfig

    sampling = SamplingConfig(temperature=_TEMPERATURE)
    generations = []
    with load(artifact.folder) as model:
        for prompt in _PROMPTS:
            terminal.write(f"\n{prompt}")
            stream = model.generate(prompt, sampling=sampling, max_new_tokens=_NEW_TOKENS)
            tell(stream, terminal)
            generations.append(generation_record(stream))
    seconds = time.perf_counter() - started
    folder = shlex.quote(str(out))
    terminal.result(
        {
            "artifact": str(artifact.folder),
            "seconds": round(seconds, 3),
            "verification": report.to_dict(),
            "generations": generations,
        }
    )
    terminal.say(
        f"\nNext:\n"
        f"  mmoe-export inspect {folder}\n"
        f'  mmoe-export generate {folder} --prompt "And the LORD said unto Moses," --temperature 0.7\n'
        f"  mmoe-export convert facebook/MobileMoE-S-QAT   (gated: accept its licence on the hub first)"
    )
