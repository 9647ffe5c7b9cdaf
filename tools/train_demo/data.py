"""Training rows: stretches of the text, and conversations in which the assistant carries a passage on."""

from collections.abc import Iterator

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor

from tools.train_demo.corpus import Chapter
from tools.train_demo.tokenizer import BOS, EOS, render_chat, special_id

_CHAT_FRACTION = 0.15
_BOS_FRACTION = 0.75
_OPEN_FRACTION = 0.5


class RowSource:
    """Endless shuffled rows of `row_length + 1` token ids; every epoch reads the text once, cut in new places."""

    def __init__(
        self, chapters: tuple[Chapter, ...], tokenizer: Tokenizer, *, row_length: int, seed: int
    ) -> None:
        self._chapters = chapters
        self._tokenizer = tokenizer
        self._row_length = row_length
        self._random = np.random.default_rng(seed)
        self._bos = special_id(tokenizer, BOS)
        self._eos = special_id(tokenizer, EOS)
        # the end of a chapter tokenises differently when another one follows on the page
        self._closed = [self._encode(chapter.text) for chapter in chapters]
        self._open = [self._encode(chapter.text + "\n\n") for chapter in chapters]
        ids = range(tokenizer.get_vocab_size())
        self._ends_line = np.array([tokenizer.decode([token]).endswith("\n") for token in ids])

    def batches(self, rows: int) -> Iterator[Tensor]:
        """Yields int64 ``[rows, row_length + 1]`` for ever."""
        pending: list[np.ndarray] = []
        while True:
            while len(pending) < rows:
                epoch = self._epoch()
                self._random.shuffle(epoch)
                pending.extend(epoch)
            yield torch.from_numpy(np.stack(pending[:rows]))
            del pending[:rows]

    @property
    def tokens_per_epoch(self) -> int:
        """Tokens of text in one pass, conversations not counted."""
        return sum(len(chapter) for chapter in self._closed)

    def _epoch(self) -> list[np.ndarray]:
        stream = self._stream()
        starts = np.arange(self._random.integers(self._row_length), len(stream), self._row_length)
        rows = [self._row(stream, int(start)) for start in starts[:-2]]
        chats = int(len(rows) * _CHAT_FRACTION / (1 - _CHAT_FRACTION))
        return rows + [self._chat_row() for _ in range(chats)]

    def _stream(self) -> np.ndarray:
        """All chapters in order; about half end in a blank line, the others in the end-of-text token."""
        pieces: list[list[int]] = []
        for index in range(len(self._chapters)):
            if self._random.random() < _OPEN_FRACTION:
                pieces.append(self._open[index])
            else:
                pieces.append([*self._closed[index], self._eos, self._bos])
        return np.concatenate(pieces)

    def _row(self, stream: np.ndarray, start: int) -> np.ndarray:
        """A row from `start` on; most begin with BOS, and most of these at the head of a verse."""
        length = self._row_length + 1
        if self._random.random() > _BOS_FRACTION or start + 2 * length > len(stream):
            return stream[start : start + length][-length:]
        heads = np.flatnonzero(self._ends_line[stream[start : start + length]])
        if len(heads) and self._random.random() < _BOS_FRACTION:
            start += int(heads[0]) + 1
        return np.concatenate(([self._bos], stream[start : start + length - 1]))

    def _chat_row(self) -> np.ndarray:
        ids: list[int] = []
        while len(ids) < self._row_length + 1:
            ids.extend(self._encode(render_chat(self._conversation(), add_generation_prompt=False)))
        return np.array(ids[: self._row_length + 1])

    def _conversation(self) -> list[dict[str, str]]:
        """One to three exchanges over consecutive verses: the user begins, the assistant continues."""
        verses = self._chapters[self._random.integers(len(self._chapters))].verses
        at = int(self._random.integers(len(verses)))
        messages: list[dict[str, str]] = []
        for _ in range(self._random.integers(1, 4)):
            words = verses[at].split(" ") if at < len(verses) else []
            if len(words) < 2:
                break
            cut = int(self._random.integers(1, len(words) + 1))
            following = verses[at + 1 : at + 1 + int(self._random.integers(1, 3))]
            answer = "\n".join([part for part in (" ".join(words[cut:]), *following) if part])
            if not answer:
                break
            messages.append({"role": "user", "content": " ".join(words[:cut])})
            messages.append({"role": "assistant", "content": answer})
            at += 1 + len(following)
        return messages

    def _encode(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids


def evaluation_rows(text: str, tokenizer: Tokenizer, *, row_length: int) -> Tensor:
    """The text cut into whole rows without overlap, each with BOS in front: int64 ``[rows, row_length + 1]``."""
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    rows = torch.tensor(ids[: len(ids) // row_length * row_length]).view(-1, row_length)
    return torch.cat((torch.full((len(rows), 1), special_id(tokenizer, BOS)), rows), dim=1)
