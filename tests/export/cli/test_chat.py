"""`mmoe-export chat` by a pseudo-terminal, as somebody types it."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mmoe.export.artifact.artifact import Artifact
from mmoe.export.cli.repl.interruptible import interruptible
from mmoe.runtime_bindings.python.core import CoreFailure
from mmoe.runtime_bindings.python.model import Model
from mmoe.runtime_bindings.python.records import FinishReason

UP, LEFT, CTRL_C, CTRL_D = "\x1b[A", "\x1b[D", "\x03", "\x04"
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\x1b[=>]|\r")
_PATIENCE = 300
_PROGRAM = "import sys; from mmoe.export.cli.main import main; sys.exit(main())"
# An answer that does not end, quick as it is, until it has been cancelled.
_HELD_ANSWER = f"""
import threading
from mmoe.runtime_bindings.python.session import Session
from mmoe.runtime_bindings.python.stream import Stream

cancelled, following, cancel = threading.Event(), Session.next, Stream.cancel

def held_next(session):
    if session.stats.decode_tokens > 20:
        cancelled.wait({_PATIENCE})
    return following(session)

def noted_cancel(stream):
    cancel(stream)
    cancelled.set()

Session.next, Stream.cancel = held_next, noted_cancel
"""


class Typist:
    """Types into the command and reads what the terminal shows."""

    def __init__(self, master: int) -> None:
        self._master = master
        self._seen = ""

    def read_until(self, text: str) -> str:
        """What was shown since the last time, up to and with a text."""
        end = time.monotonic() + _PATIENCE
        while text not in self._seen:
            if not select.select([self._master], [], [], max(0, end - time.monotonic()))[0]:
                raise AssertionError(f"no {text!r} in {self._seen!r}")
            try:
                data = os.read(self._master, 65536)
            except OSError:  # how Linux tells that the other side is closed
                raise AssertionError(f"no {text!r} in {self._seen!r}") from None
            # Where is the cursor?
            if b"\x1b[6n" in data:
                os.write(self._master, b"\x1b[1;1R")
            self._seen += _CONTROL.sub("", data.decode(errors="replace"))
        found, _, self._seen = self._seen.partition(text)
        return found + text

    def type(self, text: str) -> None:
        """Keys, as the terminal sends them."""
        data = text.encode()
        while data:
            data = data[os.write(self._master, data) :]

    def leave(self) -> None:
        """Ctrl-D at the next prompt; between two prompts the terminal keeps it to itself."""
        self.read_until(">")
        self.type(CTRL_D)


def take_terminal() -> None:
    """Makes the terminal on stdin the one whose Ctrl-C this process gets."""
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@contextmanager
def conversation(
    artifact: Artifact, *options: str, before: str = ""
) -> Iterator[tuple[Typist, subprocess.Popen[bytes]]]:
    """A running chat, which must end by itself when the block does; its process first runs the code `before`."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("4H", 40, 160, 0, 0))
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            before + _PROGRAM,
            "chat",
            str(artifact.folder),
            "--temperature",
            "0",
            *options,
        ],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        preexec_fn=take_terminal,
        env={**os.environ, "TERM": "xterm"},
    )
    os.close(slave)
    try:
        typist = Typist(master)
        typist.read_until("Ctrl-D leaves.")
        typist.read_until(">")
        yield typist, process
        assert process.wait(_PATIENCE) == 0
    finally:
        process.kill()
        process.wait()
        os.close(master)


def test_answers_history_and_files(demo_artifact: Artifact, tmp_path: Path) -> None:
    saved = tmp_path / "turns.json"
    with conversation(demo_artifact, "--max-new-tokens", "8") as (typist, _):
        typist.type("Who was king?\r")
        typist.type("/stats\r")
        assert "generated 8 tokens" in typist.read_until("stopped at --max-new-tokens]")
        # The line before the last, with one letter put in by the arrows.
        typist.type(UP + UP + LEFT + "s\r")
        typist.type(f"/save {saved}\r/nothing\r")
        typist.read_until("no command /nothing")
        first = json.loads(saved.read_text())
        assert [each["content"] for each in first if each["role"] == "user"] == [
            "Who was king?",
            "Who was kings?",
        ]
        typist.type(f"/regen\r/save {saved}\r/nothing\r")
        typist.read_until("no command /nothing")
        assert json.loads(saved.read_text()) == first, "a greedy answer is the same again"
        typist.type("/new\r/regen\r")
        typist.read_until("there is no answer yet")
        typist.type(f"/load {saved}\r/regen\r/save {saved}\r/nothing\r")
        typist.read_until("no command /nothing")
        assert json.loads(saved.read_text()) == first, "what was loaded goes on as what was said"
        # A file may hold an answer to no message.
        for turns in ([first[-1]], [{"role": "system", "content": "Be brief."}, first[-1]]):
            (tmp_path / "unasked.json").write_text(json.dumps(turns))
            typist.type(f"/load {tmp_path / 'unasked.json'}\r/regen\r")
            typist.read_until("there is no answer yet")
            typist.type(f"/save {tmp_path / 'kept.json'}\r/nothing\r")
            typist.read_until("no command /nothing")
            assert json.loads((tmp_path / "kept.json").read_text()) == turns
        typist.type(f"/system Be brief.\r/save {saved}\r/help\r")
        typist.read_until("as Ctrl-D does")
        assert json.loads(saved.read_text()) == [{"role": "system", "content": "Be brief."}]
        typist.type(f"/load {tmp_path / 'none.json'}\r")
        typist.read_until("No such file")
        for text, told in (
            ("[" * 100_000, "nested more than"),
            (r'[{"role": "user", "content": "\ud800"}]', "surrogate"),
        ):
            (tmp_path / "bad.json").write_text(text)
            typist.type(f"/load {tmp_path / 'bad.json'}\r")
            typist.read_until(told)
        typist.type("/exit\r")


