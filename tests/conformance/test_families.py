"""What trained models of public families answer, against `transformers`: its template, its tokenizer, its model."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
import transformers

from mmoe.runtime_bindings.python.library import library_path
from tests.conformance.scenarios import read_scenarios
from tests.conformance.variants import VARIANTS, write_stand_in
from tests.support.honest_ids import honest_ids
from tests.support.stand_ins import in_transformers

SCENARIOS = read_scenarios(Path(__file__).with_name("families.json"))
PROGRAM = library_path().parents[1] / "bin" / "mmoe-run"


@dataclass(frozen=True)
class Family:
    """A checkpoint in `transformers`: float32, no cache, the template of its folder."""

    folder: Path
    model: transformers.PreTrainedModel
    tokenizer: transformers.PreTrainedTokenizerBase
    stop_id: int

    def prompt(self, messages: Sequence[Mapping[str, str]]) -> list[int]:
        ids: list[int] = self.tokenizer.apply_chat_template(
            list(messages), add_generation_prompt=True, return_dict=False
        )
        return ids

    @torch.no_grad()
    def greedy(self, prompt: Sequence[int], count: int, bias: Mapping[int, float]) -> tuple[list[int], str]:
        """The ids that follow, and why no more do."""
        added = torch.zeros(self.model.config.vocab_size)
        for token, value in bias.items():
            added[token] = value
        ids: list[int] = []
        while len(ids) < count:
            token = int((self.model(torch.tensor([[*prompt, *ids]])).logits[0, -1] + added).argmax())
            if token == self.stop_id:
                return ids, "stop_token"
            ids.append(token)
        return ids, "length"


@pytest.fixture(scope="module")
def families(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Family]:
    made = {}
    for name in {scenario["artifact"] for scenario in SCENARIOS}:
        variant = VARIANTS[name]
        assert variant.stand_in is not None
        folder = write_stand_in(variant, tmp_path_factory.mktemp(name) / "checkpoint")
        stop_id = variant.ids["eos_token_id"]
        assert stop_id is not None
        made[name] = Family(
            folder,
            in_transformers(variant.stand_in, tmp_path_factory.mktemp(name)),
            transformers.PreTrainedTokenizerFast.from_pretrained(folder),
            stop_id,
        )
    return made


def test_templates_are_the_families_own(families: dict[str, Family]) -> None:
    for scenario in SCENARIOS:
        for call in (each for each in scenario["calls"] if each["call"] == "chat"):
            assert call["expect"]["ids"] == families[scenario["artifact"]].prompt(call["messages"])


def test_texts_are_what_transformers_finds_most_probable(families: dict[str, Family]) -> None:
    reasons = set()
    for scenario in SCENARIOS:
        family, bias = families[scenario["artifact"]], {}
        for call in scenario["calls"]:
            if call["call"] == "set_logit_bias":
                bias = dict(call["bias"])
            if call["call"] != "generate":
                continue
            prompt = family.tokenizer.encode(call["text"])
            ids, reason = family.greedy(prompt, call["max_new_tokens"], bias)
            expected = {"ids": ids, "text": family.tokenizer.decode(ids, skip_special_tokens=True)}
            assert call["expect"] == {**expected, "finish_reason": reason}, scenario["name"]
            reasons.add((scenario["artifact"], reason))
    assert len(reasons) == 2 * len(families)


def test_conversations_are_what_transformers_finds_most_probable(families: dict[str, Family]) -> None:
    for scenario in (each for each in SCENARIOS if "chat" in each):
        family, system = families[scenario["artifact"]], scenario["chat"].get("system")
        template = (family.folder / "chat_template.jinja").read_text(encoding="utf-8")
        names = VARIANTS[scenario["artifact"]].names
        messages = [] if system is None else [{"role": "system", "content": system}]
        for call in (each for each in scenario["calls"] if each["call"] == "send"):
            messages.append({"role": "user", "content": call["text"]})
            # In which the special tokens of what was said are plain text.
            prompt = honest_ids(
                family.folder, template, {**names, "messages": messages, "add_generation_prompt": True}
            )
            ids, reason = family.greedy(prompt, call["max_new_tokens"], {})
            text = family.tokenizer.decode(ids, skip_special_tokens=True)
            assert call["expect"] == {"ids": ids, "text": text, "finish_reason": reason}, scenario["name"]
            messages.append({"role": "assistant", "content": text})


def test_mmoe_run_gives_the_same_answers(variants: Path) -> None:
    answered = set()
    for scenario in SCENARIOS:
        if scenario.get("chat") == {}:
            call = scenario["calls"][0]
            command = [PROGRAM, variants / scenario["artifact"], "--chat", call["text"]]
            limit = ["--max-new-tokens", str(call["max_new_tokens"])]
            done = subprocess.run([*command, *limit], capture_output=True, encoding="utf-8", check=True)
            assert done.stdout == call["expect"]["text"] + "\n"
            answered.add(scenario["artifact"])
    assert answered == {name for name, variant in VARIANTS.items() if variant.stand_in is not None}
