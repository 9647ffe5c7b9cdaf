"""The command as a whole: help, usage errors, interruption, pipes, and what it does not import."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mmoe.export.artifact.artifact import Artifact
from mmoe.export.cli.main import main
from tests.export.cli.conftest import Command
from tests.support.subprocesses import start_command

VERBS = ("convert", "inspect", "verify", "generate", "demo")


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself_with_examples(mmoe: Command, verb: str) -> None:
    run = mmoe(verb, "--help")
    assert run.code == 0
    assert "Examples" in run.out
    assert f"mmoe-export {verb}" in run.out.split("Examples")[1]


def test_help_names_every_verb(mmoe: Command) -> None:
    for arguments, code in (((), 2), (("--help",), 0), (("-h",), 0)):
        run = mmoe(*arguments)
        assert run.code == code
        assert run.err == ""
        assert all(f" {verb} " in run.out for verb in VERBS)


def test_version(mmoe: Command) -> None:
    run = mmoe("--version")
    assert run.code == 0
    assert run.out.startswith("mmoe-export ")
    assert "executorch 1.5.1" in run.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("convrt", "x"), "No such command 'convrt'. Did you mean 'convert'"),
        (("convert", "x", "--overwrit"), "No such option: --overwrit. Did you mean --overwrite?"),
        (("verify", "x", "--max-token", "5"), "No such option: --max-token. Did you mean --max-tokens?"),
        (("generate", "x", "--temprature", "1"), "Did you mean --temperature?"),
        (("inspect",), "Missing argument"),
        (("convert", "x", "--backend", "metal"), "'metal' is not one of xnnpack, coreml, mlx"),
        (("convert", "x", "--backend", "xnpack"), "did you mean xnnpack?"),
        (
            ("convert", "x", "--quantize", "int4-g23"),
            "'int4-g23' is not one of 'int4-g32', 'int4-g32-in', 'q4_0', 'torchao-8da4w'; did you mean int4-g32?",
        ),
        (("convert", "x", "--max-seq-len", "many"), "'--max-seq-len'"),
        (("generate", "x", "--threads", "0"), "'--threads'"),
        (("bench", "x", "--threads", "4294967295"), "'--threads'"),
        (("profile", "x", "--threads", "1025"), "'--threads'"),
        (("verify", "x", "--threads", "1025"), "'--threads'"),
        (("generate", "x", "--prompt", "a", "--chat", "b"), "give one of --prompt, --chat and --messages"),
        (("generate", "x", "--prompt", "a", "--system", "b"), "--system goes with --chat"),
        (("generate", "x", "--json"), "give --prompt, --chat or --messages"),
    ],
)
def test_wrong_usage(mmoe: Command, arguments: tuple[str, ...], message: str) -> None:
    run = mmoe(*arguments)
    assert run.code == 2
    assert run.out == "" or message in run.json["error"]
    assert message in run.err
    assert run.err.count("error:") == 1


def test_help_and_usage_errors_do_not_import_torch() -> None:
    program = (
        "import sys; from mmoe.export.cli.main import main\n"
        "codes = [main(['--help']), main(['verify', '--help']), main(['verfy'])]\n"
        "heavy = {'torch', 'executorch', 'numpy', 'transformers'} & set(sys.modules)\n"
        "sys.exit(f'{codes} {heavy}' if codes != [0, 0, 2] or heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)


def test_a_shell_completes_verbs_and_options() -> None:
    for words, expected in (("mmoe-export gen", "generate"), ("mmoe-export bench --oper", "--operators")):
        process = start_command(
            environment={
                "_MMOE_EXPORT_COMPLETE": "complete_bash",
                "COMP_WORDS": words,
                "COMP_CWORD": str(len(words.split()) - 1),
            }
        )
        out, err = process.communicate(timeout=300)
        assert (process.returncode, out.split(), err) == (0, [expected], "")


def test_an_interruption_is_json_too(monkeypatch: pytest.MonkeyPatch, mmoe: Command) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("mmoe.export.artifact.summary.describe_program", interrupted)
    run = mmoe("inspect", "model.pte", "--json")
    assert (run.code, run.json["error"], run.err.strip()) == (130, "interrupted", "interrupted")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("serve", "x", "--time-limit", "nan"), "'--time-limit': Input should be greater than or equal to 1"),
        (("serve", "x", "--max-body-mb", "inf"), "'--max-body-mb': inf is not a finite number"),
        (("cost", "x", "--gb-per-s", "nan"), "'--gb-per-s': Input should be greater"),
        (("cost", "x", "--gb-per-s", "0"), "'--gb-per-s': Input should be greater"),
        (("cost", "x", "--tflops", "inf"), "'--tflops': inf is not a finite number"),
        (("verify", "x", "--max-kl-mean", "nan"), "'--max-kl-mean': nan is not a number"),
    ],
)
def test_what_is_no_number_is_wrong_usage(mmoe: Command, arguments: tuple[str, ...], told: str) -> None:
    run = mmoe(*arguments)
    assert (run.code, run.out) == (2, "")
    assert told in run.err


def test_a_mistake_of_ours_is_not_dressed_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("mmoe.export.artifact.summary.describe_program", broken)
    with pytest.raises(ZeroDivisionError):
        main(["inspect", "model.pte"])


@pytest.mark.slow
def test_interruption_leaves_nothing_behind(tmp_path: Path, tiny_checkpoint: Path) -> None:
    process = start_command("convert", tiny_checkpoint, "--out", tmp_path / "new" / "artifact")
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if "Exporting the program" in line:
            break
    process.send_signal(signal.SIGINT)
    out, rest = process.communicate(timeout=300)
    assert process.returncode == 130
    assert out == ""
    # Only phases: none of what the libraries underneath say of themselves, and no traceback.
    assert [line.split(" s  ")[-1] for line in "".join(said).splitlines()] == [
        "Checking the checkpoint",
        "Loading PyTorch and ExecuTorch",
        "Checking the values",
        "Packing the weights",
        "Exporting the program",
    ]
    assert rest.endswith("interrupted\n")
    assert "Traceback" not in rest
    assert list(tmp_path.iterdir()) == []


def test_a_closed_pipe_is_no_accident(tiny_artifact: Artifact) -> None:
    process = start_command(
        "generate", tiny_artifact.folder, "--prompt", "the", "--max-new-tokens", "200", "--temperature", "1"
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    said = process.stderr.read()
    process.wait(timeout=300)
    assert process.returncode == 1
    assert said == ""
