"""Ten thousand tokens of speculative decoding, each that of plain decoding.

Every kind of cache, layers with windows and with convolutions, trained models of four families; each of them in every
way that a text can be chosen, ended and broken off.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mmoe.export.demo.bundled import bundled_checkpoint
from mmoe.export.verify.text import bundled_text
from mmoe.runtime_bindings.python.core import CoreFailure, Status
from mmoe.runtime_bindings.python.limits import Limits
from mmoe.runtime_bindings.python.model import Model
from mmoe.runtime_bindings.python.records import FinishReason
from mmoe.runtime_bindings.python.sampling import SamplingConfig
from mmoe.runtime_bindings.python.session import Session
from tests.support.checkpoints import dense_overrides, write_checkpoint
from tests.support.speculated import damaged, judging, read_text
from tests.support.stand_ins import FOLDER

pytestmark = [pytest.mark.slow, pytest.mark.extended]

# Tokens that are compared: of each program, in all its ways together.
LEAST = 1300
CONTEXT = 512
GREEDY = SamplingConfig()
SEEDED = SamplingConfig(temperature=0.9, top_k=50, top_p=0.95, seed=11)
PENALTIES = SamplingConfig(
    temperature=0.7, repetition_penalty=1.1, frequency_penalty=0.3, presence_penalty=0.2, seed=5
)


def _windows(folder: Path) -> Path:
    return write_checkpoint(folder, dense_overrides(max_position_embeddings=CONTEXT))


def _bundled(_: Path) -> Path:
    return bundled_checkpoint()


def _stand_in(name: str) -> Callable[[Path], Path]:
    return lambda _: FOLDER / name


PROGRAMS: dict[str, tuple[Callable[[Path], Path], str]] = {
    **{f"demo-{cache}": (_bundled, cache) for cache in ("int8", "float16", "float32")},
    **{f"windows-{cache}": (_windows, cache) for cache in ("int8", "float16")},
    "olmoe": (_stand_in("olmoe"), "int8"),
    "qwen3_moe": (_stand_in("qwen3_moe"), "float16"),
    "granitemoeshared": (_stand_in("granitemoeshared"), "float32"),
    "lfm2_moe": (_stand_in("lfm2_moe"), "int8"),
}


class Sides:
    """Texts with and without drafts: how many tokens were compared, guessed and right."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.compared = self.drafted = self.accepted = 0
        self._generator = random.Random(1)

    def known(self, ids: list[int]) -> list[int]:
        """A document that foretells a text, for a while."""
        return damaged([each for each in ids if each >= 0], self._generator, self.model.info.vocab_size)

    def count(self, ids: list[int], session: Session) -> None:
        """A text was compared."""
        self.compared += sum(each >= 0 for each in ids)
        self.drafted += session.stats.drafted_tokens
        self.accepted += session.stats.accepted_tokens


def whole_contexts(sides: Sides, prompt: list[int], sampling: SamplingConfig) -> None:
    """To the end of the context, which no draft may pass."""
    with Session(sides.model, sampling) as plain, Session(sides.model, sampling) as session:
        for each in (plain, session):
            each.prompt(prompt)
            each.set_limits(Limits(min_new_tokens=CONTEXT))
        expected = read_text(plain, CONTEXT)
        session.set_speculation(document=prompt + sides.known(expected.ids))
        assert read_text(session, CONTEXT) == expected
        assert expected.finish_reason is FinishReason.CONTEXT_FULL
        assert session.position == plain.position
        sides.count(expected.ids, session)


