"""A chat template as Jinja itself renders it: what `convert` compares the runtime's interpreter with, and no more."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from jinja2 import nodes

from mmoe.checkpoints.errors import TokenizerError
from mmoe.checkpoints.jinja_environment import jinja_environment


class JinjaTemplate:
    """A template compiled by Jinja, in Hugging Face's environment and within limits.

    Attributes:
        where: What messages call it.
    """

    def __init__(self, source: str, *, where: str) -> None:
        """Compiles the template.

        Args:
            source: the Jinja text.
            where: what messages call the template.

        Raises:
            TokenizerError: when the text is not a valid template.
        """
        self.where = where
        self._environment = jinja_environment()
        try:
            self._template = self._environment.from_string(source)
            self._tree = self._environment.parse(source)
        except Exception as error:  # a template is foreign text, on which the compiler may fail in any way
            raise TokenizerError(f"{where}: is not a valid chat template ({error})") from error

    @property
    def literals(self) -> frozenset[str]:
        """The texts that stand in its expressions; what it looks for in a message is among them."""
        constants = (node.value for node in self._tree.find_all(nodes.Const))
        return frozenset(value for value in constants if isinstance(value, str) and value)

    def render(self, variables: Mapping[str, object], *, now: datetime | None = None) -> str:
        """The text that the template makes of its variables.

        Args:
            variables: ``messages``, the special tokens, and what else the template may name.
            now: what it takes for the local time; None for the clock's.

        Raises:
            TokenizerError: when the template refuses them or fails.
        """
        self._environment.begin()
        clock = {"strftime_now": (now or datetime.now()).strftime}
        try:
            return self._template.render(clock | dict(variables))
        except Exception as error:  # a template is foreign code, which may fail in any way
            raise TokenizerError(f"{self.where}: the chat template refused the messages ({error})") from error
