"""How many rows a layer's KV cache has: the whole context, or a ring that keeps what a window sees."""

from dataclasses import dataclass

# The kernels attend in partitions of so many keys, none of which may wrap around the end of a ring.
_PARTITION = 256


@dataclass(frozen=True, kw_only=True)
class Lengths:
    """What a program is built for.

    Attributes:
        max_context_len: Positions.
        max_seq_len: Tokens of one call at most.
    """

    max_context_len: int
    max_seq_len: int

    def cache_rows(self, window: int | None) -> int:
        """Rows of a layer's cache.

        A call stores its T keys before it attends, so the first token's window and all T must fit: window + T - 1 rows,
        in whole partitions, and never more than the context needs.

        Args:
            window: Keys that a token sees, its own included; None for all before it.
        """
        if window is None:
            return self.max_context_len
        return _whole_partitions(min(window + self.max_seq_len - 1, self.max_context_len))


def _whole_partitions(rows: int) -> int:
    return -(-rows // _PARTITION) * _PARTITION