def within_grammars(sides: Sides, prompt: list[int], sampling: SamplingConfig) -> None:
    """Within a grammar of words, and one of a few strings, where many tokens have no alternative."""
    strings = {"type": "array", "items": {"enum": ["king", "priest", "prophet"]}, "minItems": 30}
    for options in ({"grammar": 'root ::= ([a-z]+ " ")*'}, {"json_schema": strings}):
        with Session(sides.model, sampling) as plain, Session(sides.model, sampling) as session:
            for each in (plain, session):
                each.prompt(prompt)
                each.set_limits(Limits(max_new_tokens=100))
                each.set_grammar(**options)
            expected = read_text(plain, 120)
            session.prompt(prompt)
            session.set_limits(Limits(max_new_tokens=100))
            session.set_grammar(**options)
            session.set_speculation(document=prompt + sides.known(expected.ids))
            assert read_text(session, 120) == expected
            sides.count(expected.ids, session)


def stopped(sides: Sides, prompt: list[int], sampling: SamplingConfig) -> None:
    """Ended by strings and by numbers of tokens, several texts behind one another in a session."""
    with Session(sides.model, sampling) as plain, Session(sides.model, sampling) as session:
        plain.prompt(prompt)
        plain.set_limits(Limits(min_new_tokens=100))
        whole = read_text(plain, 100)
        text = "".join(whole.pieces)
        plain.reset()
        session.set_speculation(document=sides.known(whole.ids))
        middle = len(text) // 2
        for limits in (
            Limits(stop=(text[middle : middle + 3],), min_new_tokens=4),
            Limits(max_new_tokens=37),
            Limits(stop=(text[-4:-1], "never"), min_new_tokens=30, max_new_tokens=60),
        ):
            for each in (plain, session):
                each.prompt(prompt)
                each.set_limits(limits)
            expected = read_text(plain, 100)
            assert read_text(session, 100) == expected
            assert session.position == plain.position
            sides.count(expected.ids, session)


def broken_off(sides: Sides, prompt: list[int], sampling: SamplingConfig) -> None:
    """Cancelled, cut and prolonged between tokens."""
    generator = random.Random(3)
    ids: list[int] = []
    with Session(sides.model, sampling) as plain, Session(sides.model, sampling) as session:
        plain.prompt(prompt)
        session.set_speculation(document=sides.known(read_text(plain, 150).ids))
        plain.reset()
        for each in (plain, session):
            each.prompt(prompt)
            each.set_limits(Limits(min_new_tokens=CONTEXT))
        for _ in range(200):
            event = generator.choices(["none", "cancel", "cut", "prolong"], weights=[30, 2, 1, 1])[0]
            back = generator.randrange(12)
            for each in (plain, session):
                match event:
                    case "cancel":
                        each.cancel()
                        with pytest.raises(CoreFailure) as refused:
                            each.next()
                        assert refused.value.status is Status.CANCELLED
                    case "cut":
                        each.truncate(each.position - back)
                        each.prefill(prompt[:1])
                        each.set_limits(Limits(min_new_tokens=CONTEXT))
                    case "prolong":
                        each.prefill(prompt[: back + 1])
                        each.set_limits(Limits(min_new_tokens=CONTEXT))
            expected = plain.next()
            assert session.next() == expected
            assert session.logits().tobytes() == plain.logits().tobytes()
            ids.append(expected.id)
        sides.count(ids, session)


WAYS = (whole_contexts, within_grammars, stopped, broken_off)


@pytest.fixture(scope="module", params=PROGRAMS)
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Model]:
    write, kv_cache = PROGRAMS[request.param]
    with judging(tmp_path_factory, request.param, write, kv_cache) as opened:
        yield opened


def test_ten_thousand_tokens_are_those_of_plain_decoding(model: Model) -> None:
    assert model.info.max_context_len == CONTEXT
    prompt = model.tokenize(bundled_text().content[:600], add_bos=False)[:100]
    sides = Sides(model)
    for sampling in (GREEDY, SEEDED, PENALTIES):
        for way in WAYS:
            way(sides, prompt, sampling)
    print(f"{sides.compared} tokens, {sides.drafted} drafted, {sides.accepted} right")
    assert sides.compared > LEAST
    assert LEAST * len(PROGRAMS) > 10_000
    assert 300 < sides.accepted < sides.drafted
