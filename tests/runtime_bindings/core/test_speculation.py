"""Speculative decoding: whatever is guessed, each token, logit and end is that of plain decoding."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mmoe.export.artifact.artifact import Artifact
from mmoe.export.demo.bundled import bundled_checkpoint
from mmoe.export.verify.text import bundled_text
from mmoe.runtime_bindings.python.core import CoreFailure, Status
from mmoe.runtime_bindings.python.limits import Limits
from mmoe.runtime_bindings.python.model import Model
from mmoe.runtime_bindings.python.records import FinishReason
from mmoe.runtime_bindings.python.sampling import SamplingConfig
from mmoe.runtime_bindings.python.session import Session
from tests.support.checkpoints import dense_overrides, write_checkpoint
from tests.support.extended import mostly_extended
from tests.support.gguf_cases import CASES
from tests.support.speculated import damaged, judging, read_text

# Programs that judge drafts are not those of other tests: each is lowered for these alone.
pytestmark = pytest.mark.slow

SAMPLINGS = {
    "greedy": SamplingConfig(),
    "seeded": SamplingConfig(temperature=0.9, top_k=50, top_p=0.95, seed=11),
    "penalties": SamplingConfig(
        temperature=0.7, repetition_penalty=1.1, frequency_penalty=0.3, presence_penalty=0.2, seed=5
    ),
}


def _demo(_: Path) -> Path:
    return bundled_checkpoint()


def _windows(folder: Path) -> Path:
    return write_checkpoint(folder, dense_overrides(max_position_embeddings=512))


def _experts(folder: Path) -> Path:
    return write_checkpoint(folder)


def _convolutions(folder: Path) -> Path:
    folder.mkdir()
    CASES["lfm2moe"].write(folder / "model.gguf")
    return folder / "model.gguf"


# Checkpoint, kind of cache, and how many tokens of how many texts are compared.
PROGRAMS: dict[str, tuple[Callable[[Path], Path], str, int, int]] = {
    "demo": (_demo, "int8", 600, 7),
    "windows": (_windows, "float32", 600, 3),
    "experts": (_experts, "float16", 300, 3),
    "convolutions": (_convolutions, "int8", 300, 3),
}


def opened(name: str, factory: pytest.TempPathFactory) -> Model:
    """A model that judges drafts."""
    write, kv_cache, _, _ = PROGRAMS[name]
    return judging(factory, name, write, kv_cache)


@pytest.fixture(scope="module", params=mostly_extended(PROGRAMS, always=("demo", "convolutions")))
def program(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Model, int, int]]:
    """One of them, and how many tokens of how many texts are compared."""
    _, _, count, texts = PROGRAMS[request.param]
    with opened(request.param, tmp_path_factory) as model:
        yield model, count, texts


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Model]:
    with opened("demo", tmp_path_factory) as model:
        yield model


@pytest.mark.parametrize("sampling", SAMPLINGS.values(), ids=SAMPLINGS)
def test_texts_are_those_of_plain_decoding(program: tuple[Model, int, int], sampling: SamplingConfig) -> None:
    model, count, texts = program
    vocab_size = model.info.vocab_size
    compared = drafted = accepted = 0
    for seed in range(texts):
        generator = random.Random(seed)
        prompt = [generator.randrange(vocab_size) for _ in range(3 + 9 * seed)]
        with Session(model, sampling) as plain, Session(model, sampling) as session:
            for each in (plain, session):
                each.prompt(prompt)
                each.set_limits(Limits(min_new_tokens=count))
            expected = read_text(plain, count)
            known = [token for token in expected.ids if token >= 0]
            session.set_speculation(document=prompt + damaged(known, generator, vocab_size))
            assert read_text(session, count) == expected
            assert session.position == plain.position
            assert session.stats.decode_tokens == plain.stats.decode_tokens
            drafted += session.stats.drafted_tokens
            accepted += session.stats.accepted_tokens
        compared += len(known)
    # Texts went to the end of the context, which no draft may pass.
    assert expected.finish_reason is FinishReason.CONTEXT_FULL
    assert compared > 150
    assert 0 < accepted < drafted


def test_a_text_that_repeats_itself_is_foreseen_from_the_context(demo: Model) -> None:
    verse = demo.tokenize("In the beginning God created the heaven and the earth.")
    with Session(demo, SamplingConfig()) as plain, Session(demo, SamplingConfig()) as session:
        session.set_speculation()
        for each in (plain, session):
            each.prompt(verse * 4)
        assert read_text(session, 200) == read_text(plain, 200)
        assert session.stats.accepted_tokens > 0


def test_what_a_caller_does_between_tokens_meets_the_plain_context(demo: Model) -> None:
    """Whatever is foreseen is dropped when the context is cut, grows or goes on otherwise."""
    generator = random.Random(4)
    ids = demo.tokenize(bundled_text().content, add_bos=False)[:400]
    with (
        Session(demo, SamplingConfig(temperature=0.8, seed=2)) as plain,
        Session(demo, SamplingConfig(temperature=0.8, seed=2)) as session,
    ):
        session.set_speculation(document=ids)
        for each in (plain, session):
            each.prompt(ids[:20])
        for _ in range(120):
            action = generator.choice(["next"] * 8 + ["decode", "prefill", "truncate", "commit", "prompt"])
            token, cut = generator.choice(ids), generator.random()
            begin = generator.randrange(300)
            for each in (plain, session):
                match action:
                    case "next":
                        each.next()
                    case "decode":
                        each.decode(token)
                    case "prefill":
                        each.prefill(ids[begin : begin + 7])
                    case "truncate":
                        each.truncate(int(each.position * cut))
                        each.prefill([token])
                    case "commit":
                        each.commit()
                    case "prompt":
                        each.prompt(ids[begin : begin + 30])
            assert session.position == plain.position
            assert session.logits().tobytes() == plain.logits().tobytes()


def test_stop_strings_and_lengths_end_where_they_would(demo: Model) -> None:
    ids = demo.tokenize("And the LORD spake unto Moses, saying,")
    with Session(demo, SamplingConfig()) as session:
        whole = "".join(session.generate(ids, max_new_tokens=120))
    for limits in ({"stop": whole[60:64]}, {"max_new_tokens": 37}, {"stop": [whole[90:93], "never"]}):
        with Session(demo, SamplingConfig()) as plain, Session(demo, SamplingConfig()) as session:
            session.set_speculation(document=demo.tokenize(whole))
            found = [each.generate(ids, **limits) for each in (plain, session)]
            texts = ["".join(stream) for stream in found]
            assert texts[0] == texts[1]
            assert found[0].finish_reason is found[1].finish_reason
            assert plain.position == session.position


@pytest.mark.parametrize("sampling", SAMPLINGS.values(), ids=SAMPLINGS)
def test_a_grammar_allows_what_it_would(demo: Model, sampling: SamplingConfig) -> None:
    """Tokens without an alternative among them, which a plain session runs several at once."""
    ids = demo.tokenize("And the LORD spake unto Moses, saying,")
    schema = {
        "type": "array",
        "items": {"enum": ["king", "priest", "prophet"]},
        "minItems": 12,
        "maxItems": 12,
    }
    with Session(demo, sampling) as plain, Session(demo, sampling) as session:
        session.set_speculation()
        for each in (plain, session):
            each.prompt(ids)
            each.set_grammar(json_schema=schema)
        expected = read_text(plain, 400)
        assert read_text(session, 400) == expected
        assert expected.finish_reason is FinishReason.STOP_TOKEN
        assert session.stats.accepted_tokens > 0


def test_a_cancelled_text_goes_on_as_it_would_have(demo: Model) -> None:
    ids = demo.tokenize("And the LORD spake unto Moses, saying,")
    with Session(demo, SamplingConfig()) as plain, Session(demo, SamplingConfig()) as session:
        plain.prompt(ids)
        expected = read_text(plain, 60)
        session.set_speculation(document=expected.ids)
        session.prompt(ids)
        found = [session.next().id for _ in range(25)]
        for _ in range(3):
            session.cancel()
            with pytest.raises(CoreFailure) as refused:
                session.next()
            assert refused.value.status is Status.CANCELLED
            found += [session.next().id for _ in range(5)]
        assert found == expected.ids[:40]


def test_an_artifact_without_the_method_refuses_drafts(demo_artifact: Artifact, demo: Model) -> None:
    with Model(demo_artifact.folder) as model, Session(model) as session:
        assert model.info.max_draft_tokens == 0
        session.set_speculation(0)
        for most in (None, 1):
            with pytest.raises(CoreFailure, match="convert with --speculation on") as refused:
                session.set_speculation(most)
            assert refused.value.status is Status.UNSUPPORTED
    with Session(demo) as session:
        assert demo.info.max_draft_tokens == 8
        with pytest.raises(CoreFailure, match="up to 8 drafted tokens at once, not 9"):
            session.set_speculation(9)
        with pytest.raises(CoreFailure, match="max_draft_tokens must be -1"):
            session.set_speculation(-2)
        with pytest.raises(CoreFailure, match="token 2048 at index 1 is outside the vocabulary"):
            session.set_speculation(document=[0, 2048])
