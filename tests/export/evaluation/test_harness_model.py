"""Our model in the harness against the harness's own class for Hugging Face models, on one random checkpoint."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

import pytest
import transformers
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM

from mmoe.checkpoints.checkpoint import open_checkpoint
from mmoe.export.evaluation.eager_predictor import EagerPredictor
from mmoe.export.evaluation.harness_model import HarnessModel
from mmoe.models.decoder import build_decoder
from mmoe.models.reference import REFERENCE
from mmoe.runtime_bindings.python.errors import OptionError
from mmoe.runtime_bindings.python.tokenizer import CoreTokenizer
from tests.support.tokenizers import BOS, BOS_ID, END_OF_TEXT, END_OF_TEXT_ID, EOT, build_tokenizer
from tests.support.transformers_models import make_model, save_model

pytestmark = pytest.mark.slow


CONTEXT = 48
WORDS = ("the", "quick", "brown", "fox", "jumps", "over", "lazy", "dog", "and", "then", "other", "things")


class Texts:
    """The core's tokenizer without a model."""

    def __init__(self, core: CoreTokenizer) -> None:
        self._core = core

    def tokenize(self, text: str, *, add_bos: bool = True, parse_special: bool = False) -> list[int]:
        return self._core.encode(text.encode(), add_bos=add_bos, parse_special=parse_special)

    def detokenize(self, ids: Sequence[int], *, skip_special: bool = True) -> str:
        return self._core.decode(ids, skip_special=skip_special).decode(errors="replace")

    def chat_text(self, variables: Mapping[str, object]) -> str:
        messages = variables["messages"]
        assert isinstance(messages, list)
        assert variables["add_generation_prompt"] is True
        return BOS + "".join(f"{each['role']}:{each['content']}{EOT}" for each in messages)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[HarnessModel, HFLM]:
    tokenizer = build_tokenizer()
    oracle = make_model(
        "Qwen3Moe",
        vocab_size=tokenizer.get_vocab_size(),
        moe_intermediate_size=32,
        num_experts=8,
        max_position_embeddings=CONTEXT,
        bos_token_id=BOS_ID,
        eos_token_id=END_OF_TEXT_ID,
    )
    folder = save_model(oracle, tmp_path_factory.mktemp("harness"))
    decoder = build_decoder(open_checkpoint(folder, unpacked=True), REFERENCE, max_context_len=CONTEXT)
    texts = Texts(CoreTokenizer(tokenizer.to_str().encode()))
    predictor = EagerPredictor(decoder, stop_ids=(END_OF_TEXT_ID,), text_of=texts.detokenize)
    own = HarnessModel(predictor, texts, name="own", bos_id=BOS_ID, stop_ids=(END_OF_TEXT_ID,))
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=BOS, eos_token=END_OF_TEXT
    )
    return own, HFLM(pretrained=oracle, tokenizer=fast, backend="causal", batch_size=1, device="cpu")


def instances(kind: str, arguments: Sequence[tuple[object, ...]]) -> list[Instance]:
    return [
        Instance(request_type=kind, doc={}, arguments=each, idx=place, metadata=("task", place, 1))
        for place, each in enumerate(arguments)
    ]


def text(rng: random.Random, most: int) -> str:
    return " ".join(rng.choice(WORDS) for _ in range(rng.randrange(1, most)))


def test_continuations_are_as_likely(both: tuple[HarnessModel, HFLM]) -> None:
    own, oracle = both
    rng = random.Random(0)
    contexts = ["", BOS + "the", "ends with a space ", *(text(rng, 12) for _ in range(6)), text(rng, 60)]
    asked = instances(
        "loglikelihood",
        [(context, f" {text(rng, 5)}") for context in contexts for _ in range(3)]
        + [("the quick", " fox"), ("the quick", " fox"), ("é", "\u00e8")],
    )
    one_token = [(word, {"until": [], "max_gen_toks": 1}) for word in WORDS]
    likely = own.generate_until(instances("generate_until", one_token))
    asked += instances("loglikelihood", [each for each in zip(WORDS, likely, strict=True) if each[1]])
    found, expected = own.loglikelihood(asked), oracle.loglikelihood(asked, disable_tqdm=True)
    assert [each for each, _ in found] == pytest.approx([each for each, _ in expected], abs=1e-3)
    assert any(is_greedy for _, is_greedy in found)
    assert [is_greedy for _, is_greedy in found] == [is_greedy for _, is_greedy in expected]


def test_texts_are_as_likely(both: tuple[HarnessModel, HFLM]) -> None:
    """Longer ones than the context, too. That class scores the BOS token of its tokenizer, so it is left out."""
    own, oracle = both
    rng = random.Random(1)
    asked = instances("loglikelihood_rolling", [(text(rng, 8),), (text(rng, 150),), (text(rng, 60),)])
    oracle.add_bos_token = False
    try:
        expected = oracle.loglikelihood_rolling(asked, disable_tqdm=True)
    finally:
        oracle.add_bos_token = None
    assert own.loglikelihood_rolling(asked) == pytest.approx(expected, abs=5e-3)
    assert own.loglikelihood_rolling(instances("loglikelihood_rolling", [("",)])) == [0.0]


def test_answers_are_the_same(both: tuple[HarnessModel, HFLM]) -> None:
    own, oracle = both
    rng = random.Random(2)
    asked = [(text(rng, 10), {"until": ["q", " t"], "max_gen_toks": 12}) for _ in range(6)]
    asked += [(text(rng, 60), {"until": [], "max_new_tokens": 8, "do_sample": False, "temperature": 0.0})]
    requests = instances("generate_until", asked)
    assert own.generate_until(requests) == oracle.generate_until(requests, disable_tqdm=True)


def test_a_conversation_is_the_templates(both: tuple[HarnessModel, HFLM]) -> None:
    own, _ = both
    turned = own.apply_chat_template([{"role": "user", "content": "the"}])
    assert own.tok_encode(turned)[0] == BOS_ID
    assert own.tok_encode(turned)[1] != BOS_ID
    with pytest.raises(OptionError, match="begins the answer"):
        own.apply_chat_template([{"role": "assistant", "content": "the"}], add_generation_prompt=False)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_gen_toks": CONTEXT}, f"up to {CONTEXT} new tokens"),
        ({"num_beams": 4}, "num_beams, which this runtime lacks"),
    ],
)
def test_what_cannot_be_is_refused(
    both: tuple[HarnessModel, HFLM], options: dict[str, object], message: str
) -> None:
    own, _ = both
    with pytest.raises(OptionError, match=message):
        own.generate_until(instances("generate_until", [("the", {"until": ["."], **options})]))


def test_a_continuation_that_is_too_long_is_refused(both: tuple[HarnessModel, HFLM]) -> None:
    own, _ = both
    with pytest.raises(OptionError, match="1 to 48"):
        own.loglikelihood(instances("loglikelihood", [("the", " fox" * 200)]))
