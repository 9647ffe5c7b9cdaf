"""The Jinja that chat templates are written for: Hugging Face's extensions and filters, in a sandbox."""

from __future__ import annotations

import json
from typing import NoReturn

import jinja2
from jinja2 import nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser

from mmoe.checkpoints.jinja_limits import BoundedEnvironment, bounded


class _Generation(Extension):
    """``{% generation %}``: marks for training what the assistant said; in a prompt its body stands alone."""

    tags = {"generation"}  # noqa: RUF012  # as the base class declares it

    def parse(self, parser: Parser) -> nodes.Node:
        """Keeps the body, in a scope of its own as the body of a call is."""
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.Scope(body).set_lineno(line)


def jinja_environment() -> BoundedEnvironment:
    """An environment in which the text of a chat template can be compiled."""
    environment = BoundedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, loopcontrols]
    )
    environment.filters["tojson"] = bounded(_to_json)
    environment.globals["raise_exception"] = _raise_exception
    return environment


def _to_json(
    value: object,
    ensure_ascii: bool = False,
    indent: int | str | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """Without the escapes that Jinja's own filter adds for HTML; the order of the arguments is Hugging Face's."""
    return json.dumps(
        value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
    )


def _raise_exception(message: str) -> NoReturn:
    raise jinja2.TemplateError(message)
