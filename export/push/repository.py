"""Writes files to a repository on the Hugging Face hub, with every failure explained together with its cure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx2
import huggingface_hub
from huggingface_hub import errors as hub_errors
from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]  # documented, but not marked

from mmoe.checkpoints.errors import HubError
from mmoe.checkpoints.hub import LOG_IN, unreachable
from mmoe.runtime_bindings.python.errors import OptionError


@dataclass(frozen=True)
class Publication:
    """What was published.

    Attributes:
        url: Of the commit's page.
        commit: Its id.
    """

    url: str
    commit: str


def require_name(repository: str) -> None:
    """Checks a name as the hub does.

    Raises:
        OptionError: It is not ``owner/name``, or has characters that the hub does not take.
    """
    try:
        validate_repo_id(repository)
    except hub_errors.HFValidationError as error:
        raise OptionError(f"{repository!r} is no name of a repository on the hub: {error}") from error
    if repository.count("/") != 1:
        raise OptionError(f"{repository!r} is no name of a repository on the hub: it takes OWNER/NAME")


def publish(repository: str, files: Mapping[str, Path | bytes], *, private: bool) -> Publication:
    """Writes files in one commit, so that nobody finds half of them; makes the repository if there is none.

    What else the repository holds stays. The hub's client shows its own progress bars on stderr.

    Args:
        repository: ``owner/name``.
        files: Contents, or where they lie, by the path in the repository.
        private: Whether only the owner may see it; a public repository is then refused, not changed.

    Raises:
        HubError: Saying why nothing was written, and the cure.
    """
    if huggingface_hub.get_token() is None:
        raise HubError(f"{repository}: the hub takes nothing without a token that may write: {LOG_IN}")
    hub = huggingface_hub.HfApi()
    additions = [
        huggingface_hub.CommitOperationAdd(path_in_repo=name, path_or_fileobj=content)
        for name, content in files.items()
    ]
    try:
        _make_or_find(hub, repository, private=private)
        written = hub.create_commit(repository, additions, commit_message="Upload an artifact of mmoe-export")
    except (httpx2.HTTPError, OSError, ValueError) as error:
        raise HubError(f"{repository}: {_explain(error, repository)}") from error
    return Publication(url=written.commit_url, commit=written.oid)


def _make_or_find(hub: huggingface_hub.HfApi, repository: str, *, private: bool) -> None:
    try:
        found = hub.model_info(repository)
    except hub_errors.RepositoryNotFoundError:
        # None leaves it to the organisation, which may want its repositories private.
        hub.create_repo(repository, private=private or None)
        return
    if private and not found.private:
        raise HubError(
            f"{repository}: is there already and is public: make it private in its settings, choose another name, or "
            "leave out --private"
        )


def _explain(error: Exception, repository: str) -> str:
    owner = repository.partition("/")[0]
    match error:
        case hub_errors.HfHubHTTPError(response=httpx2.Response(status_code=401)):
            return f"the hub refused the token as invalid or expired: {LOG_IN}"
        case hub_errors.HfHubHTTPError(response=httpx2.Response(status_code=403 | 404)):
            return (
                f"the hub does not let your token write there: it needs the permission to write, and its account must "
                f"be {owner} or a member of it"
            )
        case hub_errors.HfHubHTTPError(response=response):
            said = f" ({error.server_message})" if error.server_message else ""
            return f"the hub answered with HTTP status {response.status_code}{said}; nothing was published"
        case hub_errors.OfflineModeIsEnabled() | httpx2.HTTPError():
            return unreachable(error)
        case ValueError():
            return f"the hub refuses the model card: {' '.join(str(error).split())}"
        case _:
            return f"could not be published ({type(error).__name__}: {error}); try again"
