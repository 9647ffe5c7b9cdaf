"""A hub on this machine, for the hub's real client: what is written to it, and what it refuses."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

TOKEN = "hf_stub"
COMMIT = "89abcdef0123456789abcdef0123456789abcdef"


@dataclass
class StubHub:
    """Repositories and what the hub answers.

    Attributes:
        private: Whether each repository is, by its name.
        files: Contents of the files that were committed, by repository and path.
        statuses: HTTP status and message to answer a request with, by the end of its path.
        asked: Method and path of every request.
    """

    private: dict[str, bool] = field(default_factory=dict)
    files: dict[str, dict[str, bytes]] = field(default_factory=dict)
    statuses: dict[str, tuple[int, str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def answer(self, method: str, path: str, body: bytes, token: str) -> tuple[int, dict[str, Any]]:
        """Status and JSON for a request."""
        self.asked.append(f"{method} {path}")
        for end, (status, message) in self.statuses.items():
            if path.endswith(end):
                return status, {"error": message, "errors": [{"message": message}]}
        if token != f"Bearer {TOKEN}":
            return 401, {"error": "Invalid credentials"}
        if path == "/api/validate-yaml":
            return 200, {}
        if path == "/api/repos/create":
            asked = json.loads(body)
            name = f"{asked['organization']}/{asked['name']}"
            self.private[name] = asked.get("visibility") == "private"
            return 200, {"url": f"https://huggingface.co/{name}"}
        repository = "/".join(path.split("/")[3:5])
        if repository not in self.private:
            return 404, {"error": "Repository not found"}
        if path.endswith("/preupload/main"):
            return 200, {
                "files": [
                    {"path": one["path"], "uploadMode": "regular", "shouldIgnore": False}
                    for one in json.loads(body)["files"]
                ]
            }
        if path.endswith("/commit/main"):
            lines = [json.loads(line) for line in body.splitlines()]
            self.files.setdefault(repository, {}).update(
                (line["value"]["path"], base64.b64decode(line["value"]["content"]))
                for line in lines
                if line["key"] == "file"
            )
            return 200, {
                "commitUrl": f"https://huggingface.co/{repository}/commit/{COMMIT}",
                "commitOid": COMMIT,
            }
        return 200, {"id": repository, "private": self.private[repository], "tags": [], "siblings": []}


@contextmanager
def stub_hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[StubHub]:
    """Serves a hub, and makes this process's client ask it and no other, with the token that it takes."""
    import huggingface_hub.constants as client

    hub = StubHub()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            path = self.path.partition("?")[0]
            status, content = hub.answer(self.command, path, body, self.headers.get("Authorization", ""))
            data = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            if status == 404:
                self.send_header("X-Error-Code", "RepoNotFound")
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = _answer

        def log_message(self, format: str, *arguments: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setattr(client, "ENDPOINT", f"http://127.0.0.1:{server.server_address[1]}")
        monkeypatch.setattr(client, "HF_HUB_OFFLINE", False)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        try:
            yield hub
        finally:
            server.shutdown()
            thread.join()
