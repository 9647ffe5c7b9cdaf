"""The options that the backends declare, as options of a command."""

import inspect
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import typer

from mmoe.backends.declaration import BackendOptionError, Option
from mmoe.backends.registry import declaration, declarations

Backend = Annotated[
    str,
    typer.Option(
        metavar=f"[{'|'.join(declarations())}]",
        help="Where the model runs: "
        + ", ".join(f"{backend.name} on {backend.help}" for backend in declarations().values())
        + ".",
    ),
]


def with_backend_options(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command one option for each that a backend declares, in place of its ``**backend_options``."""
    signature = inspect.signature(command)
    parameters = []
    for parameter in signature.parameters.values():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            continue
        parameters.append(parameter)
        if parameter.name == "backend":
            parameters += _declared()
    # Typer reads both.
    vars(command)["__signature__"] = signature.replace(parameters=parameters)
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return command


def check_backend(backend: str, options: Mapping[str, str | None]) -> dict[str, str]:
    """The options that were given, if they are the backend's; nothing heavy is imported for that.

    Raises:
        typer.BadParameter: There is no such backend, or an option is not its own or has an unknown value.
    """
    given = {name: value for name, value in options.items() if value is not None}
    try:
        declaration(backend).read_options(given)
    except BackendOptionError as error:
        raise typer.BadParameter(error.reason, param_hint=f"'{error.flag}'") from error
    return given


def _declared() -> list[inspect.Parameter]:
    owners: dict[str, list[tuple[str, Option]]] = {}
    for backend in declarations().values():
        for option in backend.list_options():
            owners.setdefault(option.name, []).append((backend.name, option))
    return [_parameter(name, options) for name, options in owners.items()]


def _parameter(name: str, owners: list[tuple[str, Option]]) -> inspect.Parameter:
    choices = dict.fromkeys(choice.value for _, option in owners for choice in option.choices)
    info: Any = typer.Option(
        metavar=f"[{'|'.join(choices)}]",
        help=" ".join(f"({backend}) {option.help}" for backend, option in owners),
        show_default=", ".join(dict.fromkeys(option.default.value for _, option in owners)),
    )
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    return inspect.Parameter(name, kind, default=None, annotation=Annotated[str | None, info])
