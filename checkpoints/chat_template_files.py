"""Where a checkpoint keeps its chat templates, and which of several is meant: as Hugging Face decides it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mmoe.checkpoints.errors import TokenizerError
from mmoe.checkpoints.special_tokens import SETTINGS_FILE
from mmoe.checkpoints.text_files import read_json, read_text
from mmoe.models.files import is_absent

TEMPLATE_FILE = "chat_template.jinja"
TEMPLATES_FOLDER = "additional_chat_templates"
_JSON_FILE = "chat_template.json"
_DEFAULT = "default"
# The longest of released templates have some tens of thousands.
_MOST_CHARACTERS = 1 << 18


@dataclass(frozen=True)
class TemplateText:
    """The text of a template and the file that it is from."""

    source: str
    origin: str


def template_places(folder: Path) -> Iterator[Path]:
    """Every path that `find_templates` may read, whether something is there or not.

    Raises:
        TokenizerError: the folder of additional templates cannot be read.
    """
    yield folder / TEMPLATE_FILE
    yield folder / SETTINGS_FILE
    yield folder / _JSON_FILE
    yield folder / TEMPLATES_FOLDER
    yield from _additional(folder)


def find_templates(folder: Path) -> dict[str, TemplateText]:
    """All templates of a folder by name; a single one is called "default".

    Files of their own come first: `chat_template.jinja`, which is "default", and those in
    `additional_chat_templates/`. Without any, those in `tokenizer_config.json` count. `chat_template.json`, from which
    processors read theirs, is the last resort.

    Raises:
        TokenizerError: a file is there and cannot be read, or holds something else than templates.
    """
    found = (
        _template_files(folder)
        or _templates_in(folder / SETTINGS_FILE, "chat_template")
        or _templates_in(folder / _JSON_FILE, "chat_template")
    )
    for template in found.values():
        if len(template.source) > _MOST_CHARACTERS:
            raise TokenizerError(
                f"{template.origin}: a chat template of {len(template.source):,} characters, of which it may have "
                f"{_MOST_CHARACTERS:,}; shorten it, or remove it"
            )
    return found


def choose_template(
    templates: Mapping[str, TemplateText], name: str | None, *, where: str
) -> TemplateText | None:
    """The template of a name, or the default one; None if there are none and none is asked for.

    Raises:
        TokenizerError: there is none of that name, or no default; the message lists the names.
    """
    names = ", ".join(sorted(templates)) or "none at all"
    if name is not None and name not in templates:
        raise TokenizerError(f"{where}: has no chat template named {name!r}; there is: {names}")
    if name is None and templates and _DEFAULT not in templates:
        raise TokenizerError(
            f"{where}: has several chat templates and no default one; choose with --template NAME: {names}"
        )
    return templates.get(name or _DEFAULT)


def _template_files(folder: Path) -> dict[str, TemplateText]:
    found = {}
    path = folder / TEMPLATE_FILE
    text = read_text(path)
    if text is not None:
        found[_DEFAULT] = TemplateText(text, str(path))
    for path in _additional(folder):
        text = read_text(path)
        assert text is not None
        found[path.stem] = TemplateText(text, str(path))
    return found


def _additional(folder: Path) -> list[Path]:
    more = folder / TEMPLATES_FOLDER
    if is_absent(more):
        return []
    try:
        return sorted(path for path in more.iterdir() if path.suffix == ".jinja")
    except OSError as error:
        raise TokenizerError(f"{more}: cannot be read as a folder ({error})") from error


def _templates_in(path: Path, key: str) -> dict[str, TemplateText]:
    """The templates under a key of a JSON file: one text, a list of named ones, or texts by name."""
    value = (read_json(path) or {}).get(key)
    if value is None:
        return {}
    if isinstance(value, str):
        value = {_DEFAULT: value}
    elif isinstance(value, list) and all(isinstance(item, dict) for item in value):
        value = {item.get("name"): item.get("template") for item in value}
    if not isinstance(value, dict) or not all(
        isinstance(part, str) for item in value.items() for part in item
    ):
        raise TokenizerError(
            f"{path}: key '{key}' is neither a template, nor a list of templates each with a name, nor null"
        )
    return {name: TemplateText(text, str(path)) for name, text in value.items()}
