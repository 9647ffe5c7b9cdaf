"""A model of ours in the terms of lm-evaluation-harness."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Protocol

from lm_eval.api.model import TemplateLM
from lm_eval.models.utils import normalize_gen_kwargs
from lm_eval.utils import get_rolling_token_windows, make_disjoint_window

from mmoe.export.evaluation.predictor import Predictor, Wanted
from mmoe.export.perplexity.perplexity import negative_log_likelihood
from mmoe.export.progress import SILENT, Progress
from mmoe.runtime_bindings.python.errors import OptionError
from mmoe.runtime_bindings.python.sampling import SamplingConfig

if TYPE_CHECKING:
    from lm_eval.api.instance import Instance

# The harness's own, for tasks that do not say.
_MAX_NEW_TOKENS = 256
_MOST_SHOWN = 60
_SAMPLING = frozenset(field.name for field in fields(SamplingConfig)) - {"seed"}


class Texts(Protocol):
    """Between texts and ids; `mmoe.Model` is one."""

    def tokenize(self, text: str, *, add_bos: bool = True, parse_special: bool = False) -> list[int]:
        """Ids of a text."""
        ...

    def detokenize(self, ids: Sequence[int], *, skip_special: bool = True) -> str:
        """Text of ids."""
        ...

    def chat_text(self, variables: Mapping[str, object]) -> str:
        """A conversation by the chat template."""
        ...


class HarnessModel(TemplateLM):  # type: ignore[misc]  # the harness has no types
    """What the harness calls: log-likelihoods of continuations and of texts, and texts up to a stop.

    Texts become ids as in the harness's own class for Hugging Face models, special tokens in them included, so that
    figures can be compared. One thing differs: of a rolling log-likelihood the BOS token that a tokenizer puts in front
    is the condition only, and is not itself predicted.
    """

    def __init__(
        self,
        predictor: Predictor,
        texts: Texts,
        *,
        name: str,
        bos_id: int | None,
        stop_ids: Sequence[int],
        progress: Progress = SILENT,
    ) -> None:
        """Prepares it.

        Args:
            predictor: What computes.
            texts: Its tokenizer and chat template.
            name: What progress and caches call it.
            bos_id: What a text without a context follows; without one it is the first of `stop_ids`.
            stop_ids: Tokens that end a text.
            progress: Told of every request.
        """
        super().__init__()
        self._predictor, self._texts, self._name = predictor, texts, name
        self._bos_id, self._stop_ids, self._progress = bos_id, stop_ids, progress
        self._bos_text = "" if bos_id is None else texts.detokenize([bos_id], skip_special=False)

    @property
    def eot_token_id(self) -> int:
        """The first of the tokens that end a text."""
        return self._stop_ids[0]

    @property
    def prefix_token_id(self) -> int:
        """What a text without a context follows."""
        return self.eot_token_id if self._bos_id is None else self._bos_id

    @property
    def tokenizer_name(self) -> str:
        """Of caches of requests; see the base class."""
        return self._name

    def tok_encode(self, string: str, add_special_tokens: bool | None = None, **_: object) -> list[int]:
        """Ids of a text; unless told otherwise with the tokenizer's own beginning, where the text has none."""
        if add_special_tokens is None:
            add_special_tokens = not (self._bos_text and string.startswith(self._bos_text))
        return self._texts.tokenize(string, add_bos=add_special_tokens, parse_special=True)

    def apply_chat_template(
        self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True
    ) -> str:
        """A conversation by the artifact's own template.

        Raises:
            OptionError: The answer is to go on from a beginning, which templates of the runtime do not do.
            CoreFailure: There is no template, or it refuses the conversation.
        """
        if not add_generation_prompt:
            raise OptionError("a task that begins the answer itself cannot have a chat template applied")
        return self._texts.chat_text({"messages": chat_history, "add_generation_prompt": True})

    def loglikelihood(self, requests: list[Instance], disable_tqdm: bool = False) -> list[tuple[float, bool]]:
        """See the base class."""
        self._progress.phase(f"{self._name}: log-likelihoods of {len(requests):,} continuations")
        found: list[tuple[float, bool]] = super().loglikelihood(requests, disable_tqdm=True)
        return found

    def loglikelihood_rolling(self, requests: list[Instance], disable_tqdm: bool = False) -> list[float]:
        """See the base class."""
        self._progress.phase(f"{self._name}: log-likelihoods of {len(requests):,} texts")
        owners, windows = [], []
        for owner, request in enumerate(requests):
            (text,) = request.args
            for window in get_rolling_token_windows(
                token_list=self.tok_encode(text, add_special_tokens=False),
                prefix_token=self.prefix_token_id,
                max_seq_len=self._predictor.max_context_len,
                context_len=1,
            ):
                owners.append(owner)
                windows.append((("", text), *make_disjoint_window(window)))
        sums = [0.0] * len(requests)
        for owner, (logprob, _) in zip(owners, self._loglikelihood_tokens(windows), strict=True):
            sums[owner] += logprob
        return sums

    def _loglikelihood_tokens(
        self, requests: list[tuple[tuple[str, str], list[int], list[int]]], **_: object
    ) -> list[tuple[float, bool]]:
        # In the order of their ids, requests have the longest beginnings in common with the one before.
        limit = self._predictor.max_context_len
        places: dict[tuple[tuple[int, ...], tuple[int, ...]], list[int]] = {}
        for place, ((_context, continuation), context_ids, ids) in enumerate(requests):
            if not ids or len(ids) > limit:
                raise OptionError(
                    f"the continuation {_shown(continuation)} has {len(ids)} tokens; the model can tell the likelihood "
                    f"of 1 to {limit}"
                )
            # Too much is cut from the left, as the harness does it; the last token is never run.
            kept = context_ids[max(0, len(context_ids) + len(ids) - limit - 1) :]
            places.setdefault((tuple(kept), tuple(ids)), []).append(place)
        found: list[tuple[float, bool]] = [(0.0, True)] * len(requests)
        done = 0
        for context, following in sorted(places):
            likelihood = self._likelihood(context, following)
            for place in places[context, following]:
                found[place] = likelihood
                done += 1
            self._progress.step(done, len(requests))
        return found

    def _likelihood(self, context: tuple[int, ...], continuation: tuple[int, ...]) -> tuple[float, bool]:
        """The natural logarithm of a continuation's probability, and whether greedy decoding would give it."""
        total, is_greedy = 0.0, True
        rows = self._predictor.logits(context + continuation[:-1], len(context))
        for token, row in zip(continuation, rows, strict=True):
            total -= negative_log_likelihood(row, token)
            is_greedy &= int(row.argmax()) == token
        return total, is_greedy

    def generate_until(self, requests: list[Instance], disable_tqdm: bool = False) -> list[str]:
        """See the base class."""
        self._progress.phase(f"{self._name}: {len(requests):,} answers")
        prepared = []
        for place, request in enumerate(requests):
            context, options = request.args
            wanted = _wanted(options, seed=place)
            room = self._predictor.max_context_len - wanted.max_new_tokens
            if room < 1:
                raise OptionError(
                    f"the task {request.task_name} wants up to {wanted.max_new_tokens} new tokens; the model's context "
                    f"has {self._predictor.max_context_len}"
                )
            prepared.append((self.tok_encode(context)[-room:], place, wanted))
        answers = [""] * len(requests)
        for done, (ids, place, wanted) in enumerate(sorted(prepared, key=lambda each: each[:2]), 1):
            answers[place] = self._predictor.generate(ids, wanted)
            self._progress.step(done, len(requests))
        return answers


def _wanted(options: Mapping[str, Any], *, seed: int) -> Wanted:
    """A task's `generation_kwargs`; each request has a seed of its own, for tasks that ask several times."""
    known = normalize_gen_kwargs(dict(options), _MAX_NEW_TOKENS)
    stop = tuple(each for each in known.pop("until") if each)
    max_new_tokens, sampled = known.pop("max_gen_toks"), known.pop("do_sample")
    unknown = sorted(set(known) - _SAMPLING)
    if unknown:
        raise OptionError(f"the task's generation_kwargs have {', '.join(unknown)}, which this runtime lacks")
    sampling = SamplingConfig(**known, seed=seed) if sampled else SamplingConfig()
    return Wanted(stop=stop, max_new_tokens=max_new_tokens, sampling=sampling)


def _shown(text: str) -> str:
    return repr(text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}...")
