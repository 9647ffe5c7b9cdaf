"""What speculative decoding gains: `python -m tools.speculation_speed ARTIFACT [KIND ...] [--threads 1] [--rounds 5]`.

An artifact of synthetic weights writes what a text says, with and without drafts in turns: a bias makes the model
choose each token, which costs both the same. So acceptance is the text's, while the model's own choices, which are
noise, play no part. Its experts are chosen as if at random: tokens in a row of a trained model share more of them.

Prints for every kind of text the tokens/s of both, the median of the ratios of neighbours, what was drafted and right,
and the bytes of weights that a token reads by the cost model of `bench`.
"""

from __future__ import annotations

import argparse
import re
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from mmoe.checkpoints.inventory import TensorClass
from mmoe.export.artifact.artifact import Artifact
from mmoe.export.bench.traffic import active_weight_bytes
from mmoe.export.verify.text import bundled_text
from mmoe.models.architectures.config import DecoderConfig
from mmoe.runtime_bindings.python.model import Model
from mmoe.runtime_bindings.python.sampling import SamplingConfig
from mmoe.runtime_bindings.python.session import Session

# A word, a mark or a run of spaces is a token, as most are in vocabularies of 128,256 tokens.
_PIECE = re.compile(r" ?[A-Za-z]+|\d|\n+| +|.")
_PASSAGE = 2400  # characters, of which a text of 256 tokens copies a half
_CERTAIN = 1e6  # a bias beyond any logit
_SOURCES = Path(__file__).parents[1] / "export" / "bench"
_MODERN = {
    "thou": "you", "thee": "you", "ye": "you", "thy": "your", "hath": "has", "doth": "does", "unto": "to",
    "spake": "spoke", "saith": "says", "shalt": "shall", "wilt": "will", "hast": "have", "art": "are",
}  # fmt: skip


class Text(NamedTuple):
    """A prompt and what is written behind it."""

    prompt: str
    answer: str


def _chapters() -> list[str]:
    return re.split(r"\n\n(?=[A-Z1-3][A-Za-z0-9 ]+ \d+\n)", bundled_text().content)


def _source(name: str) -> str:
    return (_SOURCES / name).read_text(encoding="utf-8")[:_PASSAGE]


def _rewritten() -> Text:
    """A chapter in newer English: a token in 18 is another."""
    passage = _chapters()[0][:_PASSAGE]
    answer = re.sub(r"[A-Za-z]+", lambda word: _MODERN.get(word[0], word[0]), passage)
    return Text(f"Write this in modern English:\n\n{passage}\n\n", answer)


def _edited() -> Text:
    """A module of this repository in which two names are others wherever they stand."""
    source = _source("measure.py")
    answer = re.sub(r"\boptions\b", "settings", re.sub(r"\bversus\b", "other", source))
    return Text(f"Call versus other, and options settings:\n\n{source}\n\n", answer)


def _answered() -> Text:
    """Questions over a chapter: each answer names and quotes a verse of it."""
    passage = _chapters()[0][:_PASSAGE]
    verses = passage.split("\n")[2:]
    lead_ins = (
        "To find out who speaks here we look at this place, which says:",
        "The reason is given a little further on, in these words:",
        "Nothing else in the chapter tells about it, except for:",
        "Yes, as one can read towards the middle:",
    )
    answer = "\n".join(
        f'{lead_ins[at % 4]} "{verses[place]}"' for at, place in enumerate(range(1, len(verses), 2))
    )
    return Text(f"{passage}\n\nAnswer four questions with quotations.\n\n", answer)


def _free() -> Text:
    """A chapter goes on with what it says."""
    chapter = max(_chapters(), key=len)
    return Text(chapter[:_PASSAGE], chapter[_PASSAGE:])


def _free_verses() -> Text:
    """One chapter behind another."""
    first, second, *_ = _chapters()
    return Text(first[:_PASSAGE], second)


def _free_code() -> Text:
    """One module behind another."""
    return Text(_source("measure.py"), _source("machine.py"))


KINDS: Mapping[str, Callable[[], Text]] = {
    "rewriting": _rewritten,
    "code edit": _edited,
    "questions": _answered,
    "free text": _free,
    "free, another chapter": _free_verses,
    "free code": _free_code,
}


class Written(NamedTuple):
    """A text was written: in what time, by calls of how many tokens, and how many of its tokens were foreseen."""

    seconds: float
    calls: list[int]
    accepted: int


def ids_of(text: Text, count: int) -> tuple[list[int], list[int]]:
    """The ids of the prompt and of the answer's beginning, by the order in which pieces come up."""
    known: dict[str, int] = {}
    prompt, answer = (
        [known.setdefault(piece, len(known)) for piece in _PIECE.findall(part)] for part in text
    )
    return prompt, answer[:count]


def write(model: Model, prompt: list[int], answer: list[int], *, drafts: bool) -> Written:
    """Makes the model write an answer behind a prompt."""
    calls = []
    with Session(model, SamplingConfig()) as session:
        session.set_speculation(None if drafts else 0)
        session.prompt(prompt)
        before = session.stats
        begin = time.perf_counter()
        for token in answer:
            session.set_logit_bias({token: _CERTAIN})
            step = session.next()
            assert step.id == token, f"{step.id} instead of {token}"
            now = session.stats
            ran = now.decode_tokens > before.decode_tokens
            if ran and now.accepted_tokens == before.accepted_tokens:
                calls.append(1 + now.drafted_tokens - before.drafted_tokens)
            before = now
        return Written(time.perf_counter() - begin, calls, before.accepted_tokens)


def weight_bytes(config: DecoderConfig, tokens: int) -> float:
    """What a call of so many tokens reads of the weights: an expert once, whichever of them chose it."""
    classes = active_weight_bytes(config)
    share = float(config.active_experts)
    experts = classes.pop(TensorClass.EXPERTS, 0) / share if share else 0.0
    return sum(classes.values()) + experts * (1 - (1 - share) ** tokens)


def main() -> None:
    """Prints a line for each kind of text."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("artifact", type=Path)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=", ".join(KINDS))
    parser.add_argument("--threads", type=int)
    parser.add_argument("--tokens", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    config = Artifact.open(chosen.artifact).config
    plain_bytes = weight_bytes(config, 1)
    with Model(chosen.artifact, threads=chosen.threads) as model:
        for kind in chosen.kinds or KINDS:
            prompt, answer = ids_of(KINDS[kind](), chosen.tokens)
            pairs = []
            for turn in range(chosen.rounds):
                order = (False, True) if turn % 2 else (True, False)
                found = {drafts: write(model, prompt, answer, drafts=drafts) for drafts in order}
                pairs.append((found[False], found[True]))
            ratios = sorted(plain.seconds / with_drafts.seconds for plain, with_drafts in pairs)
            rates = [
                statistics.median(len(answer) / written.seconds for written in side)
                for side in zip(*pairs, strict=True)
            ]
            _, last = pairs[-1]
            read = sum(weight_bytes(config, size) for size in last.calls) / len(answer)
            print(
                f"{kind}: {len(prompt)} + {len(answer)} tokens, {rates[0]:.1f} and {rates[1]:.1f} tokens/s, ratio "
                f"{statistics.median(ratios):.3f} of {', '.join(f'{ratio:.3f}' for ratio in ratios)}; "
                f"{sum(last.calls) - len(last.calls)} drafted, {last.accepted} right in {len(last.calls)} calls; "
                f"{read / 1e6:.0f} MB a token instead of {plain_bytes / 1e6:.0f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
