"""A server of an artifact that behaves badly in one way for each folder, for the downloads of the bindings and apps.

    python -m tests.support.artifact_server ADDRESS [ARTIFACT]

Writes its own address, `http://localhost:PORT`, to the file ADDRESS when it listens, and ends with its standard input.
The artifact is at `/BEHAVIOUR/RUN/`, where RUN is any word: what a server remembers it remembers for that word.
ARTIFACT, a converted checkpoint, is at `/real/RUN/`, on a good server.
"""

from __future__ import annotations

import hashlib
import json
import select
import sys
import threading
from collections import Counter
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

PROGRAM = bytes(i * 31 % 251 for i in range(600_000))
FILES = {"tokenizer.json": b'{"version": "1.0"}', "model.pte": PROGRAM, "empty.bin": b""}
# What a connection carries before a bad server drops it.
PIECE = 100_000
TOKEN = "Bearer secret"


def manifest(files: dict[str, bytes]) -> bytes:
    """The `mmoe.json` of these files, with what apps read of it."""
    records = {
        name: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()} for name, data in files.items()
    }
    return json.dumps({"format_version": 1, "backend": {"name": "xnnpack"}, "files": records}).encode()


class Handler(BaseHTTPRequestHandler):
    """One request; the behaviour is the path's first word."""

    protocol_version = "HTTP/1.1"
    asked: ClassVar[Counter[str]] = Counter()
    artifact: ClassVar[Path | None] = None

    def log_message(self, *arguments: object) -> None:
        """Says nothing: the tests' own output is to be read."""

    def fail(self, status: HTTPStatus) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def redirect(self, to: str) -> None:
        self.send_response(HTTPStatus.FOUND)
        self.send_header("Location", to)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def drop(self) -> None:
        self.wfile.flush()
        self.close_connection = True
        self.connection.shutdown(2)

    def send(
        self, data: bytes, *, ranges: bool = True, most: int | None = None, length: int | None = None
    ) -> None:
        """Answers with `data` from the byte that is asked for; drops the connection after `most` bytes, and says that
        the file has `length` bytes whatever it has."""
        start = 0
        wanted = self.headers.get("Range") if ranges else None
        if wanted is not None:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(data):
                return self.fail(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
        total = len(data) if length is None else length
        self.send_response(HTTPStatus.OK if wanted is None else HTTPStatus.PARTIAL_CONTENT)
        if wanted is not None:
            self.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
        self.send_header("Content-Length", str(total - start))
        self.end_headers()
        body = data[start:] if most is None else data[start : start + most]
        self.wfile.write(body)
        if len(body) != total - start:
            self.drop()
        return None

    def do_GET(self) -> None:
        behaviour, run, name = self.path.removeprefix("/").split("/", 2)
        key = f"{behaviour}/{run}/{name}"
        Handler.asked[key] += 1
        count = Handler.asked[key]
        token = self.headers.get("Authorization")
        if behaviour == "real":
            assert self.artifact is not None
            path = self.artifact / name
            return self.send(path.read_bytes()) if path.is_file() else self.fail(HTTPStatus.NOT_FOUND)
        if behaviour == "count":
            return self.send(str(Handler.asked[f"{run}/{name}"]).encode())
        if behaviour == "gated" and token != TOKEN:
            return self.fail(HTTPStatus.UNAUTHORIZED if token is None else HTTPStatus.FORBIDDEN)
        if behaviour == "redirect":
            if token != TOKEN:
                return self.fail(HTTPStatus.UNAUTHORIZED)
            # Another host: the token must stay behind.
            return self.redirect(f"http://127.0.0.1:{self.server.server_address[1]}/elsewhere/{run}/{name}")
        if behaviour == "elsewhere" and token is not None:
            return self.fail(HTTPStatus.FORBIDDEN)
        if behaviour == "loop":
            return self.redirect(self.path)
        if behaviour == "unsafe":
            return self.redirect(f"ftp://localhost/{name}")
        if name == "mmoe.json":
            return self.send_manifest(behaviour, count)
        data = FILES.get(name)
        if data is None or (behaviour == "gone" and name == "model.pte"):
            return self.fail(HTTPStatus.NOT_FOUND)
        if name == "model.pte":
            return self.send_program(behaviour, count, data)
        return self.send(data)

    do_HEAD = do_GET

    def send_manifest(self, behaviour: str, count: int) -> None:
        files = dict(FILES)
        if behaviour == "page":
            return self.send(b"<!doctype html><title>Not what you are looking for</title>")
        if behaviour == "evil":
            files["../evil"] = b"x"
        if behaviour == "update" and count > 1:
            files["model.pte"] = PROGRAM[::-1]
        return self.send(manifest(files))

    def send_program(self, behaviour: str, count: int, data: bytes) -> None:
        if behaviour == "drops":
            return self.send(data, most=PIECE)
        if behaviour == "dead":
            return self.send(data, most=0)
        if behaviour == "norange":
            return self.send(data, ranges=False, most=PIECE if count == 1 else None)
        if behaviour == "short":
            return self.send(data, length=len(data) - 10, most=len(data) - 10)
        if behaviour == "long":
            self.send_response(HTTPStatus.OK)
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(data + b"more")
            self.close_connection = True
            return None
        if behaviour == "changes":
            # The first piece is of a version that is gone when the second is asked for.
            return self.send(bytes(len(data)), most=PIECE) if count == 1 else self.send(data)
        if behaviour == "wrong":
            return self.send(data[:-1] + b"?")
        if behaviour == "none" and self.headers.get("Range") is not None:
            return self.fail(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
        if behaviour == "none":
            return self.send(data, most=PIECE if count == 1 else None)
        if behaviour == "other" and count == 2:
            self.send_response(HTTPStatus.PARTIAL_CONTENT)
            self.send_header("Content-Range", f"bytes 7-{len(data) - 1}/{len(data)}")
            self.send_header("Content-Length", str(len(data) - 7))
            self.end_headers()
            self.wfile.write(data[7:])
            return None
        if behaviour == "other":
            return self.send(data, most=PIECE if count == 1 else None)
        if behaviour == "busy" and count <= 2:
            return self.fail(HTTPStatus.SERVICE_UNAVAILABLE)
        if behaviour == "update":
            return self.send(data, most=PIECE) if count == 1 else self.send(data[::-1])
        if behaviour in ("hangs", "leaves") and count == 1:
            return self.hang(data, seconds=5 if behaviour == "leaves" else None)
        return self.send(data)

    def hang(self, data: bytes, *, seconds: float | None) -> None:
        """Sends two pieces, and then nothing until the client leaves, or for some seconds at most."""
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[: 2 * PIECE])
        select.select([self.connection], [], [], seconds)
        self.close_connection = True


class Server(ThreadingHTTPServer):
    """Says nothing of clients that leave: a paused download does."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Says what is a fault of this server's."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


def main() -> int:
    if len(sys.argv) not in (2, 3):
        print(__doc__, file=sys.stderr)
        return 2
    if len(sys.argv) == 3:
        Handler.artifact = Path(sys.argv[2])
    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    Path(sys.argv[1]).write_text(f"http://localhost:{server.server_address[1]}")
    sys.stdin.read()
    return 0


if __name__ == "__main__":
    sys.exit(main())
