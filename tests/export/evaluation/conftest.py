"""Small tasks on verses that the bundled model was not trained on, as somebody with own texts writes them."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from mmoe.export.artifact.artifact import Artifact
from mmoe.export.verify.text import bundled_text
from mmoe.runtime_bindings.python.model import Model

CHOICE = """
task: verse_ends
dataset_path: json
dataset_kwargs: {{data_files: {{test: {folder}/ends.jsonl}}, cache_dir: {folder}/cache}}
output_type: multiple_choice
test_split: test
doc_to_text: "{{{{beginning}}}}"
doc_to_choice: "{{{{ends}}}}"
doc_to_target: "{{{{label}}}}"
metric_list: [{{metric: acc}}, {{metric: acc_norm}}]
metadata: {{version: 3}}
"""
ROLLING = """
task: verses
dataset_path: json
dataset_kwargs: {{data_files: {{test: {folder}/verses.jsonl}}, cache_dir: {folder}/cache}}
output_type: loglikelihood_rolling
test_split: test
doc_to_text: ""
doc_to_target: "{{{{verse}}}}"
metric_list: [{{metric: word_perplexity}}, {{metric: byte_perplexity}}]
"""
ANSWER = """
task: verse_answers
dataset_path: json
dataset_kwargs: {{data_files: {{test: {folder}/beginnings.jsonl}}, cache_dir: {folder}/cache}}
output_type: generate_until
test_split: test
doc_to_text: "{{{{beginning}}}}"
doc_to_target: "{{{{ends[label]}}}}"
generation_kwargs: {{until: [".", "\\n"], max_gen_toks: 12{more}}}
metric_list: [{{metric: exact_match}}]
"""


@dataclass(frozen=True)
class VerseTasks:
    """A folder of tasks, and what they ask.

    Attributes:
        folder: For `--include-path`.
        questions: Beginnings of verses, four ends each, and which one is right.
        verses: Whole ones.
    """

    folder: Path
    questions: list[dict[str, object]]
    verses: list[str]


@pytest.fixture(scope="session")
def verse_tasks(tmp_path_factory: pytest.TempPathFactory) -> VerseTasks:
    folder = tmp_path_factory.mktemp("verse-tasks")
    words = [line.split() for line in bundled_text().content.splitlines() if len(line.split()) >= 14][:24]
    rng = random.Random(17)
    questions: list[dict[str, object]] = []
    for place, verse in enumerate(words):
        others = rng.sample(words[:place] + words[place + 1 :], 3)
        ends = [" ".join(each[8:12]) for each in (verse, *others)]
        label = rng.randrange(4)
        ends[0], ends[label] = ends[label], ends[0]
        questions.append({"beginning": " ".join(verse[:8]), "ends": ends, "label": label})
    verses = [" ".join(verse) for verse in words[:6]]
    (folder / "ends.jsonl").write_text("".join(f"{json.dumps(each)}\n" for each in questions))
    few = questions[:6]
    (folder / "beginnings.jsonl").write_text("".join(f"{json.dumps(each)}\n" for each in few))
    (folder / "verses.jsonl").write_text("".join(f"{json.dumps({'verse': each})}\n" for each in verses))
    for name, text in (("choice", CHOICE), ("rolling", ROLLING), ("answer", ANSWER)):
        (folder / f"{name}.yaml").write_text(text.format(folder=folder, more=""))
    sampled = ANSWER.replace("verse_answers", "verse_samples")
    (folder / "sampled.yaml").write_text(
        sampled.format(folder=folder, more=", do_sample: true, temperature: 0.8")
    )
    (folder / "beams.yaml").write_text(
        ANSWER.replace("verse_answers", "verse_beams").format(folder=folder, more=", num_beams: 4")
    )
    return VerseTasks(folder, questions, verses)


@pytest.fixture(scope="module")
def model(demo_artifact: Artifact) -> Iterator[Model]:
    with Model(demo_artifact.folder) as opened:
        yield opened
