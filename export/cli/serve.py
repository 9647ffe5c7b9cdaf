"""`mmoe-export serve`: an artifact behind HTTP, in the words of OpenAI's API, with a page to try it."""

import os
from pathlib import Path
from typing import Annotated

import typer

from mmoe.export.cli.ui.options import Quiet, Threads, Verbose
from mmoe.export.cli.ui.terminal import Terminal
from mmoe.export.cli.ui.usage import UsageError, finite

EXAMPLES = """
[bold]Examples[/bold]

mmoe-export serve mobilemoe-s   (then open http://127.0.0.1:8000)

MMOE_API_KEY=secret mmoe-export serve mobilemoe-s --host 0.0.0.0 --port 9000
"""

_LOOPBACK = {"127.0.0.1": "127.0.0.1", "localhost": "localhost", "::1": "[::1]"}


def serve(
    artifact: Annotated[Path, typer.Argument(help="The folder that convert wrote.")],
    host: Annotated[
        str, typer.Option(help="Address to listen on; other machines reach only one that is not loopback.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")
    ] = 8000,
    model_id: Annotated[
        str | None, typer.Option(help="What clients call the model.", show_default="the folder's name")
    ] = None,
    sessions: Annotated[
        int, typer.Option(min=1, max=64, help="Texts generated at once, each with a KV cache.")
    ] = 4,
    queue: Annotated[int, typer.Option(min=0, help="Texts that wait beside these; more are refused.")] = 64,
    max_body_mb: Annotated[
        float, typer.Option(min=0.001, callback=finite, help="Megabytes of a request at most.")
    ] = 1,
    time_limit: Annotated[
        float, typer.Option(min=1, callback=finite, help="Seconds after which a text ends with what it has.")
    ] = 600,
    threads: Threads = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Serve an artifact over HTTP: /v1/chat/completions, /v1/completions, /v1/models, /health, /metrics, and a page.

    With MMOE_API_KEY in the environment clients must send it as a bearer token. It is not an option, since other
    users of a machine can read options.
    """
    terminal = Terminal(as_json=False, quiet=quiet, verbose=verbose)
    try:
        import uvicorn

        from mmoe.export.serve.app import ServeOptions, build_app
        from mmoe.export.serve.listening import listening
    except ModuleNotFoundError as error:
        raise UsageError(f"serve needs {error.name}: pip install 'mmoe-export[serve]'") from None
    from mmoe.export.artifact.load import load

    api_key = os.environ.get("MMOE_API_KEY") or None
    is_loopback = host in _LOOPBACK
    with load(artifact, threads=threads) as model:
        options = ServeOptions(
            api_key=api_key,
            hosts=frozenset(_LOOPBACK.values()) if is_loopback else None,
            sessions=sessions,
            queue=queue,
            max_body_bytes=int(max_body_mb * 1_000_000),
            time_limit=time_limit,
        )
        app = build_app(model, model_id or artifact.resolve().name, options)
        config = uvicorn.Config(
            app,
            log_level="info" if verbose else "warning",
            timeout_keep_alive=5,
            server_header=False,
        )
        with listening(host, port) as sockets:
            if not is_loopback and api_key is None:
                terminal.say(
                    "anybody who reaches this machine can use the model; set MMOE_API_KEY to a secret"
                )
            taken = sockets[0].getsockname()[1]
            terminal.say(f"http://{_LOOPBACK.get(host, host)}:{taken} (Ctrl-C ends it)")
            uvicorn.Server(config).run(sockets=sockets)
