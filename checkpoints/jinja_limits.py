"""Bounds for templates of strangers: none computes without end, or makes a text that fills the memory."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Iterator, Sized
from typing import Any, NoReturn

from jinja2 import nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

# Far more than any chat template needs, and little enough for a second.
_LARGEST_INTEGER = 1_000_000
_LONGEST = 1_000_000
_MOST_STEPS = 200_000
# A width in a format, such as the one of '%9999999d'.
_WIDE_FORMAT = re.compile(r"\d{6,}|%[^a-zA-Z%]*\*")


class _BoundedCode(CodeGenerator):
    """Has texts joined and loops counted by the environment, which knows the bounds."""

    def visit_For(self, node: nodes.For, frame: Frame) -> None:
        """A loop, each step of which is counted."""
        node.iter = nodes.Call(nodes.EnvironmentAttribute("counted"), [node.iter], [], None, None)
        super().visit_For(node, frame)

    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:
        """The operator ``~``."""
        self.write("environment.joined((")
        for part in node.nodes:
            self.visit(part, frame)
            self.write(", ")
        self.write("))")


class BoundedEnvironment(ImmutableSandboxedEnvironment):
    """A sandbox that also counts: steps of loops and ranges, calls, and the sizes of what would be made.

    Nothing is computed while a template is compiled, where no bound would hold.
    """

    code_generator_class = _BoundedCode
    intercepted_binops = frozenset({"**", "*", "+", "%"})

    def __init__(self, **options: Any) -> None:
        """Takes Jinja's own options."""
        super().__init__(optimized=False, **options)
        self._steps = 0
        self.globals["range"] = self._range
        for name in ("lipsum", "cycler"):
            self.globals.pop(name, None)
        for name, function in list(self.filters.items()):
            self.filters[name] = bounded(function, is_format=name == "format")

    def begin(self) -> None:
        """A rendering begins: its steps are counted from here."""
        self._steps = 0

    def counted(self, items: Iterable[object]) -> Iterator[object]:
        """What a loop goes through."""
        for item in items:
            self._count(1)
            yield item

    def handle_exception(self, source: str | None = None) -> NoReturn:
        """Raises what a template did, without Jinja's rewriting of tracebacks: seconds, if a recursion was deep."""
        if source is not None:
            super().handle_exception(source)
        raise  # Jinja calls this where it handles the exception

    def joined(self, parts: Iterable[object]) -> str:
        """The parts as one text."""
        texts = [str(part) for part in parts]
        _check_length(sum(map(len, texts)))
        return "".join(texts)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """An operator whose result may be large."""
        if operator == "+" and isinstance(left, Sized) and isinstance(right, Sized):
            _check_length(len(left) + len(right))
        elif operator == "%" and isinstance(left, str):
            _check_arguments((right,), {}, format_text=left)
        elif operator in ("*", "**"):
            _check_arguments((left, right), {})
            if operator == "**" and isinstance(right, int) and right > 64:
                raise SecurityError(f"a power of {right} is too large")
            sizes = [len(item) for item in (left, right) if isinstance(item, Sized)]
            counts = [item for item in (left, right) if isinstance(item, int)]
            if sizes and counts:
                _check_length(sizes[0] * counts[0])
        return super().call_binop(context, operator, left, right)

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:
        """A method or a function."""
        __self._count(1)
        # The sandbox wraps the methods that format.
        own = getattr(getattr(__obj, "__wrapped__", __obj), "__self__", None)
        is_format = getattr(__obj, "__name__", "") in ("format", "format_map")
        format_text = own if is_format and isinstance(own, str) else None
        receiver = (own,) if isinstance(own, str | list | tuple) else ()
        _check_arguments((*receiver, *args), kwargs, format_text=format_text)
        return super().call(__context, __obj, *args, **kwargs)

    def _range(self, *bounds: int) -> range:
        numbers = range(*bounds)
        self._count(len(numbers))
        return numbers

    def _count(self, steps: int) -> None:
        self._steps += steps
        if self._steps > _MOST_STEPS:
            raise SecurityError(f"it takes more than {_MOST_STEPS:,} steps")


def bounded(function: Callable[..., Any], *, is_format: bool = False) -> Callable[..., Any]:
    """A filter that refuses arguments of which it would make too much.

    Args:
        function: The filter.
        is_format: Whether its first argument is a format.
    """

    @functools.wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
        format_text = args[0] if is_format and args and isinstance(args[0], str) else None
        _check_arguments(args, kwargs, format_text=format_text)
        return function(*args, **kwargs)

    return checked


def _check_arguments(
    args: tuple[Any, ...], kwargs: dict[str, Any], *, format_text: str | None = None
) -> None:
    """Widths and counts come as integers; what is replaced or joined may grow to the product of two lengths."""
    values = (*args, *kwargs.values())
    for value in values:
        if isinstance(value, int) and abs(value) > _LARGEST_INTEGER:
            raise SecurityError(f"{value if abs(value) < 10**18 else 'an integer'} is too large")
    lengths = sorted(len(value) for value in values if isinstance(value, str | list | tuple | range))
    if len(lengths) > 1:
        _check_length(lengths[-1] * lengths[-2])
    if format_text is not None and _WIDE_FORMAT.search(format_text):
        raise SecurityError("a width in a format is too large")


def _check_length(length: int) -> None:
    if length > _LONGEST:
        raise SecurityError(f"a text or list of {length:,} items is too long")
