"""What other packages log when they are imported, which says nothing to whoever uses this one.

Each entry names one known message, so that news from these packages still shows.
"""

import logging

# (logger, part of the message)
_KNOWN = (
    ("torchao", "Failed to load"),  # GPU extensions that a CPU build cannot load
    ("torch.utils._pytree", "is an Enum subclass"),  # torchao registers an enum in a deprecated way
)


class _Filter(logging.Filter):
    def __init__(self, part: str) -> None:
        super().__init__()
        self._part = part

    def filter(self, record: logging.LogRecord) -> bool:
        """Drops the known message."""
        return self._part not in record.getMessage()


_filters = [(logging.getLogger(name), _Filter(part)) for name, part in _KNOWN]


def hide_load_messages() -> None:
    """Drops these messages from now on."""
    for logger, known in _filters:
        logger.addFilter(known)


def show_load_messages() -> None:
    """Lets these messages through again."""
    for logger, known in _filters:
        logger.removeFilter(known)
