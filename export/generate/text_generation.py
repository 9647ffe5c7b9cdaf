"""Text in, text out: an artifact's tokenizer and program together, streaming and keeping the context over turns."""

from collections.abc import Iterator, Sequence

from mmoe.checkpoints.stream_decoder import StreamDecoder
from mmoe.checkpoints.tokenizer import load_tokenizer
from mmoe.export.artifact.artifact import Artifact
from mmoe.export.artifact.backend import backend_of
from mmoe.runtime_bindings.python.generation import Generation, GenerationStats, generate
from mmoe.runtime_bindings.python.sampling import SamplingConfig


class TextStream(Iterator[str]):
    """Pieces of text as they come; joined they are the whole text, and no character is cut in two.

    Attributes:
        ids: The tokens handed out so far.
    """

    def __init__(self, generation: Generation, decoder: StreamDecoder) -> None:
        self._generation = generation
        self._pieces = self._decode(decoder)
        self.ids: list[int] = []

    @property
    def stats(self) -> GenerationStats:
        """Counts and times so far."""
        return self._generation.stats

    def __next__(self) -> str:
        return next(self._pieces)

    def _decode(self, decoder: StreamDecoder) -> Iterator[str]:
        for token in self._generation:
            self.ids.append(token)
            yield decoder.push(token)
        yield decoder.flush()


class TextGenerator:
    """A loaded artifact that continues prompts.

    Attributes:
        tokenizer: Makes prompts of text and of conversations.
        runner: The program; its context is this object's business.
    """

    def __init__(self, artifact: Artifact, *, threads: int | None = None) -> None:
        """Loads the tokenizer and the program.

        Raises:
            MmoeError: The artifact cannot be run; the message says why.
        """
        self.tokenizer = load_tokenizer(artifact.folder, artifact.config)
        self.runner = backend_of(artifact).open_runner(artifact.model_path, threads=threads)
        self._prompt: list[int] = []
        self._answer: list[int] = []

    def stream(
        self,
        prompt_ids: Sequence[int],
        *,
        sampling: SamplingConfig | None = None,
        max_new_tokens: int | None = None,
    ) -> TextStream:
        """Continues a prompt, given from its first token on.

        What the context already holds of it, from an earlier call, is not run again: a conversation costs only
        its new turn. `TextStream.stats` counts the tokens that were run.

        Args:
            prompt_ids: At least one token id.
            sampling: How to choose tokens; greedy if None.
            max_new_tokens: Tokens at most; None goes on until a stop token or the context's end.

        Raises:
            OptionError: max_new_tokens is negative.
            RuntimeFailure: While iterating, if the prompt does not fit or the runtime fails.
        """
        held = [*self._prompt, *self._answer][: self.runner.position]
        # At least one token has to run, because the logits are those of the last one.
        kept = _common_prefix(held, prompt_ids[:-1])
        self.runner.truncate(kept)
        generation = generate(
            self.runner,
            prompt_ids[kept:],
            sampling=sampling,
            max_new_tokens=max_new_tokens,
            stop_ids=self.tokenizer.stop_ids,
        )
        stream = TextStream(generation, self.tokenizer.stream_decoder())
        self._prompt, self._answer = list(prompt_ids), stream.ids
        return stream


def _common_prefix(first: Sequence[int], second: Sequence[int]) -> int:
    """How many leading elements two sequences share."""
    pairs = zip(first, second, strict=False)
    return next((index for index, (a, b) in enumerate(pairs) if a != b), min(len(first), len(second)))
