"""Where a server listens: taken before anybody is told its address."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections.abc import Iterator

from mmoe.runtime_bindings.python.errors import OptionError

# A name may have addresses of a family that the machine does not use.
_NOT_HERE = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


@contextlib.contextmanager
def listening(host: str, port: int) -> Iterator[list[socket.socket]]:
    """Sockets that listen on every address of a host, on one port; 0 takes a free one.

    Raises:
        OptionError: The host has no address here, or the port cannot be had.
    """
    with contextlib.ExitStack() as opened:
        try:
            found = _open(host, port, opened)
        except (OSError, UnicodeError) as error:
            raise OptionError(
                f"cannot listen on {host}, port {port} ({_reason(error)}); choose with --host and --port"
            ) from error
        yield found


def _open(host: str, port: int, opened: contextlib.ExitStack) -> list[socket.socket]:
    found: list[socket.socket] = []
    missing: OSError | None = None
    for family, _, _, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        taken = found[0].getsockname()[1] if found else port
        try:
            one = socket.create_server((address[0], taken, *address[2:]), family=family)
        except OSError as error:
            if error.errno not in _NOT_HERE:
                raise
            missing = error
        else:
            found.append(opened.enter_context(one))
    if missing is not None and not found:
        raise missing
    return found


def _reason(error: OSError | UnicodeError) -> str:
    if isinstance(error, socket.gaierror) and error.strerror:
        return error.strerror
    # The system's words alone: Python puts the address behind them, which the message has already.
    return os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
