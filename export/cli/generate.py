"""`mmoe-export generate`: runs an artifact on a prompt, a message, or a conversation."""

import re
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from mmoe.export.cli.conversation_file import read_conversation
from mmoe.export.cli.grammar_file import GrammarOption, JsonSchemaOption, read_restriction
from mmoe.export.cli.ui.options import Json, Quiet, Threads, Verbose
from mmoe.export.cli.ui.plain_conversation import converse
from mmoe.export.cli.ui.streaming import generation_record, tell
from mmoe.export.cli.ui.terminal import Terminal
from mmoe.export.cli.ui.usage import UsageError, parameters_from_options

EXAMPLES = """
[bold]Examples[/bold]

mmoe-export generate mobilemoe-s --prompt "Once upon a time" --max-new-tokens 100

mmoe-export generate mobilemoe-s --chat "Why is the sky blue?" --temperature 0.7 --top-p 0.9 --seed 1

mmoe-export generate mobilemoe-s --messages conversation.json   (with tools, their calls and results)

mmoe-export generate mobilemoe-s --chat "Who was Moses?" --json-schema person.json

mmoe-export generate mobilemoe-s   (a conversation, in a terminal)

echo "Dear Sir," | mmoe-export generate mobilemoe-s --prompt - --json
"""

_SAMPLING = "Sampling"


def _recommended(text: str) -> Any:
    """An option that stands in the artifact unless it is given: what the checkpoint's makers recommend."""
    return typer.Option(help=text, show_default="the artifact's", rich_help_panel=_SAMPLING)


def generate(
    artifact: Annotated[Path, typer.Argument(help="The folder that convert wrote.")],
    prompt: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Text to continue; - reads it from stdin.")
    ] = None,
    chat: Annotated[
        str | None, typer.Option(metavar="TEXT", help="A user's message to answer, by the chat template.")
    ] = None,
    messages: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A conversation to answer, as JSON: a list of messages, or an object with messages, tools and what "
            "else Hugging Face's apply_chat_template takes.",
        ),
    ] = None,
    system: Annotated[
        str | None, typer.Option(metavar="TEXT", help="System message of a chat or a conversation.")
    ] = None,
    max_new_tokens: Annotated[int, typer.Option(min=0, help="Most tokens to generate.")] = 256,
    min_new_tokens: Annotated[
        int, typer.Option(min=0, help="Tokens before which the text does not end by itself.")
    ] = 0,
    stop: Annotated[
        list[str] | None, typer.Option(metavar="TEXT", help="End before this text; may be repeated.")
    ] = None,
    json_schema: JsonSchemaOption = None,
    grammar: GrammarOption = None,
    draft_tokens: Annotated[
        int,
        typer.Option(
            min=-1,
            help="Guess up to so many tokens from what was said before, and run them with the next one: the same text, "
            "sooner if it repeats. -1 is all that the program can judge; needs convert --speculation on.",
        ),
    ] = 0,
    temperature: Annotated[float | None, _recommended("Sampling temperature; 0 is greedy.")] = None,
    top_p: Annotated[float | None, _recommended("Keep the most probable tokens up to this sum.")] = None,
    top_k: Annotated[int | None, _recommended("Keep the k most probable tokens; 0 keeps all.")] = None,
    min_p: Annotated[
        float | None, _recommended("Drop tokens less probable than this share of the most probable one.")
    ] = None,
    repetition_penalty: Annotated[
        float | None, _recommended("Above 1, tokens seen before become less probable.")
    ] = None,
    frequency_penalty: Annotated[
        float,
        typer.Option(
            help="Taken from a token's logit for each time that the text holds it.",
            rich_help_panel=_SAMPLING,
        ),
    ] = 0.0,
    presence_penalty: Annotated[
        float,
        typer.Option(help="Taken once if the text holds the token.", rich_help_panel=_SAMPLING),
    ] = 0.0,
    seed: Annotated[int, typer.Option(help="Random seed.", rich_help_panel=_SAMPLING)] = 0,
    threads: Threads = None,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Continue a prompt, answer a message, or hold a conversation.

    The text streams to stdout; time to first token and tokens per second go to stderr.
    """
    terminal = Terminal(as_json=as_json, quiet=quiet, verbose=verbose)
    interactive = prompt is None and chat is None and messages is None
    if [prompt, chat, messages].count(None) < 2:
        raise UsageError("give one of --prompt, --chat and --messages")
    if (prompt is not None or messages is not None) and system is not None:
        raise UsageError("--system goes with --chat or a conversation in a terminal")
    if interactive and (as_json or not sys.stdin.isatty()):
        raise UsageError(
            "give --prompt, --chat or --messages; a conversation needs a terminal, and has no --json"
        )
    from mmoe.runtime_bindings.python.limits import Limits
    from mmoe.runtime_bindings.python.sampling import SamplingConfig

    options = {
        "temperature": temperature,
        "top_k": top_k,
        "top_p": top_p,
        "min_p": min_p,
        "repetition_penalty": repetition_penalty,
        "frequency_penalty": frequency_penalty,
        "presence_penalty": presence_penalty,
        "seed": seed,
    }
    given: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    # A value out of range and a broken file are told before anything is opened.
    with parameters_from_options():
        SamplingConfig(**given)
        limits = Limits.of(stop or (), min_new_tokens, max_new_tokens)
    restriction = read_restriction(json_schema, grammar)
    variables = None if messages is None else read_conversation(messages)
    from mmoe.export.artifact.load import load
    from mmoe.runtime_bindings.python.chat import Chat

    drafts = None if draft_tokens == -1 else draft_tokens
    with load(artifact, threads=threads) as model:
        if restriction:
            model.check_grammar(**restriction)  # before anything runs
        sampling = replace(model.sampling, **given)
        if prompt is not None:
            stream = model.generate(
                _prompt_text(prompt), sampling=sampling, draft_tokens=drafts, **asdict(limits), **restriction
            )
        elif variables is not None:
            ids = model.chat_json(variables)
            stream = model.generate(
                ids, sampling=sampling, draft_tokens=drafts, **asdict(limits), **restriction
            )
        else:
            conversation = Chat(model, system=system, sampling=sampling, draft_tokens=drafts)
            if chat is None:
                converse(conversation, limits=limits, restriction=restriction, terminal=terminal)
                return
            stream = conversation.send(chat, **asdict(limits), **restriction)
        tell(stream, terminal)
        terminal.result(generation_record(stream))


def _prompt_text(prompt: str) -> str:
    """The prompt, or stdin without the line end of its last line; every other byte is part of it."""
    if prompt != "-":
        return prompt
    return re.sub(r"\r?\n\Z", "", sys.stdin.buffer.read().decode(errors="surrogateescape"))
