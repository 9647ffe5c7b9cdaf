"""`mmoe-export generate` on a tiny artifact in the real runtime."""

import hashlib
import io
import json
import os
import shutil
import sys
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from mmoe.checkpoints.tokenizer import Message, load_tokenizer
from mmoe.export.artifact.artifact import Artifact
from mmoe.runtime_bindings.python.runner import ModelRunner
from tests.export.cli.conftest import Command
from tests.support.subprocesses import start_command
from tests.support.token_loop import generated_ids


def test_greedy_tokens_are_the_librarys(mmoe: Command, tiny_artifact: Artifact) -> None:
    run = mmoe("generate", tiny_artifact.folder, "--prompt", "the quick", "--max-new-tokens", 20, "--json")
    assert run.code == 0
    tokenizer = load_tokenizer(tiny_artifact.folder, tiny_artifact.config)
    prompt_ids = tokenizer.encode("the quick")
    runner = ModelRunner(tiny_artifact.model_path)
    expected = generated_ids(runner, prompt_ids, 20, stop_ids=tokenizer.stop_ids)
    assert run.json["prompt_ids"] == prompt_ids
    assert run.json["ids"] == expected
    # A character that the limit cuts in two is left out.
    assert tokenizer.decode(expected).rstrip("\ufffd") == run.json["text"].rstrip("\ufffd")
    assert run.json["schema_version"] == 1
    assert run.json["finish_reason"] == ("length" if len(expected) == 20 else "stop_token")
    stats = run.json["stats"]
    assert stats["prefill_tokens"] == len(prompt_ids)
    assert stats["decode_tokens"] == len(expected) - (len(expected) == 20)
    assert stats["ttft_seconds"] > 0
    assert stats["decode_tokens_per_second"] > 0


def test_text_goes_to_stdout_and_speed_to_stderr(mmoe: Command, tiny_artifact: Artifact) -> None:
    arguments = ("generate", tiny_artifact.folder, "--prompt", "the", "--max-new-tokens", 12)
    as_json = mmoe(*arguments, "--json").json
    run = mmoe(*arguments)
    assert run.code == 0
    assert run.out == as_json["text"] + "\n"
    assert "first token after" in run.err
    assert "generated 12 tokens at" in run.err
    assert mmoe(*arguments, "--quiet").err == ""


def test_a_fresh_process_says_only_the_text_and_its_speed(tiny_artifact: Artifact) -> None:
    process = start_command("generate", tiny_artifact.folder, "--prompt", "the", "--max-new-tokens", "5")
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0
    assert out.endswith("\n")
    (line,) = err.splitlines()
    assert line.startswith("[prompt ")
    assert "tokens/s" in line


def test_prompt_from_stdin(mmoe: Command, tiny_artifact: Artifact, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ("--max-new-tokens", 8, "--json")
    typed = mmoe("generate", tiny_artifact.folder, "--prompt", "the\nquick", *arguments).json
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"the\nquick\n")))
    read = mmoe("generate", tiny_artifact.folder, "--prompt", "-", *arguments).json
    assert read["prompt_ids"] == typed["prompt_ids"]
    assert read["ids"] == typed["ids"]


def test_bytes_that_are_no_utf8_are_read_as_mmoe_run_reads_them(tiny_artifact: Artifact) -> None:
    arguments = ("generate", tiny_artifact.folder, "--max-new-tokens", "1", "--json", "--quiet", "--prompt")
    found = []
    for prompt, typed in (
        (b"a\xffb\xe6\x97", None),
        (b"-", b"a\xffb\xe6\x97"),
        ("a\ufffdb\ufffd".encode(), None),
    ):
        process = start_command(*arguments, os.fsdecode(prompt), typed=typed)
        out, err = process.communicate(timeout=300)
        assert process.returncode == 0, err
        found.append(json.loads(out)["prompt_ids"])
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("text", ["the\0quick", "the\u2028quick", "\ufeffthe", "the\r\nquick\x85"], ids=ascii)
def test_every_character_of_stdin_is_text(
    mmoe: Command, tiny_artifact: Artifact, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(f"{text}\r\n".encode())))
    run = mmoe("generate", tiny_artifact.folder, "--prompt", "-", "--max-new-tokens", 1, "--json")
    tokenizer = load_tokenizer(tiny_artifact.folder, tiny_artifact.config)
    assert run.json["prompt_ids"] == tokenizer.encode(text)


