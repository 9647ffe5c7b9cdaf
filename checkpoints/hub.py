"""Downloads from the Hugging Face hub, with every failure explained together with its cure."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from pathlib import Path

import httpx2
import huggingface_hub
from huggingface_hub import errors as hub_errors

from mmoe.checkpoints.errors import HubError

LOG_IN = "run `hf auth login` or set HF_TOKEN to a token from https://huggingface.co/settings/tokens"
_LOCAL_CURE = "or download the repository elsewhere and give its folder instead of the id"


@dataclass(frozen=True)
class Snapshot:
    """Files of one commit of a hub repository, in the local hub cache."""

    folder: Path
    commit: str


def download(repo_id: str, *, revision: str | None, patterns: tuple[str, ...]) -> Snapshot:
    """Fetches the files of ``repo_id`` that match ``patterns``.

    Files that the hub cache already holds are not fetched again, and offline the cache alone is enough. The
    hub's client shows its own progress bars on stderr; `HF_HUB_DISABLE_PROGRESS_BARS=1` silences them.

    Args:
        repo_id: ``owner/name``.
        revision: branch, tag or commit; None is the default branch.
        patterns: globs on the paths inside the repository; none may match a pickle file.

    Raises:
        HubError: saying why the files could not be had, and the cure.
    """
    try:
        folder = huggingface_hub.snapshot_download(repo_id, revision=revision, allow_patterns=list(patterns))
    except (hub_errors.HFValidationError, httpx2.HTTPError, OSError) as error:
        raise HubError(f"{repo_id}: {_explain(error, repo_id, revision)}") from error
    return Snapshot(Path(folder), commit=Path(folder).name)


def _explain(error: Exception, repo_id: str, revision: str | None) -> str:
    page = f"https://huggingface.co/{repo_id}"
    match error:
        case hub_errors.GatedRepoError() if huggingface_hub.get_token() is None:
            return f"is gated and no token is set: accept its licence at {page}, then {LOG_IN}"
        case hub_errors.GatedRepoError():
            return (
                f"is gated and your token's account has no access: accept its licence at {page} with that "
                "account and wait for the approval; a fine-grained token also needs the permission to read "
                "gated repositories"
            )
        case hub_errors.RevisionNotFoundError():
            return f"has no revision {revision!r}; its branches and commits are listed at {page}/commits"
        case hub_errors.DisabledRepoError():
            return f"has been disabled by the hub; see {page}"
        case hub_errors.LocalTokenNotFoundError():
            return f"needs a token and none is set: {LOG_IN}"
        case hub_errors.RepositoryNotFoundError() if huggingface_hub.get_token() is None:
            return f"does not exist, or is private and no token is set: check {page}, or {LOG_IN}"
        case hub_errors.RepositoryNotFoundError():
            return f"does not exist, or your token may not see it: check {page}"
        case hub_errors.HfHubHTTPError(response=httpx2.Response(status_code=401)):
            return f"the hub refused the token as invalid or expired: {LOG_IN}"
        case hub_errors.HfHubHTTPError(response=response):
            return f"the hub answered with HTTP status {response.status_code}; try again later, {_LOCAL_CURE}"
        case hub_errors.HFValidationError():
            return f"is not a valid hub id ({error})"
        case hub_errors.IncompleteSnapshotError():
            return f"is only partly in the hub cache, and {unreachable(error)}, {_LOCAL_CURE}"
        case hub_errors.LocalEntryNotFoundError() | httpx2.HTTPError():
            return f"is not in the hub cache, and {unreachable(error)}, {_LOCAL_CURE}"
        case OSError(errno=errno.ENOSPC):
            return "the disk became full during the download: free some space or set HF_HOME to another disk"
        case _:
            return f"could not be downloaded ({type(error).__name__}: {error}); try again, {_LOCAL_CURE}"


def unreachable(error: Exception) -> str:
    """Why the hub could not be asked, and the cure."""
    if huggingface_hub.is_offline_mode() or isinstance(error.__cause__, hub_errors.OfflineModeIsEnabled):
        return "HF_HUB_OFFLINE forbids asking the hub: unset it"
    reason = error.__cause__ or error
    return f"the hub cannot be reached ({type(reason).__name__}: {reason}): check the network and try again"