def test_ctrl_c_at_the_prompt_begins_the_line_again(demo_artifact: Artifact) -> None:
    with conversation(demo_artifact, "--max-new-tokens", "8") as (typist, _):
        typist.type("half a line" + CTRL_C + "/regen\r")
        typist.read_until("there is no answer yet")
        typist.leave()


def test_ctrl_c_stops_an_answer_and_the_conversation_goes_on(demo_artifact: Artifact, tmp_path: Path) -> None:
    saved, endless = tmp_path / "turns.json", tmp_path / "endless.gbnf"
    endless.write_text('root ::= ("la " | "lo ")+')
    options = ("--grammar", str(endless), "--max-new-tokens", "200")
    with conversation(demo_artifact, *options, before=_HELD_ANSWER) as (typist, _):
        typist.type("Sing.\r")
        typist.read_until("l")
        typist.type(CTRL_C)
        typist.read_until("[stopped; this turn is forgotten]")
        typist.type("/stats\r")
        typist.read_until("generated ")
        assert int(typist.read_until(" tokens").removesuffix(" tokens")) < 200
        typist.type(f"/save {saved}\r/nothing\r")
        typist.read_until("no command /nothing")
        assert json.loads(saved.read_text()) == []
        typist.type("Sing again.\r/stats\r")
        assert "[stopped" not in typist.read_until("generated 200 tokens")
        typist.type(f"/save {saved}\r/nothing\r")
        typist.read_until("no command /nothing")
        assert [each["role"] for each in json.loads(saved.read_text())] == ["user", "assistant"]
        typist.leave()


def test_an_interrupt_ends_a_stream_where_it_is_read(demo_artifact: Artifact) -> None:
    handler = signal.getsignal(signal.SIGINT)
    with Model(demo_artifact.folder) as model:
        whole = "".join(model.generate("In the beginning", max_new_tokens=40))
        stream = model.generate("In the beginning")
        pieces = []
        for piece in interruptible(stream):
            pieces.append(piece)
            if len(pieces) == 5:
                signal.raise_signal(signal.SIGINT)
        # One piece waits, and the library was at work on another.
        assert 5 <= len(pieces) <= 8
        assert whole.startswith("".join(pieces))
        assert stream.finish_reason is FinishReason.CANCELLED
        assert signal.getsignal(signal.SIGINT) is handler
        # One that is left ends, too.
        left = model.generate("In the beginning")
        reading = interruptible(left)
        next(reading)
        reading.close()
        assert left.finish_reason is FinishReason.CANCELLED
        with pytest.raises(CoreFailure, match="outside the vocabulary"):
            list(interruptible(model.generate([10**6])))


def test_a_full_context_is_told_and_survived(demo_artifact: Artifact) -> None:
    with conversation(demo_artifact, "--max-new-tokens", "4") as (typist, _):
        # Pasted, as terminals mark it: 10 kB in several lines do not fit into 512 tokens.
        typist.type("\x1b[200~" + "In the beginning God created.\n" * 340 + "\x1b[201~\r")
        typist.read_until("shorten them")
        for _ in range(5):
            typist.type("\x1b[200~" + "In the beginning God created.\n" * 12 + "\x1b[201~\r/stats\r")
            typist.read_until("generated 4 tokens")
        typist.type("\x1b[200~" + "In the beginning God created.\n" * 30 + "\x1b[201~\r")
        typist.read_until("left the conversation]")
        typist.type("Who was the king?\r/stats\r")
        typist.read_until("generated 4 tokens")
        typist.leave()


@pytest.mark.parametrize("arguments", [(), ("--system", "x")])
def test_it_needs_a_terminal(demo_artifact: Artifact, arguments: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, "chat", str(demo_artifact.folder), *arguments],
        input="",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "needs a terminal" in done.stderr