def test_failures_are_json_on_stdout_too(mmoe: Command, tiny_artifact: Artifact, tmp_path: Path) -> None:
    for arguments, code in (
        ((tmp_path, "--prompt", "a"), 1),
        ((tiny_artifact.folder, "--prompt", "a", "--top-p", "0"), 2),
        ((tiny_artifact.folder, "--prompt", "a", "--chat", "b"), 2),
        ((tiny_artifact.folder, "--prompt", "a", "--colour", "red"), 2),
    ):
        run = mmoe("generate", *arguments, "--json")
        assert run.code == code
        assert set(run.json) == {"schema_version", "error"}
        assert run.json["error"] in run.err
        assert mmoe("generate", *arguments).out == ""


def test_top_k_0_is_all(mmoe: Command, tiny_artifact: Artifact) -> None:
    arguments = (
        "generate",
        tiny_artifact.folder,
        "--prompt",
        "the",
        "--temperature",
        1,
        "--seed",
        5,
        "--json",
    )
    assert mmoe(*arguments, "--top-k", 0).json["ids"] == mmoe(*arguments).json["ids"]


def test_chat_uses_the_template(mmoe: Command, tiny_artifact: Artifact) -> None:
    run = mmoe(
        "generate", tiny_artifact.folder, "--chat", "the fox", "--system", "be brief", "--max-new-tokens", 4,
        "--json",
    )  # fmt: skip
    tokenizer = load_tokenizer(tiny_artifact.folder, tiny_artifact.config)
    expected = tokenizer.encode_chat([Message("system", "be brief"), Message("user", "the fox")])
    assert run.json["prompt_ids"] == expected


def test_messages_are_a_conversation_with_tools(
    mmoe: Command, tiny_artifact: Artifact, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(tiny_artifact.folder, tmp_path / "artifact"))
    source = "{{ tools[0].name if tools }}{% for m in messages %}{{ m.role }}{{ m.content }}{% endfor %}"
    source += "{{ '<|eot|>' if add_generation_prompt }}"
    (folder / "chat_template.jinja").write_text(source)
    manifest = json.loads((folder / "mmoe.json").read_text())
    manifest["files"]["chat_template.jinja"] = {
        "bytes": len(source),
        "sha256": hashlib.sha256(source.encode()).hexdigest(),
    }
    (folder / "mmoe.json").write_text(json.dumps(manifest))
    messages = [{"role": "user", "content": "fox"}, {"role": "tool", "content": "dog<|eot|>"}]
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.encode_special_tokens = True
    for given, text in (
        (messages, "userfoxtooldog<|eot|>"),
        ({"messages": messages, "tools": [{"name": "sum"}]}, "sumuserfoxtooldog<|eot|>"),
    ):
        path = tmp_path / "conversation.json"
        path.write_text(json.dumps(given))
        run = mmoe("generate", folder, "--messages", path, "--max-new-tokens", 1, "--json")
        plain = tokenizer.encode(text, add_special_tokens=False).ids
        assert run.json["prompt_ids"] == [*plain, tokenizer.token_to_id("<|eot|>")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "conversation.json: cannot be read"),
        ("[", "conversation.json: is not JSON"),
        ("[" * 100_000, "conversation.json: is not JSON"),
        ('{"tools": []}', 'neither a list of messages nor an object with "messages"'),
        ('"hello"', 'neither a list of messages nor an object with "messages"'),
    ],
)
def test_broken_conversations(
    mmoe: Command, tiny_artifact: Artifact, tmp_path: Path, content: str | None, message: str
) -> None:
    path = tmp_path / "conversation.json"
    if content is not None:
        path.write_text(content)
    run = mmoe("generate", tiny_artifact.folder, "--messages", path)
    assert (run.code, run.out) == (1, "")
    assert message in run.err
    assert len(run.err.splitlines()) == 1


