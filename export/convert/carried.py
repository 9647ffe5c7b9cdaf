"""What an artifact takes over from a checkpoint besides its weights: files as they are, and the licence's name."""

from __future__ import annotations

import re
from pathlib import Path

from mmoe.checkpoints.chat_template_files import TEMPLATE_FILE, template_places
from mmoe.checkpoints.errors import CheckpointError
from mmoe.checkpoints.generation_settings import GENERATION_FILE
from mmoe.checkpoints.special_tokens import SETTINGS_FILE, SPECIAL_TOKENS_FILE
from mmoe.checkpoints.tokenizer import TOKENIZER_FILE, ChatTokenizer
from mmoe.models.architectures.config import CONFIG_FILE
from mmoe.models.files import destination, is_absent, leads_out_of, read_regular

_AS_THEY_ARE = (
    TOKENIZER_FILE,
    SETTINGS_FILE,
    SPECIAL_TOKENS_FILE,
    GENERATION_FILE,
    "LICENSE",
    "LICENSE.txt",
)
_CARD = "README.md"


def require_own_files(folder: Path) -> None:
    """Refuses a checkpoint of whose texts one is, or lies behind, a link to a place outside of its folder.

    A repository may hold such links, and a clone follows them on the machine of whoever made it: what the text says
    there would be published with the artifact.

    Args:
        folder: Of the checkpoint.

    Raises:
        CheckpointError: naming the link and where it leads.
        TokenizerError: the folder of additional templates cannot be read.
    """
    for path in (folder / CONFIG_FILE, *(folder / name for name in _AS_THEY_ARE), *template_places(folder)):
        if not is_absent(path) and leads_out_of(folder, path):
            raise CheckpointError(
                f"{path}: is a link out of the checkpoint, to {destination(path)}, which would become part of the "
                "artifact; put the file itself there, or remove the link"
            )


def carried_files(folder: Path, tokenizer: ChatTokenizer) -> dict[str, bytes]:
    """Contents of an artifact's small files by name.

    The chat template that was chosen becomes a file of its own, and tokens that the settings add become part of
    tokenizer.json, wherever they were: whoever reads the artifact finds them in one place.

    Args:
        folder: Of the checkpoint.
        tokenizer: What was loaded from it.

    Raises:
        CheckpointError: a file is there and cannot be read.
    """
    found = {}
    for name in _AS_THEY_ARE:
        path = folder / name
        if is_absent(path):
            continue
        try:
            found[name] = read_regular(path)
        except OSError as error:
            raise CheckpointError(
                f"{path}: cannot be read ({error}); download it again, or remove it"
            ) from error
    found[TOKENIZER_FILE] = tokenizer.tokenizer_json.encode()
    if tokenizer.template is not None:
        found[TEMPLATE_FILE] = tokenizer.template.source.encode()
    return found


def licence(folder: Path) -> str | None:
    """The licence that the front matter of a model card names, as on the hub; a card that cannot be read has none.

    A licence that the hub has no name for is `other` there, and what it is called stands in an entry of its own.
    """
    if leads_out_of(folder, folder / _CARD):
        return None
    try:
        text = read_regular(folder / _CARD).decode(errors="replace")
    except OSError:
        return None
    front_matter = re.match(r"---\r?\n(.*?)\r?\n---\r?\n", text, flags=re.DOTALL)
    if front_matter is None:
        return None
    name = _entry(front_matter[1], "license")
    return _entry(front_matter[1], "license_name") or name if name == "other" else name


def _entry(front_matter: str, key: str) -> str | None:
    found = re.search(rf"^{key}:[ \t]*([\"']?)(\S.*?)\1\s*$", front_matter, flags=re.MULTILINE)
    return found[2] if found else None
