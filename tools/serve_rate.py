"""One stream of the server beside `mmoe-run`: `python -m tools.serve_rate ARTIFACT [--tokens 200] [--rounds 9]`.

Both decode the same text in turns, the server within a session that holds the prompt, on as many threads. The client
only takes bytes and the time, and reads them when the text has ended: on a machine whose cores all compute, what it did
meanwhile would be measured, too. Prints tokens/s of each, from the first token to the last, the median of the ratios of
neighbours, and the ratio of the fastest of each, which others on the machine disturb least.
"""

from __future__ import annotations

import argparse
import bisect
import json
import re
import socket
import statistics
import subprocess
import time
from pathlib import Path

from mmoe.runtime_bindings.python.library import program_path
from tools.serve_load import server

_PROMPT = "In the beginning God created the heaven and the earth."
_RATE = re.compile(r"decode: (\d+) tokens, ([\d.]+) s")
# The server puts an event into a chunk of HTTP as a whole, so that no chunk's size is within one.
_EVENT = re.compile(rb"data: (\{.*\})\n\n")


def program_rate(artifact: Path, tokens: int) -> float:
    """Tokens/s of `mmoe-run`, by its own clock, which has microseconds."""
    command = [str(program_path("mmoe-run")), str(artifact), "--prompt", _PROMPT, "--temperature", "1"]
    command += ["--min-new-tokens", str(tokens), "--max-new-tokens", str(tokens)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    found = _RATE.search(run.stderr)
    assert found is not None, run.stderr
    return int(found[1]) / float(found[2])


def stream_rate(address: str, tokens: int) -> float:
    """Tokens/s of a stream, by the client's clock."""
    body = {
        "prompt": _PROMPT,
        "min_tokens": tokens,
        "max_tokens": tokens,
        "temperature": 1,
        "seed": 0,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    times, ends, received = _received(address, json.dumps(body).encode())
    told: list[float] = []
    count = 0
    for found in _EVENT.finditer(received):
        event = json.loads(found[1])
        if event["choices"] and event["choices"][0]["text"]:
            told.append(times[bisect.bisect_left(ends, found.end())])
        count = (event.get("usage") or {}).get("completion_tokens", count)
    assert count == tokens, f"{count} tokens instead of {tokens}"
    return (tokens - 1) / (told[-1] - told[0])


def _received(address: str, body: bytes) -> tuple[list[float], list[int], bytes]:
    """When bytes came, how many there were by then, and the bytes."""
    host, port = address.removeprefix("http://").split(":")
    head = (
        f"POST /v1/completions HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: {len(body)}\r\n"
        "Connection: close\r\n\r\n"
    )
    times, ends, received = [], [], bytearray()
    with socket.create_connection((host, int(port)), timeout=600) as client:
        client.sendall(head.encode() + body)
        while block := client.recv(1 << 16):
            times.append(time.perf_counter())
            received += block
            ends.append(len(received))
    return times, ends, bytes(received)


def main() -> None:
    """Prints the rates."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("artifact", type=Path)
    parser.add_argument("--tokens", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=9)
    chosen = parser.parse_args()
    programs, streams = [], []
    with server(chosen.artifact) as (address, _):
        stream_rate(address, chosen.tokens)
        for _ in range(chosen.rounds):
            programs.append(program_rate(chosen.artifact, chosen.tokens))
            streams.append(stream_rate(address, chosen.tokens))
    ratios = [stream / program for stream, program in zip(streams, programs, strict=True)]
    print(
        f"mmoe-run {statistics.median(programs):.1f} tokens/s, stream {statistics.median(streams):.1f} tokens/s"
    )
    print(
        f"fastest: {max(programs):.1f} and {max(streams):.1f} tokens/s, ratio {max(streams) / max(programs):.3f}"
    )
    print(f"ratio {statistics.median(ratios):.3f}, of {', '.join(f'{each:.3f}' for each in sorted(ratios))}")


if __name__ == "__main__":
    main()
