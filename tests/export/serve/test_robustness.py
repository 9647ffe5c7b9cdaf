"""Clients that go away, hurry, lie, or are not who they say: the server answers the others all the same."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from unittest import mock

import httpx
import pytest

from mmoe.export.artifact.artifact import Artifact
from mmoe.export.serve.listening import listening
from mmoe.export.serve.worker import End, Event, Generation, Piece, Worker
from mmoe.runtime_bindings.python.errors import OptionError
from mmoe.runtime_bindings.python.grammar import Grammar
from mmoe.runtime_bindings.python.limits import Limits
from mmoe.runtime_bindings.python.model import Model
from mmoe.runtime_bindings.python.records import Step, memory
from mmoe.runtime_bindings.python.sampling import SamplingConfig
from mmoe.runtime_bindings.python.session import Session
from tests.export.serve.conftest import PATIENCE, get, post, request, served

QUESTION = [{"role": "user", "content": "Who made the heaven and the earth?"}]
BODY = {"messages": QUESTION, "temperature": 0, "max_tokens": 20}


def wait_until_idle(address: str) -> None:
    end = time.monotonic() + PATIENCE
    while (state := get(f"{address}/health").json())["running"] or state["waiting"]:
        assert time.monotonic() < end, f"still at work: {state}"
        time.sleep(0.05)


def metrics(address: str) -> dict[str, float]:
    lines = get(f"{address}/metrics").text.splitlines()
    pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return {name: float(value) for name, value in pairs}


def test_a_client_that_is_cut_off_ends_its_text(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    cancelled, following, cancel = threading.Event(), Session.next, Generation.cancel

    def next_while_it_is_read(session: Session) -> Step:
        # Quick as it is, the text does not end before the server has heard that its reader is gone.
        assert session.position < 100 or cancelled.wait(PATIENCE)
        return following(session)

    def noted_cancel(generation: Generation) -> None:
        cancel(generation)
        cancelled.set()

    monkeypatch.setattr(Session, "next", next_while_it_is_read)
    monkeypatch.setattr(Generation, "cancel", noted_cancel)
    with served(model, sessions=1) as address:
        request = json.dumps(BODY | {"max_tokens": 400, "stream": True, "temperature": 1, "seed": 0})
        command = [
            "curl",
            "-sN",
            "--max-time",
            str(PATIENCE),
            f"{address}/v1/chat/completions",
            "-d",
            request,
        ]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as client:
            assert client.stdout is not None
            # The second event, behind the one that opens the answer, is its first token.
            assert [client.stdout.readline()[:6] for _ in range(3)] == [b"data: ", b"\n", b"data: "]
            client.kill()
        wait_until_idle(address)
        figures = metrics(address)
        assert figures["mmoe_texts_cancelled_total"] == 1
        assert 0 < figures["mmoe_completion_tokens_total"] <= 100
        answer = post(f"{address}/v1/chat/completions", json=BODY).json()
        expected = "".join(model.generate(model.chat(QUESTION), sampling=SamplingConfig(), max_new_tokens=20))
        assert answer["choices"][0]["message"]["content"] == expected


def test_fifty_clients_get_their_texts_and_leave_nothing(model: Model) -> None:
    async def ask(client: httpx.AsyncClient, seed: int) -> str:
        body = BODY | {"temperature": 1, "seed": seed % 5, "stream": seed % 2 == 0}
        response = await client.post("/v1/chat/completions", json=body, timeout=PATIENCE)
        response.raise_for_status()
        if not body["stream"]:
            return str(response.json()["choices"][0]["message"]["content"])
        lines = [line.removeprefix("data: ") for line in response.text.split("\n\n") if line]
        events = [json.loads(line) for line in lines if line != "[DONE]"]
        return "".join(event["choices"][0]["delta"].get("content", "") for event in events)

    async def ask_all(address: str) -> list[str]:
        limits = httpx.Limits(max_connections=50)
        async with httpx.AsyncClient(base_url=address, limits=limits) as client:
            return await asyncio.gather(*(ask(client, seed) for seed in range(50)))

    ids = model.chat(QUESTION)
    expected = [
        "".join(model.generate(ids, sampling=SamplingConfig(temperature=1, seed=seed), max_new_tokens=20))
        for seed in range(5)
    ]
    with served(model) as address:
        asyncio.run(ask_all(address))
        before = memory().anonymous_bytes
        for _ in range(3):
            assert asyncio.run(ask_all(address)) == [expected[seed % 5] for seed in range(50)]
        assert memory().anonymous_bytes < before + 20_000_000


def generation(prompt: list[int], tokens: int, tell: Callable[[Sequence[Event]], None]) -> Generation:
    """A greedy text of so many tokens."""
    return Generation(
        prompt=prompt,
        sampling=SamplingConfig(),
        bias=dict.fromkeys((2040, 2043, 2047), float("-inf")),
        limits=Limits(max_new_tokens=tokens),
        grammar=Grammar.of(None, None),
        top_logprobs=None,
        score_prompt=False,
        count_experts=False,
        hide_tool_calls=False,
        deadline=float("inf"),
        tell=tell,
    )


def test_a_short_text_does_not_wait_for_a_long_one(model: Model) -> None:
    told = {"long": 0, "short": 0}
    of_the_long_by_then = []
    done = threading.Event()

    def teller(name: str) -> Callable[[Sequence[Event]], None]:
        def tell(events: Sequence[Event]) -> None:
            told[name] += sum(isinstance(event, Piece) for event in events)
            if isinstance(events[-1], End):
                if name == "short":
                    of_the_long_by_then.append(told["long"])
                else:
                    done.set()

        return tell

    worker = Worker(model, sessions=2, queue=2)
    try:
        prompt = model.tokenize("In the beginning")
        assert worker.submit(generation(prompt, 450, teller("long")), generation(prompt, 4, teller("short")))
        assert done.wait(PATIENCE)
    finally:
        worker.close()
    assert told == {"long": 450, "short": 4}
    # They take turns by tokens; pieces that come fast are told a few at a time.
    assert of_the_long_by_then[0] <= 8


def test_texts_that_wait_are_taken_up_in_their_order(model: Model) -> None:
    ended: list[int] = []
    done = threading.Event()

    def text(number: int) -> Generation:
        def tell(events: Sequence[Event]) -> None:
            if isinstance(events[-1], End):
                ended.append(number)
                if len(ended) == 30:
                    done.set()

        return generation(model.tokenize(f"In the {number}th year"), 4, tell)

    worker = Worker(model, sessions=3, queue=30)
    try:
        assert worker.submit(*(text(number) for number in range(30)))
        assert done.wait(PATIENCE)
    finally:
        worker.close()
    # Three at once, of which one with more tokens in its prompt may end behind the next.
    assert all(abs(place - number) <= 2 for place, number in enumerate(ended))


def test_too_many_are_told_to_come_again(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    refused: list[httpx.Response] = []
    all_have_come, following = threading.Event(), Session.next

    def next_when_all_have_come(session: Session) -> Step:
        assert all_have_come.wait(PATIENCE)
        return following(session)

    async def ask(client: httpx.AsyncClient) -> int:
        response = await client.post("/v1/chat/completions", json=BODY)
        if response.status_code == 429:
            refused.append(response)
            if len(refused) == 9:
                all_have_come.set()
        return response.status_code

    async def run(address: str) -> list[int]:
        async with httpx.AsyncClient(base_url=address, timeout=PATIENCE) as client:
            return await asyncio.gather(*(ask(client) for _ in range(12)))

    monkeypatch.setattr(Session, "next", next_when_all_have_come)
    with served(model, sessions=1, queue=2) as address:
        statuses = asyncio.run(run(address))
    # One is being generated, and two wait.
    assert sorted(statuses) == [200] * 3 + [429] * 9
    assert all(each.headers["retry-after"] == "1" for each in refused)


def test_more_texts_than_ever_fit_are_refused_for_good(model: Model) -> None:
    with served(model, sessions=1, queue=2) as address:
        statuses = []
        for choices in (3, 4):
            answer = post(f"{address}/v1/completions", json={"prompt": "In", "n": choices, "max_tokens": 1})
            statuses.append(answer.status_code)
    assert statuses == [200, 400]
    assert answer.json()["error"]["param"] == "n"


def test_a_text_whose_time_is_up_ends_with_what_it_has(model: Model) -> None:
    with served(model, time_limit=0.0) as address:
        answer = post(f"{address}/v1/chat/completions", json=BODY).json()
    assert answer["choices"][0]["finish_reason"] == "length"


def test_a_refusal_of_the_template_does_not_tell_where_it_is(address: str, model: Model) -> None:
    response = post(f"{address}/v1/chat/completions", json=BODY | {"messages": [{"content": "a"}]})
    assert response.status_code == 400
    message = response.json()["error"]["message"]
    assert "'role' of a dict is undefined" in message
    assert str(model.folder) not in message
    assert "chat_template.jinja: line 3" in message


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff\xfe", b"[1]", b"[" * 100_000, b'{"messages": NaN}', b'{"messages": [{"role": 3}]}'],
)
def test_garbage_is_refused(address: str, body: bytes) -> None:
    response = post(f"{address}/v1/chat/completions", content=body)
    assert response.status_code == 400
    assert response.json()["error"]["type"] == "invalid_request_error"


CALL = {"type": "function", "function": {"name": "f", "arguments": "[" * 100_000}}


@pytest.mark.parametrize(
    ("path", "members", "param"),
    [
        ("completions", '"temperature": 1' + "0" * 400, "temperature"),
        ("completions", '"temperature": 1e999', "temperature"),
        ("completions", '"logit_bias": {"' + "9" * 5000 + '": 1}', "logit_bias"),
        ("completions", '"logit_bias": {"\\u0663": 1}', "logit_bias"),
        ("completions", '"logit_bias": {"03": 1}', "logit_bias"),
        ("completions", f'"logit_bias": {json.dumps(dict.fromkeys(range(2048), -100))}', "logit_bias"),
        ("completions", '"\\ud800": 1', "\\ud800"),
        ("completions", '"prompt": [[]]', "prompt"),
        ("completions", '"stream_options": {"include_usage": "yes"}', "stream_options.include_usage"),
        ("completions", '"stream_options": {"include_use": true}', "stream_options.include_use"),
        (
            "chat/completions",
            f'"messages": [{json.dumps({"role": "assistant", "tool_calls": [CALL]})}]',
            "messages",
        ),
        ("chat/completions", '"messages": [{"role": "user", "content": 5}]', "messages[0].content"),
        ("chat/completions", '"messages": [{"role": "user", "content": {"a": 1}}]', "messages[0].content"),
        (
            "chat/completions",
            '"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]',
            "messages[0].content[0]",
        ),
        (
            "chat/completions",
            '"messages": [{"role": "user", "content": [{"type": "text"}]}]',
            "messages[0].content[0]",
        ),
    ],
)
def test_a_value_that_cannot_be_is_refused_by_its_name(
    address: str, path: str, members: str, param: str
) -> None:
    response = post(f"{address}/v1/{path}", content="{" + members + ', "max_tokens": 1}')
    assert response.status_code == 400
    error = response.json()["error"]
    assert (error["type"], error["param"]) == ("invalid_request_error", param)
    assert error["message"].startswith(param)


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/v1/nothing", 404), ("GET", "/v1/completions", 405)]
)
def test_what_is_not_there_is_told_as_all_errors_are(
    address: str, method: str, path: str, status: int
) -> None:
    response = request(method, f"{address}{path}")
    assert response.status_code == status
    assert path in response.json()["error"]["message"]


def test_what_an_artifact_recommends_may_lie_beyond_what_clients_may_ask(demo_artifact: Artifact) -> None:
    with Model(demo_artifact.folder) as model:
        sampling = SamplingConfig(temperature=2.5, repetition_penalty=12, seed=0)
        with mock.patch.object(Model, "sampling", sampling), served(model) as address:
            answer = post(f"{address}/v1/completions", json={"prompt": "In", "max_tokens": 8}).json()
        expected = "".join(model.generate("In", sampling=sampling, max_new_tokens=8))
    assert answer["choices"][0]["text"] == expected


def test_parts_of_text_are_a_text(address: str, model: Model) -> None:
    parts = [{"type": "text", "text": "Who made the heaven"}, {"type": "text", "text": "and the earth?"}]
    body = BODY | {"messages": [{"role": "user", "content": parts}]}
    answer = post(f"{address}/v1/chat/completions", json=body).json()
    ids = model.chat([{"role": "user", "content": "Who made the heaven\nand the earth?"}])
    assert answer["usage"]["prompt_tokens"] == len(ids)
    expected = "".join(model.generate(ids, sampling=SamplingConfig(), max_new_tokens=20))
    assert answer["choices"][0]["message"]["content"] == expected


def test_a_large_body_is_refused_before_it_is_read(address: str) -> None:
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE) as client:
        head = f"POST /v1/completions HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: 104857600\r\n\r\n"
        client.sendall(head.encode())
        assert client.recv(64).startswith(b"HTTP/1.1 413 ")

    def endless() -> list[bytes]:
        return [bytes(1 << 20)] * 100

    # Whatever it is said to be: in chunks it has no length.
    with contextlib.suppress(httpx.WriteError):  # where the server had answered and closed already
        assert post(f"{address}/v1/completions", content=iter(endless())).status_code == 413
    assert get(f"{address}/health").status_code == 200


def test_a_key_is_wanted_where_there_is_one(model: Model) -> None:
    with served(model, api_key="secret") as address:
        assert get(f"{address}/health").status_code == 200
        assert get(f"{address}/").status_code == 200
        for path in ("/v1/models", "/metrics"):
            assert get(f"{address}{path}").status_code == 401
            wrong = {"Authorization": "Bearer secret2"}
            assert get(f"{address}{path}", headers=wrong).status_code == 401
            right = {"Authorization": "Bearer secret"}
            assert get(f"{address}{path}", headers=right).status_code == 200


def test_a_key_may_have_any_characters(model: Model) -> None:
    with served(model, api_key="schl\u00fcssel \u2603") as address:
        for given in (b"Bearer schl\xc3\xbcssel \xe2\x98\x83", b"bearer schl\xc3\xbcssel \xe2\x98\x83"):
            assert get(f"{address}/v1/models", headers={b"Authorization": given}).status_code == 200
        for given in (b"Bearer schl\xfcssel", b"Bearer", b"Basic schl\xc3\xbcssel \xe2\x98\x83"):
            assert get(f"{address}/v1/models", headers={b"Authorization": given}).status_code == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 403),
        ({"Host": "localhost"}, 200),
        ({"Host": "LocalHost"}, 200),
        ({"Origin": "http://["}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
def test_pages_of_others_are_refused(address: str, headers: dict[str, str], status: int) -> None:
    assert get(f"{address}/v1/models", headers=headers).status_code == status


def test_the_page_runs_no_script_but_its_own(address: str) -> None:
    response = get(f"{address}/")
    assert "default-src 'none'" in response.headers["content-security-policy"]
    text = response.text
    assert "<script src=" in text
    assert "http" not in text.replace("<!doctype html>", "")
    for name in ("page.css", "page.js"):
        served_file = get(f"{address}/{name}")
        assert served_file.status_code == 200
        assert "http" not in served_file.text


def test_metrics_count(model: Model) -> None:
    with served(model) as address:
        post(f"{address}/v1/chat/completions", json=BODY)
        get(f"{address}/no/such/path")
        figures = metrics(address)
    assert figures['mmoe_requests_total{path="/v1/chat/completions",status="200"}'] == 1
    assert figures['mmoe_requests_total{path="other",status="404"}'] == 1
    assert figures["mmoe_completion_tokens_total"] == 20
    assert "mmoe_texts_cancelled_total" not in figures


def test_streams_never_cut_a_character(model: Model) -> None:
    """At a high temperature the bundled vocabulary gives parts of characters all the time."""
    with served(model) as address:
        body = BODY | {"temperature": 2, "max_tokens": 300, "stream": True, "seed": 3}
        response = post(f"{address}/v1/chat/completions", json=body)
    lines = [
        line.removeprefix("data: ")
        for line in response.content.decode("utf-8", "strict").split("\n\n")
        if line
    ]
    pieces = [
        json.loads(line)["choices"][0]["delta"].get("content", "") for line in lines if line != "[DONE]"
    ]
    sampling = SamplingConfig(temperature=2, seed=3)
    assert "".join(pieces) == "".join(
        model.generate(model.chat(QUESTION), sampling=sampling, max_new_tokens=300)
    )


def test_the_command_says_what_it_needs(tmp_path: Path) -> None:
    from mmoe.export.cli.main import main

    assert main(["serve", str(tmp_path / "nothing")]) == 1


def test_a_server_tells_the_port_that_it_took(demo_artifact: Artifact) -> None:
    program = "import sys; from mmoe.export.cli.main import main; sys.exit(main())"
    command = [sys.executable, "-c", program, "serve", str(demo_artifact.folder), "--port"]
    with subprocess.Popen([*command, "0"], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        address = process.stderr.readline().split()[0]
        try:
            assert get(f"{address}/health").json()["status"] == "ok"
            port = address.rsplit(":", 1)[1]
            second = subprocess.run([*command, port], capture_output=True, text=True)
        finally:
            process.terminate()
    assert (second.returncode, second.stdout) == (1, "")
    assert second.stderr.startswith(f"error: cannot listen on 127.0.0.1, port {port} (")
    assert "http" not in second.stderr


def test_a_host_that_has_no_address_is_refused() -> None:
    with (
        pytest.raises(OptionError, match=r"cannot listen on no\.such\.host\.invalid, port 1"),
        listening("no.such.host.invalid", 1),
    ):
        pass
