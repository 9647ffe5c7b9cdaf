"""`mmoe-export eval`: tasks of lm-evaluation-harness on an artifact, and on its checkpoint in eager PyTorch."""

import json
from pathlib import Path
from typing import Annotated

import typer

from mmoe.export.cli.checkpoint_source import fetch
from mmoe.export.cli.ui.noise import silence_harness, silence_runtime
from mmoe.export.cli.ui.options import Json, Quiet, Revision, Threads, Verbose
from mmoe.export.cli.ui.terminal import Terminal
from mmoe.export.cli.ui.usage import UsageError

EXAMPLES = """
[bold]Examples[/bold]

mmoe-export eval mobilemoe-s --tasks arc_easy,hellaswag,boolq

mmoe-export eval mobilemoe-s --tasks gsm8k --num-fewshot 8 --limit 200 -o gsm8k.json

mmoe-export eval demo-artifact --tasks verses --include-path ./tasks --reference demo
"""


def eval(
    artifact: Annotated[Path, typer.Argument(help="The folder that convert wrote.")],
    tasks: Annotated[
        str, typer.Option(help="Tasks, groups or tags of the harness, or YAML files, between commas.")
    ],
    include_path: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Further tasks in YAML; what they hold is run.")
    ] = None,
    reference: Annotated[
        str | None,
        typer.Option(
            metavar="CHECKPOINT",
            help="Run the tasks on the checkpoint in eager PyTorch, too, and compare: a folder, a hub id, or demo.",
        ),
    ] = None,
    revision: Revision = None,
    num_fewshot: Annotated[
        int | None,
        typer.Option(min=0, help="Examples in front of every question.", show_default="what a task says"),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="First items of every task.", show_default="all")
    ] = None,
    apply_chat_template: Annotated[
        bool, typer.Option("--apply-chat-template", help="Ask in turns of a conversation.")
    ] = False,
    run_generated_code: Annotated[
        bool,
        typer.Option("--run-generated-code", help="Let tasks run the programs that the model writes."),
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write the result as JSON, with every item."),
    ] = None,
    threads: Threads = None,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Evaluate an artifact on tasks of lm-evaluation-harness, on the runtime that apps use.

    Data sets come from the Hugging Face hub, or its local cache.

    With --reference, differences are told with their standard errors, and the items that differ.
    """
    terminal = Terminal(as_json=as_json, quiet=quiet, verbose=verbose)
    silence_harness(verbose=verbose)
    names = tuple(name for each in tasks.split(",") if (name := each.strip()))
    if not names:
        raise UsageError("--tasks names no task")
    from mmoe.export.artifact.artifact import Artifact
    from mmoe.export.artifact.load import require_libmmoe
    from mmoe.export.cli.ui.evaluation_lines import evaluation_lines
    from mmoe.export.files.place import require_file_place
    from mmoe.export.files.writing import encoded, write_file
    from mmoe.models.architectures.quantization_config import POST_TRAINING_KEY

    opened = Artifact.open(artifact)
    require_libmmoe(opened)
    target = None if output is None else require_file_place(output)
    if reference is not None:
        quantized_here = POST_TRAINING_KEY in opened.manifest.quantization
        revision = fetch(reference, revision, terminal, unpacked=quantized_here)
    with terminal.progress() as progress:
        progress.phase("Loading tasks and data sets")
        try:
            from mmoe.export.evaluation.tasks import EvaluationOptions, Tasks
        except ModuleNotFoundError as error:
            raise UsageError(f"eval needs {error.name}: pip install 'mmoe-export[eval]'") from None
        from mmoe.export.evaluation.evaluate import evaluate_artifact, evaluate_reference
        from mmoe.export.evaluation.evaluation import Evaluation

        chosen = Tasks(
            EvaluationOptions(
                tasks=names,
                include_path=include_path,
                num_fewshot=num_fewshot,
                limit=limit,
                apply_chat_template=apply_chat_template,
                run_generated_code=run_generated_code,
            )
        )
        results = evaluate_artifact(opened, chosen, threads=threads, progress=progress)
        evaluation = Evaluation(str(artifact), results)
        if reference is not None:
            if not verbose:
                silence_runtime()
            references = evaluate_reference(opened, chosen, reference, revision=revision, progress=progress)
            evaluation = Evaluation(str(artifact), results, reference, references)
    terminal.write("".join(f"{line}\n" for line in evaluation_lines(evaluation)))
    if target is not None:
        whole = json.dumps(evaluation.to_dict(with_items=True), indent=1, ensure_ascii=False)
        write_file(target, encoded(f"{whole}\n"))
        terminal.say(f"Wrote {output}")
    terminal.result(evaluation.to_dict())
