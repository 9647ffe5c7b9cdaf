"""`mmoe-export chat`: a conversation in the terminal, with an editor for what is said and commands for the rest."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from mmoe.export.cli.grammar_file import GrammarOption, JsonSchemaOption, read_restriction
from mmoe.export.cli.ui.options import Quiet, Threads, Verbose
from mmoe.export.cli.ui.terminal import Terminal
from mmoe.export.cli.ui.usage import UsageError, parameters_from_options

EXAMPLES = """
[bold]Examples[/bold]

mmoe-export chat mobilemoe-s

mmoe-export chat mobilemoe-s --system "Answer in one sentence." --temperature 0.7 --seed 1
"""

_SAMPLING = "Sampling"


def chat(
    artifact: Annotated[Path, typer.Argument(help="The folder that convert wrote.")],
    system: Annotated[
        str | None, typer.Option(metavar="TEXT", help="What the conversation begins with.")
    ] = None,
    max_new_tokens: Annotated[
        int | None, typer.Option(min=1, help="Most tokens of an answer.", show_default="no limit")
    ] = None,
    json_schema: JsonSchemaOption = None,
    grammar: GrammarOption = None,
    temperature: Annotated[
        float | None,
        typer.Option(
            help="Sampling temperature; 0 is greedy.",
            show_default="the artifact's",
            rich_help_panel=_SAMPLING,
        ),
    ] = None,
    top_p: Annotated[
        float | None,
        typer.Option(
            help="Keep the most probable tokens up to this sum.",
            show_default="the artifact's",
            rich_help_panel=_SAMPLING,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Random seed.", rich_help_panel=_SAMPLING)] = 0,
    threads: Threads = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Hold a conversation in the terminal; /help lists its commands, Ctrl-C stops an answer, Ctrl-D leaves.

    Answers go to stdout, all else to stderr.
    """
    terminal = Terminal(as_json=False, quiet=quiet, verbose=verbose)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError(
            "a conversation needs a terminal; `mmoe-export generate --chat TEXT` answers one message"
        )
    from mmoe.export.cli.repl.line_editor import LineEditor
    from mmoe.export.cli.repl.repl import Repl
    from mmoe.runtime_bindings.python.limits import Limits
    from mmoe.runtime_bindings.python.sampling import SamplingConfig

    options = {"temperature": temperature, "top_p": top_p, "seed": seed}
    given: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    with parameters_from_options():
        SamplingConfig(**given)  # a value out of range is told before anything is opened
        limits = Limits(max_new_tokens=max_new_tokens)
    restriction = read_restriction(json_schema, grammar)
    editor = LineEditor()
    from mmoe.export.artifact.load import load
    from mmoe.runtime_bindings.python.chat import Chat, WhenFull

    with load(artifact, threads=threads) as model:
        if restriction:
            model.check_grammar(**restriction)  # before somebody types
        conversation = Chat(
            model, system=system, sampling=replace(model.sampling, **given), when_full=WhenFull.DROP_OLDEST
        )
        Repl(conversation, limits, restriction, terminal).run(editor.lines())