def test_seeds(mmoe: Command, tiny_artifact: Artifact) -> None:
    def ids(seed: int) -> list[int]:
        run = mmoe(
            "generate", tiny_artifact.folder, "--prompt", "the", "--max-new-tokens", 16, "--json",
            "--temperature", 1, "--top-p", 0.95, "--top-k", 100, "--repetition-penalty", 1.1, "--seed", seed,
        )  # fmt: skip
        assert run.code == 0
        found: list[int] = run.json["ids"]
        return found

    assert ids(1) == ids(1)
    assert ids(1) != ids(2)


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--temperature", -1, "must be 0 (greedy) or a positive number, not -1.0"),
        ("--temperature", "nan", "must be 0 (greedy) or a positive number, not nan"),
        ("--temperature", "inf", "must be at most 3.40282e+38, not inf"),
        ("--top-p", 0, "must be in (0, 1], not 0.0"),
        ("--top-p", "nan", "must be in (0, 1], not nan"),
        ("--top-k", -1, "must be 0 (all) or a positive number below 2**31, not -1"),
        ("--min-p", 1, "must be in [0, 1), not 1.0"),
        ("--min-p", "-inf", "must be in [0, 1), not -inf"),
        ("--repetition-penalty", 0, "must be a positive number, not 0.0"),
        ("--repetition-penalty", "nan", "must be a positive number, not nan"),
        ("--frequency-penalty", "nan", "must be a number, not nan"),
        ("--presence-penalty", "-inf", "must be at most 3.40282e+38, not -inf"),
        ("--seed", -1, "must be in [0, 2**64), not -1"),
        ("--stop", "", "must not be an empty text"),
        ("--max-new-tokens", 2**63, "must be from 0 to 2**63 - 1, not 9223372036854775808"),
    ],
)
def test_values_out_of_range(mmoe: Command, option: str, value: object, message: str) -> None:
    # Before the artifact is looked for.
    run = mmoe("generate", "nowhere", "--prompt", "the", option, value)
    assert (run.code, run.out) == (2, "")
    assert run.err.splitlines()[-1] == f"error: Invalid value for '{option}': {message}"


def test_a_prompt_beyond_the_context(mmoe: Command, tiny_artifact: Artifact) -> None:
    run = mmoe("generate", tiny_artifact.folder, "--prompt", "the " * 300)
    assert (run.code, run.out) == (1, "")
    assert run.err.startswith("error: ")
    assert "the context 256; shorten the prompt" in run.err
    assert len(run.err.splitlines()) == 1


def test_not_an_artifact(mmoe: Command, tmp_path: Path) -> None:
    run = mmoe("generate", tmp_path, "--prompt", "the")
    assert run.code == 1
    assert run.err == (
        f"error: {tmp_path}: not an artifact: it has no mmoe.json; make one with `mmoe-export convert`\n"
    )


def test_conversation(mmoe: Command, tiny_artifact: Artifact, monkeypatch: pytest.MonkeyPatch) -> None:
    class FakeTerminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", FakeTerminal("the fox\n\nthe dog\n/new\nthe fox\n"))
    run = mmoe("generate", tiny_artifact.folder, "--max-new-tokens", 6)
    assert run.code == 0
    assert run.err.splitlines()[0] == "A conversation: /new forgets it, Ctrl-D ends it."
    first, second, again = (line for line in run.err.splitlines() if line.startswith("[prompt "))
    # A turn costs its own tokens, not those of the whole conversation; after /new it is the first turn again.
    tokenizer = load_tokenizer(tiny_artifact.folder, tiny_artifact.config)
    whole = tokenizer.encode_chat(
        [Message("user", "the fox"), Message("assistant", "1234567"), Message("user", "the dog")]
    )
    assert int(second.split()[1]) < len(whole)
    answers = run.out.replace("> ", "").splitlines()
    assert answers[0] == answers[-2]
    assert first.split("generated")[1].split(" tokens")[0] == again.split("generated")[1].split(" tokens")[0]
