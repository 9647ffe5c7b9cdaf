"""Chat templates as transformers renders them, at a fixed moment."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from unittest import mock

from transformers.utils import chat_template_utils

from tests.support.native_template import NOW


class _FixedClock(datetime.datetime):
    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> datetime.datetime:
        return datetime.datetime.fromisoformat(NOW)


@contextmanager
def _fixed_clock() -> Iterator[None]:
    with mock.patch.object(chat_template_utils, "datetime", _FixedClock):
        yield


def render_chat(source: str, variables: Mapping[str, object]) -> str:
    """What `apply_chat_template` gives for `variables`, which hold the messages and what else it is called with.

    Raises:
        Exception: of any kind, as the template fails.
    """
    given = dict(variables)
    messages = chat_template_utils._normalize_chat_messages(given.pop("messages"))
    with _fixed_clock():
        rendered, _ = chat_template_utils.render_jinja_template([messages], chat_template=source, **given)
    return rendered[0]


def render(source: str, variables: Mapping[str, object]) -> str:
    """What transformers' compiled template gives for plain variables.

    Raises:
        Exception: of any kind, as the template fails.
    """
    with _fixed_clock():
        return chat_template_utils._compile_jinja_template(source).render(**variables)
