"""Texts within a schema or a grammar on the bundled model, against a loop that reads every token's bytes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

import mmoe
from mmoe.export.artifact.artifact import Artifact
from mmoe.runtime_bindings.python.core import CoreFailure, Status
from mmoe.runtime_bindings.python.errors import OptionError
from mmoe.runtime_bindings.python.limits import Limits
from mmoe.runtime_bindings.python.records import FinishReason
from tests.support.core_grammar import CoreGrammar
from tests.support.snapshots import resealed

PROMPT = "And the LORD spake unto Moses, saying,"
PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 10},
        "age": {"type": "integer", "minimum": 1, "maximum": 969},
        "kind": {"enum": ["king", "priest"]},
    },
    "required": ["name", "age", "kind"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def model(demo_artifact: Artifact) -> Iterator[mmoe.Model]:
    with mmoe.load(demo_artifact.folder) as opened:
        yield opened


@pytest.fixture(scope="module")
def stop_ids(demo_artifact: Artifact) -> list[int]:
    return list(demo_artifact.manifest.runtime.stop_ids)


def looped(
    model: mmoe.Model, stop_ids: list[int], options: dict[str, Any], most: int
) -> tuple[list[int], bool]:
    """The greedy ids, and whether the text is whole: each the likeliest token whose bytes go on with the grammar."""
    grammar = CoreGrammar(**options)
    ids: list[int] = []
    with mmoe.Session(model) as session:
        session.prompt(model.tokenize(PROMPT))
        while len(ids) < most:
            logits = session.logits()
            written = model.detokenize(ids)
            for token_id in np.argsort(-logits, kind="stable"):
                text = model.detokenize([*ids, int(token_id)])
                if token_id in stop_ids and grammar.accepts(written):
                    return ids, True
                if len(text) > len(written) and grammar.read(text)[0] == len(text.encode()):
                    break
            else:
                return ids, grammar.accepts(written)
            ids.append(int(token_id))
            session.decode(int(token_id))
    return ids, False


@pytest.mark.parametrize(
    "options",
    [
        {"json_schema": PERSON},
        {"json_schema": {"type": "array", "items": {"type": "integer"}, "maxItems": 3}},
        {"grammar": 'root ::= " " [a-z]{3,5} (" " [a-z]{3,5}){0,3} "."'},
        {"grammar": "root ::= [a-z ]{0,40}"},
    ],
    ids=["person", "numbers", "words", "letters"],
)
def test_greedy_texts_are_those_of_a_loop(
    model: mmoe.Model, stop_ids: list[int], options: dict[str, Any]
) -> None:
    stream = model.generate(PROMPT, sampling=mmoe.SamplingConfig(), max_new_tokens=30, **options)
    text = "".join(stream)
    ids, ends = looped(model, stop_ids, options, 30)
    assert stream.ids == ids
    assert (stream.finish_reason is FinishReason.STOP_TOKEN) == ends
    assert CoreGrammar(**options).read(text)[0] == len(text.encode())


def test_texts_at_a_high_temperature_satisfy_the_schema(model: mmoe.Model) -> None:
    for seed in range(10):
        sampling = mmoe.SamplingConfig(temperature=1.5, seed=seed)
        stream = model.generate(PROMPT, sampling=sampling, max_new_tokens=250, json_schema=PERSON)
        text = "".join(stream)
        assert stream.finish_reason is FinishReason.STOP_TOKEN
        jsonschema.validate(json.loads(text), PERSON)


def test_penalties_and_bias_change_what_is_chosen_within_the_grammar(model: mmoe.Model) -> None:
    sampling = mmoe.SamplingConfig(frequency_penalty=5.0, repetition_penalty=1.3)
    with mmoe.Session(model, sampling) as session:
        for grammar in ("root ::= [0-9]{40}", None):
            session.set_logit_bias(dict.fromkeys(model.tokenize("7", add_bos=False), -np.inf))
            stream = session.generate(PROMPT, grammar=grammar, max_new_tokens=40)
            text = "".join(stream)
            assert text.isdigit() == (grammar is not None)
            if grammar:
                assert "7" not in text
                assert len(set(text)) == 9  # nine digits are left, and each is penalised for its turns


def test_a_seed_gives_the_same_text(model: mmoe.Model) -> None:
    sampling = mmoe.SamplingConfig(temperature=1.2, seed=9)
    texts = {"".join(model.generate(PROMPT, sampling=sampling, json_schema=PERSON)) for _ in range(3)}
    assert len(texts) == 1


def test_the_text_does_not_end_before_it_has_its_tokens(model: mmoe.Model) -> None:
    sampling = mmoe.SamplingConfig(temperature=1.5, seed=4)
    stream = model.generate(
        PROMPT, sampling=sampling, grammar="root ::= [a-z]*", min_new_tokens=30, max_new_tokens=60
    )
    assert "".join(stream).isalpha()
    assert len(stream.ids) >= 30
    short = model.generate(PROMPT, grammar='root ::= "ab"', min_new_tokens=30)
    assert "".join(short) == "ab"  # nothing may follow
    assert short.finish_reason is FinishReason.STOP_TOKEN


def test_a_text_goes_on_within_its_grammar_behind_a_limit(model: mmoe.Model) -> None:
    with mmoe.Session(model) as session:
        session.prompt(model.tokenize(PROMPT))
        session.set_grammar(json_schema=PERSON)
        text = ""
        while True:
            session.set_limits(Limits(max_new_tokens=3))
            steps = [session.next()]
            while steps[-1].finish_reason is None:
                steps.append(session.next())
            text += "".join(step.text for step in steps)
            if steps[-1].finish_reason is FinishReason.STOP_TOKEN:
                break
    jsonschema.validate(json.loads(text), PERSON)


def test_both_at_once_and_none_are_refused(model: mmoe.Model) -> None:
    with pytest.raises(OptionError, match="not both"):
        model.generate(PROMPT, json_schema=True, grammar='root ::= "a"')
    with pytest.raises(OptionError, match="give json_schema or grammar"):
        model.check_grammar()
    with pytest.raises(OptionError, match="cannot be written as JSON"):
        model.generate(PROMPT, json_schema={"const": {1, 2}})


def test_a_schema_is_checked_before_anything_runs(model: mmoe.Model) -> None:
    model.check_grammar(json_schema=json.dumps(PERSON))
    with pytest.raises(CoreFailure, match="#/properties/a/multipleOf is not supported") as failure:
        model.check_grammar(json_schema={"properties": {"a": {"multipleOf": 2}}})
    assert failure.value.status is Status.UNSUPPORTED


def test_sessions_share_a_grammar_from_many_threads(model: mmoe.Model) -> None:
    from concurrent.futures import ThreadPoolExecutor

    def text(seed: int) -> str:
        sampling = mmoe.SamplingConfig(temperature=1.3, seed=seed)
        return "".join(model.generate(PROMPT, sampling=sampling, json_schema=PERSON, max_new_tokens=200))

    expected = [text(seed) for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(text, range(4))) == expected


FORCED = 'root ::= [a-z]{1,3} "§¶☃Ω§¶☃Ω" [a-z]{1,3} "☃☃" [a-z]{1,3}'


def begun(model: mmoe.Model, steps: int = 0, *, waits: bool = True) -> mmoe.Session:
    """A session some steps into a text of `FORCED`; without `waits` each token is run before the next is asked for."""
    session = mmoe.Session(model)
    session.prompt(model.tokenize(PROMPT))
    session.set_grammar(grammar=FORCED)
    for _ in range(steps):
        session.next()
        if not waits:
            session.logits()
    return session


def test_tokens_without_alternative_are_run_together(model: mmoe.Model, tmp_path: Path) -> None:
    """The same tokens, positions, logits and snapshot as one by one; the program is not called for each."""
    quick, slow = begun(model), begun(model)
    without_a_call = steps = 0
    step = None
    while step is None or step.finish_reason is None:
        before = quick.stats.program_seconds
        step = quick.next()
        assert step == slow.next()
        assert (quick.position, quick.stats.decode_tokens) == (slow.position, slow.stats.decode_tokens)
        slow.logits()
        steps += 1
        without_a_call += steps > 1 and quick.stats.program_seconds == before
    assert 18 <= without_a_call < steps
    for name, session in (("quick", quick), ("slow", slow)):
        session.save(tmp_path / name)
    assert (tmp_path / "quick").read_bytes() == (tmp_path / "slow").read_bytes()
    assert np.array_equal(quick.logits(), slow.logits())


@pytest.mark.parametrize(
    "act",
    [
        lambda session: session.truncate(session.position - 3) or session.prefill([300]),
        lambda session: session.prefill([300, 301]),
        lambda session: session.commit(),
        lambda session: session.decode(300),
        lambda session: session.prompt([300, 301, 302]),
        lambda session: session.set_grammar() or (session.next() and None),
        lambda session: session.set_speculation(0),
    ],
    ids=["truncate", "prefill", "commit", "decode", "prompt", "set_grammar", "set_speculation"],
)
def test_what_waits_is_run_before_all_else(model: mmoe.Model, act: Callable[[mmoe.Session], None]) -> None:
    for steps in (8, 12, 20):
        quick, slow = begun(model, steps), begun(model, steps, waits=False)
        for session in (quick, slow):
            act(session)
        assert quick.position == slow.position
        assert np.array_equal(quick.logits(), slow.logits())


def test_a_cancel_ends_a_text_whose_tokens_wait(model: mmoe.Model) -> None:
    session, other = begun(model, 10), begun(model, 10, waits=False)
    for each in (session, other):
        each.cancel()
        with pytest.raises(CoreFailure) as refusal:
            each.next()
        assert refusal.value.status is Status.CANCELLED
    assert session.next() == other.next()
    assert np.array_equal(session.logits(), other.logits())


@pytest.mark.parametrize("steps", [0, 1, 4, 9, 10, 11, 20])
@pytest.mark.parametrize(
    "options",
    [{"grammar": 'root ::= " Yea, " [a-z ]+'}, {"json_schema": PERSON}, {}],
    ids=["grammar", "schema", "none"],
)
def test_a_snapshot_goes_on_within_its_grammar(
    model: mmoe.Model, tmp_path: Path, options: dict[str, Any], steps: int
) -> None:
    sampling = mmoe.SamplingConfig(temperature=1.2, seed=7)
    with mmoe.Session(model, sampling) as session, mmoe.Session(model) as other:
        session.prompt(model.tokenize(PROMPT))
        session.set_grammar(**options)
        for _ in range(steps):
            session.next()
        session.save(tmp_path / "snapshot")
        other.prompt(model.tokenize("In"))
        other.set_grammar(grammar='root ::= "x"')
        other.restore(tmp_path / "snapshot")
        expected = [session.next() for _ in range(60)]
        assert [other.next() for _ in range(60)] == expected
        other.restore(tmp_path / "snapshot")
        other.save(tmp_path / "again")
        assert (tmp_path / "again").read_bytes() == (tmp_path / "snapshot").read_bytes()


def test_another_process_goes_on_within_the_grammar(demo_artifact: Artifact, tmp_path: Path) -> None:
    """A model that has compiled no grammar does it from the snapshot."""
    texts = []
    with mmoe.load(demo_artifact.folder) as model, mmoe.Session(model) as session:
        session.prompt(model.tokenize(PROMPT))
        session.set_grammar(json_schema=json.dumps(PERSON))
        begin = "".join(session.next().text for _ in range(10))
        session.save(tmp_path / "snapshot")
        texts.append(begin + rest_of(session))
    with mmoe.load(demo_artifact.folder) as model, mmoe.Session(model) as session:
        session.restore(tmp_path / "snapshot")
        texts.append(begin + rest_of(session))
    jsonschema.validate(json.loads(texts[0]), PERSON)
    assert texts[0] == texts[1]


def rest_of(session: mmoe.Session) -> str:
    text = ""
    while True:
        step = session.next()
        text += step.text
        if step.finish_reason is not None:
            return text


@pytest.mark.parametrize(
    "forged",
    [b'root ::= " Nay, " [a-z ]+', b'root ::= " Yea, " [a-z +]', b'root ::= " Yea, " [a-z ]\xff'],
    ids=["other tokens", "no grammar", "no UTF-8"],
)
def test_a_forged_grammar_is_refused(model: mmoe.Model, tmp_path: Path, forged: bytes) -> None:
    with mmoe.Session(model) as session:
        session.prompt(model.tokenize(PROMPT))
        session.set_grammar(grammar='root ::= " Yea, " [a-z ]+')
        for _ in range(6):
            session.next()
        session.save(tmp_path / "snapshot")
        whole = (tmp_path / "snapshot").read_bytes()
        (tmp_path / "snapshot").write_bytes(resealed(whole.replace(b'root ::= " Yea, " [a-z ]+', forged)))
        with pytest.raises(CoreFailure, match="is damaged") as refusal:
            session.restore(tmp_path / "snapshot")
        assert refusal.value.status is Status.CORRUPT
        (tmp_path / "whole").write_bytes(whole)
        going_on = [session.next() for _ in range(10)]
        session.restore(tmp_path / "whole")
        assert [session.next() for _ in range(10)] == going_on
