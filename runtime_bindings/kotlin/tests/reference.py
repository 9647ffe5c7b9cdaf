"""Writes what the Kotlin tests compare with, by means that share no code with the binding.

    python reference.py ARTIFACT FOLDER

For each prompt a folder with its text and ids (Hugging Face's tokenizers), the greedy continuation (ids from
`mmoe-run`, text from tokenizers) and the sampled one (Python's binding, by `mmoe-export generate`).
"""

import json
import subprocess
import sys
from pathlib import Path

from tokenizers import Tokenizer

from mmoe.runtime_bindings.python.library import library_path

NEW_TOKENS = 48
# Short; of many characters with several bytes; of several prefill chunks.
PROMPTS = {
    "short": "And it came to pass",
    "unicode": "Größe 東京 \U0001f642 नमस्ते: and the king said unto him,",
    "long": "In those days there was no king in the land, and the people went up to the city. " * 9,
}
SAMPLING = ["--temperature=0.8", "--top-k=50", "--top-p=0.95", "--repetition-penalty=1.1", "--seed=7"]
MMOE_RUN = library_path().parents[1] / "bin" / "mmoe-run"


def output(*command: str | Path) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def write_case(artifact: Path, folder: Path, prompt: str) -> None:
    tokenizer = Tokenizer.from_file(str(artifact / "tokenizer.json"))
    ids = tokenizer.encode(prompt, add_special_tokens=False).ids
    bos = json.loads((artifact / "mmoe.json").read_text())["runtime"]["bos_id"]
    joined = ",".join(map(str, [bos, *ids]))
    greedy = output(MMOE_RUN, artifact, "--ids", joined, "--max-new-tokens", str(NEW_TOKENS)).strip()
    generate = "import sys; from mmoe.export.cli.main import main; sys.exit(main(sys.argv[1:]))"
    sampled = output(
        sys.executable, "-c", generate, "generate", artifact, "--prompt", prompt, *SAMPLING,
        "--max-new-tokens", str(NEW_TOKENS), "--json", "--quiet",
    )  # fmt: skip
    folder.mkdir(parents=True)
    texts = {
        "prompt": prompt,
        "prompt.ids": ",".join(map(str, ids)),
        "greedy.ids": greedy,
        "greedy": tokenizer.decode([int(each) for each in greedy.split(",")]),
        "sampled": json.loads(sampled)["text"],
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")


def main() -> None:
    artifact, target = map(Path, sys.argv[1:])
    for name, prompt in PROMPTS.items():
        write_case(artifact, target / name, prompt)


main()
