"""Many clients at once on a server of its own: `python -m tools.serve_load ARTIFACT [--clients 50] [--seconds 120]`.

Each client asks again as soon as it is answered, half of them by streams, until the time is up; all answers have as
many tokens, so that the counts of clients can be compared. Prints how many requests were answered and refused, how
evenly, and the server's memory at the start, in the middle and at the end.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

_PATIENCE = 60.0
_PROGRAM = "import sys; from mmoe.export.cli.main import main; sys.exit(main())"
_QUESTIONS = (
    "Who made the heaven and the earth?",
    "And who made man?",
    "Who was king in Israel in those days, and what did he do in the sight of the LORD?",
    "Say something of the sea.",
)


@dataclass(frozen=True, kw_only=True)
class Load:
    """What came of it.

    Attributes:
        answered: Requests of each client that were answered whole.
        errors: What went wrong, in words.
        seconds: From the first request to the last answer.
        anonymous_bytes: The server's own memory: when every client had been answered once, in the middle, at the end.
    """

    answered: tuple[int, ...]
    errors: tuple[str, ...]
    seconds: float
    anonymous_bytes: tuple[int, int, int]

    @property
    def unevenness(self) -> float:
        """Answers of the client that had most, divided by those of the one that had fewest."""
        return max(self.answered) / max(1, min(self.answered))


@contextmanager
def server(artifact: Path) -> Iterator[tuple[str, int]]:
    """The address and the process id of a server for the length of the block."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-c", _PROGRAM, "serve", str(artifact), "--port", str(port), "--quiet"]
    with subprocess.Popen(command) as process:
        try:
            address = f"http://127.0.0.1:{port}"
            _wait_for(address, process)
            yield address, process.pid
        finally:
            process.terminate()


def _wait_for(address: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + _PATIENCE
    while process.poll() is None and time.monotonic() < end:
        try:
            httpx.get(f"{address}/health").raise_for_status()
            return
        except httpx.TransportError:
            time.sleep(0.1)
    raise RuntimeError(f"no server at {address}")


def put_load(artifact: Path, *, clients: int, seconds: float) -> Load:
    """Lets clients ask a server of their own for so many seconds, and until each has been answered."""
    stop_ids = json.loads((artifact / "mmoe.json").read_text())["runtime"]["stop_ids"]
    with server(artifact) as (address, process_id):
        return asyncio.run(_Clients(address, process_id, clients, seconds, stop_ids).run())


class _Clients:
    def __init__(
        self, address: str, process_id: int, clients: int, seconds: float, stop_ids: list[int]
    ) -> None:
        self._bias = {str(each): -100 for each in stop_ids}
        self._address, self._process_id, self._seconds = address, process_id, seconds
        self._answered = [0] * clients
        self._errors: list[str] = []

    async def run(self) -> Load:
        begun = time.monotonic()
        self._end = begun + self._seconds
        limits = httpx.Limits(max_connections=len(self._answered))
        async with httpx.AsyncClient(base_url=self._address, limits=limits, timeout=_PATIENCE) as client:
            asking = asyncio.gather(*(self._ask(client, each) for each in range(len(self._answered))))
            while min(self._answered) == 0 and not asking.done():
                await asyncio.sleep(0.05)
            start = self._memory()
            await asyncio.sleep(max(0.0, begun + self._seconds / 2 - time.monotonic()))
            middle = self._memory()
            await asking
        return Load(
            answered=tuple(self._answered),
            errors=tuple(self._errors),
            seconds=time.monotonic() - begun,
            anonymous_bytes=(start, middle, self._memory()),
        )

    async def _ask(self, client: httpx.AsyncClient, who: int) -> None:
        # A slow machine gets the time that it takes for everybody's first answer.
        while time.monotonic() < self._end or (min(self._answered) == 0 and not self._errors):
            streams = who % 2 == 0
            body = {
                "messages": [
                    {"role": "user", "content": _QUESTIONS[(who + self._answered[who]) % len(_QUESTIONS)]}
                ],
                "max_tokens": 16,
                "temperature": 1,
                "seed": self._answered[who],
                "stream": streams,
                "logit_bias": self._bias,
            }
            try:
                response = await client.post("/v1/chat/completions", json=body)
                problem = _problem(response, streams)
            except httpx.HTTPError as error:
                problem = repr(error)
            if problem is None:
                self._answered[who] += 1
            else:
                self._errors.append(problem)

    def _memory(self) -> int:
        status = Path(f"/proc/{self._process_id}/status").read_text()
        found = re.search(r"^RssAnon:\s+(\d+) kB$", status, re.MULTILINE)
        assert found is not None
        return int(found[1]) * 1024


def _problem(response: httpx.Response, streams: bool) -> str | None:
    if response.status_code != 200:
        return f"{response.status_code}: {response.text[:200]}"
    if not streams:
        choice = response.json()["choices"][0]
    else:
        *events, end = [line.removeprefix("data: ") for line in response.text.split("\n\n") if line]
        if end != "[DONE]" or '"error"' in events[-1]:
            return f"a stream ended with {end[:200]}"
        choice = json.loads(events[-1])["choices"][0]
    return None if choice["finish_reason"] in ("stop", "length") else f"unfinished: {choice}"


def main() -> None:
    """Prints what the load found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("artifact", type=Path)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=120)
    chosen = parser.parse_args()
    load = put_load(chosen.artifact, clients=chosen.clients, seconds=chosen.seconds)
    start, middle, end = (each / 1e6 for each in load.anonymous_bytes)
    print(f"{sum(load.answered):,} answers in {load.seconds:.0f} s, {len(load.errors)} errors")
    print(f"by client: {min(load.answered)} to {max(load.answered)}, ratio {load.unevenness:.2f}")
    print(f"own memory: {start:.1f} MB at the start, {middle:.1f} in the middle, {end:.1f} at the end")
    for error in load.errors[:10]:
        print(error)


if __name__ == "__main__":
    main()
