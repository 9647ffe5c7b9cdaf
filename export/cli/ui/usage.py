"""Explains wrong usage of the command line."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum

# Typer has no public name for these; its version is pinned to one minor release.
from typer._click.core import ParameterSource
from typer._click.exceptions import BadParameter, NoArgsIsHelpError, NoSuchOption, UsageError

from mmoe.backends.declaration import suggestion
from mmoe.runtime_bindings.python.errors import ParameterError

__all__ = ["ParameterSource", "UsageError", "explain_usage", "finite", "number", "parameters_from_options"]

# How Typer begins what a converter of values says.
_CONVERTER = "Value error, "


def explain_usage(error: UsageError) -> str:
    """The usage line, where to find help, and the error, with the option or the value that may have been meant.

    Empty if the help has been printed instead, because there were no arguments.
    """
    if isinstance(error, NoArgsIsHelpError):
        return ""
    lines = [f"error: {_message(error)}"]
    if error.ctx is not None:
        help_command = f"{error.ctx.command_path} {error.ctx.help_option_names[-1]}"
        lines = [error.ctx.get_usage(), f"Try '{help_command}' for help.", *lines]
    return "\n".join(lines)


@contextmanager
def parameters_from_options() -> Iterator[None]:
    """Turns a parameter's value that is out of range into wrong usage of the option of its name."""
    try:
        yield
    except ParameterError as error:
        raise BadParameter(error.reason, param_hint=f"'--{error.parameter.replace('_', '-')}'") from error


def finite(value: float | None) -> float | None:
    """What an option of Typer calls back with its number, which a lower limit lets through where it is infinite."""
    if value is not None and math.isinf(value):
        raise BadParameter(f"{value} is not a finite number")
    return number(value)


def number(value: float | None) -> float | None:
    """The same for an option that may be infinite."""
    if value is not None and math.isnan(value):
        raise BadParameter(f"{value} is not a number")
    return value


def _message(error: UsageError) -> str:
    if isinstance(error, NoSuchOption) and error.possibilities:
        # The first is the closest.
        return f"{error.message}. Did you mean {error.possibilities[0]}?"
    message = error.format_message()
    if not isinstance(error, BadParameter):
        return message
    message = message.replace(_CONVERTER, "")
    choices = _choices(error)
    # The message quotes the value first, then the choices.
    given = error.message.removeprefix(_CONVERTER).split("'")[1:2]
    if choices and given:
        return message.removesuffix(".") + suggestion(given[0], choices)
    return message


def _choices(error: BadParameter) -> list[str]:
    """The values that an option with a fixed set of them accepts; none for any other."""
    descriptor = getattr(error.param, "type_descriptor", None)
    annotation = getattr(descriptor, "annotation", None)
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return [str(choice.value) for choice in annotation]
    return []
