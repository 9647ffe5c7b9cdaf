"""What a backend says of itself without importing a framework: its name, its options, and where its code is.

A backend's folder has a `declaration.py` with a `Declaration` called `BACKEND`. Command line, validation and manifest
follow from it.
"""

import dataclasses
import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, get_args, get_type_hints

from mmoe.runtime_bindings.python.errors import OptionError


class BackendOptionError(OptionError):
    """A backend is unknown, or an option is not its own or has a value that it does not know.

    Attributes:
        option: The option's name; "backend" for the backend itself.
        reason: What is wrong with it.
    """

    def __init__(self, option: str, reason: str) -> None:
        super().__init__(f"{option}: {reason}")
        self.option, self.reason = option, reason

    @property
    def flag(self) -> str:
        """The option's name on the command line."""
        return flag(self.option)


def flag(name: str) -> str:
    """The name on the command line of an option."""
    return f"--{name.replace('_', '-')}"


@dataclass(frozen=True)
class Option:
    """One choice within a backend, as a command line and a manifest know it.

    Attributes:
        name: Of the field.
        help: One sentence.
        choices: What is accepted.
        default: What holds unless another is chosen.
    """

    name: str
    help: str
    choices: type[StrEnum]
    default: StrEnum


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """A backend.

    Attributes:
        name: What `--backend` accepts and the manifest records.
        help: What its programs run on, as the end of a sentence.
        options: A frozen dataclass whose fields are enums with a sentence of help: ``Annotated[Dtype, "Help."]``.
        implementation: ``module:class`` of its `mmoe.backends.base.Backend`, which takes such options.
        runs_in_libmmoe: Whether the runtime for apps runs its programs on any machine.
        in_apps: How an app runs its programs: sentences of Markdown for the model card.
    """

    name: str
    help: str
    options: type
    implementation: str
    runs_in_libmmoe: bool
    in_apps: str = ""

    def list_options(self) -> Iterator[Option]:
        """Its options in the order of their declaration."""
        hints = get_type_hints(self.options, include_extras=True)
        for field in dataclasses.fields(self.options):
            choices, help = get_args(hints[field.name])
            yield Option(field.name, help, choices, choices(field.default))

    def read_options(self, given: Mapping[str, object]) -> Any:
        """Validates choices by name; what is not named has its default.

        Args:
            given: Names to values; a value of None counts as not named.

        Returns:
            An instance of `options`.

        Raises:
            BackendOptionError: An option is not this backend's, or has a value that it does not know.
        """
        known = {option.name: option for option in self.list_options()}
        chosen = {name: value for name, value in given.items() if value is not None}
        for name, value in chosen.items():
            if name not in known:
                own = f"its own are {', '.join(known)}" if known else "it has none"
                raise BackendOptionError(name, f"not an option of the {self.name} backend; {own}")
            choices = [choice.value for choice in known[name].choices]
            if value not in choices:
                raise BackendOptionError(
                    name, f"{value!r} is not one of {', '.join(choices)}{suggestion(str(value), choices)}"
                )
        return self.options(**{name: known[name].choices(str(value)) for name, value in chosen.items()})


def suggestion(given: str, known: list[str]) -> str:
    """``; did you mean X?`` for the closest of the known words, or nothing."""
    close = difflib.get_close_matches(given, known, n=1)
    return f"; did you mean {close[0]}?" if close else ""
