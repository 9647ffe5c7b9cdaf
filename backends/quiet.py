"""Drops what PyTorch's packages say about themselves as they load; what a user did wrong arrives as an error instead.

Each entry names one known message, so that news from these packages still shows. `mmoe.backends` installs it, because
whatever imports them comes through there.
"""

import logging
import warnings

# (logger, what its message has in it)
_MESSAGES = (
    ("torchao", "Failed to load"),  # GPU extensions that a CPU build cannot load
    ("torch.utils._pytree", "is an Enum subclass"),  # torchao registers an enum in a deprecated way
)
# (beginning of the message, as a regular expression; category)
_WARNINGS: tuple[tuple[str, type[Warning]], ...] = (
    (r"`isinstance\(treespec, LeafSpec\)` is deprecated", FutureWarning),  # copying of exported programs
    (r"Mutation on a buffer in the model is detected", UserWarning),  # the KV cache, which starts undefined
)


class _Quiet(logging.Filter):
    """Lets a logger's messages pass unless they are the known one."""

    wanted = False

    def __init__(self, known: str) -> None:
        super().__init__()
        self._known = known

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a message passes."""
        return self.wanted or self._known not in record.getMessage()


def drop_known_messages() -> None:
    """Installs the filters."""
    for name, known in _MESSAGES:
        logging.getLogger(name).addFilter(_Quiet(known))
    for message, category in _WARNINGS:
        warnings.filterwarnings("ignore", message=message, category=category)


def show_known_messages() -> None:
    """Lets them through after all, for somebody who looks for the cause of something."""
    _Quiet.wanted = True
    for message, category in _WARNINGS:
        warnings.filterwarnings("default", message=message, category=category)
