"""A conversation in a JSON file, for the model to answer."""

from __future__ import annotations

import json
from pathlib import Path

from mmoe.runtime_bindings.python.errors import OptionError


def read_conversation(path: Path) -> dict[str, object]:
    """The variables of a chat template; the assistant's turn is begun unless the file says otherwise.

    Args:
        path: JSON, a list of messages or an object with them.

    Raises:
        OptionError: The file cannot be read, or holds something else.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise OptionError(f"{path}: cannot be read ({error})") from error
    except (ValueError, RecursionError) as error:
        raise OptionError(f"{path}: is not JSON ({error})") from error
    given = {"messages": value} if isinstance(value, list) else value
    if not isinstance(given, dict) or not isinstance(given.get("messages"), list):
        raise OptionError(
            f'{path}: is neither a list of messages nor an object with "messages"; write one of these'
        )
    return {"add_generation_prompt": True, **given}
