"""Where a checkpoint is: an existing folder, or an id on the Hugging Face hub."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from pathlib import Path

from mmoe.checkpoints.errors import CheckpointError, HubError
from mmoe.checkpoints.file_diagnosis import refuse_pickle
from mmoe.checkpoints.hub import download
from mmoe.models.architectures.config import CONFIG_FILE
from mmoe.models.architectures.registry import load_config
from mmoe.models.files import as_path
from mmoe.runtime_bindings.python.errors import OptionError

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_WEIGHT_PATTERNS = ("model*.safetensors", "model.safetensors.index.json")
_TEXT_PATTERNS = (
    "tokenizer*.json",
    "special_tokens_map.json",
    "chat_template.json",
    "chat_template.jinja",
    "additional_chat_templates/*.jinja",
    "generation_config.json",
    "LICENSE*",
    "README.md",
)
# A folder of the hub's cache: models--owner--name/snapshots/COMMIT.
_SNAPSHOT = re.compile(r"models--(?P<id>[^/]+)/snapshots/(?P<commit>[0-9a-f]{40})")


@dataclass(frozen=True, kw_only=True)
class CheckpointSource:
    """What a manifest records of a checkpoint's origin.

    Attributes:
        id: The hub id, or a local folder's own name (never its path).
        revision: The commit of the hub repository, resolved; None for a local folder that is no snapshot of one.
    """

    id: str
    revision: str | None


@dataclass(frozen=True)
class LocatedCheckpoint:
    """A folder on this machine and its origin."""

    folder: Path
    source: CheckpointSource


def locate_checkpoint(
    source: str | Path, *, revision: str | None = None, unpacked: bool = False
) -> LocatedCheckpoint:
    """Finds the folder, downloading a hub repository's safetensors and text files if need be.

    The config is fetched and checked before the weights are.

    Args:
        source: A folder or a hub id.
        revision: Branch, tag or commit of a hub id.
        unpacked: Whether a repository in bfloat16 is downloaded; a folder is not looked into.

    Raises:
        HubError: when the repository could not be had.
        ConfigError: when the repository's config is not supported.
        CheckpointError: when ``source`` is neither an existing folder nor a hub id.
        OptionError: when a revision is given for a folder.
    """
    path = as_path(source)
    if path.is_dir():
        if revision is not None:
            raise OptionError(f"a revision ({revision}) goes with a hub id, but {source} is a folder")
        return LocatedCheckpoint(path, _source_of(path.resolve()))
    if path.exists():
        refuse_pickle(path)
        raise CheckpointError(
            f"{source}: is a file; give the checkpoint folder that holds it and {CONFIG_FILE}"
        )
    similar = _similar_folder(path)
    hint = f"; did you mean {similar}?" if similar is not None else ""
    if isinstance(source, Path) or not is_hub_id(source):
        if hint or isinstance(source, Path):
            raise CheckpointError(f"{source}: no such folder{hint}")
        if _is_spelt_as_path(source):
            raise CheckpointError(
                f"{source}: no such folder; a source that begins with ./, ../, / or ~ or ends with / "
                "is a path, never a hub id"
            )
        raise CheckpointError(
            f"{source}: is neither an existing folder nor a hub id of the form owner/name, "
            "such as facebook/MobileMoE-S-QAT"
        )
    try:
        return _download_checkpoint(source, revision, unpacked)
    except HubError as error:
        raise HubError(f"{error} (there is no folder {source} here either{hint})") from error


def is_hub_id(source: str) -> bool:
    """Whether a source can be an id on the hub; what is spelt as a path, such as ``./owner/name``, cannot."""
    return _HUB_ID.fullmatch(source) is not None


def not_packed(where: str) -> str:
    """What to tell of a checkpoint in bfloat16 where a packed one is needed."""
    return (
        f"{where}: config.json has no 'quantization' block, so its weights are not packed. Convert it with "
        "--quantize int4-g32, or take a packed one: facebook/MobileMoE-S-QAT, facebook/MobileMoE-M-QAT, "
        "facebook/MobileMoE-L-QAT"
    )


def _source_of(folder: Path) -> CheckpointSource:
    """A snapshot in a hub cache names its repository and commit; of another folder its name is all there is."""
    snapshot = _SNAPSHOT.fullmatch("/".join(folder.parts[-3:]))
    if snapshot is None:
        return CheckpointSource(id=folder.name, revision=None)
    return CheckpointSource(id=snapshot["id"].replace("--", "/"), revision=snapshot["commit"])


def _download_checkpoint(repo_id: str, revision: str | None, unpacked: bool) -> LocatedCheckpoint:
    config_only = download(repo_id, revision=revision, patterns=(CONFIG_FILE,))
    if load_config(config_only.folder).quantization is None and not unpacked:
        raise CheckpointError(f"{not_packed(repo_id)}. Its weights were not downloaded")
    patterns = (CONFIG_FILE, *_WEIGHT_PATTERNS, *_TEXT_PATTERNS)
    # By commit, so that a push between the two downloads cannot mix two versions.
    snapshot = download(repo_id, revision=config_only.commit, patterns=patterns)
    return LocatedCheckpoint(snapshot.folder, CheckpointSource(id=repo_id, revision=snapshot.commit))


def _is_spelt_as_path(source: str) -> bool:
    return source.startswith(("./", "../", "/", "~")) or source.endswith("/")


def _similar_folder(path: Path) -> Path | None:
    parent = path.parent
    if not parent.is_dir():
        return None
    folders = [child.name for child in parent.iterdir() if child.is_dir()]
    close = difflib.get_close_matches(path.name, folders, n=1, cutoff=0.75)
    return parent / close[0] if close else None
