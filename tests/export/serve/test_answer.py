"""What parts of responses say, beside what OpenAI's client reads of them."""

from __future__ import annotations

from mmoe.export.serve.answer import chat_logprobs
from mmoe.export.serve.worker import Piece
from mmoe.runtime_bindings.python.records import TokenLogprob


def with_space_unless_first(token: int, first: bool) -> bytes:
    """As SentencePiece's decoders do."""
    word = f"w{token}".encode()
    return word if first else b" " + word


def test_joined_tokens_of_a_chat_are_its_text() -> None:
    pieces = [
        Piece(id=token, text="", logprob=-1.0, top=(TokenLogprob(id=token, logprob=-1.0),))
        for token in (1, 2, 3)
    ]
    whole = chat_logprobs(pieces, with_space_unless_first, begins=True)["content"]
    assert "".join(entry["token"] for entry in whole) == "w1 w2 w3"
    assert [entry["top_logprobs"][0]["token"] for entry in whole] == ["w1", " w2", " w3"]
    parts = [
        chat_logprobs(pieces[:1], with_space_unless_first, begins=True),
        chat_logprobs(pieces[1:], with_space_unless_first, begins=False),
    ]
    assert [entry for part in parts for entry in part["content"]] == whole
