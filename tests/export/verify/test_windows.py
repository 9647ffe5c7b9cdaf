"""How a text is cut for a verification."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmoe.export.verify.metrics import NO_TARGET
from mmoe.export.verify.windows import cut_windows
from mmoe.runtime_bindings.python.errors import OptionError


@settings(derandomize=True, deadline=None)
@given(
    length=st.integers(4, 3000),
    max_tokens=st.integers(2, 2500),
    context=st.integers(3, 900),
    bos=st.booleans(),
)
def test_windows_cover_the_text_in_order(length: int, max_tokens: int, context: int, bos: bool) -> None:
    bos_id = 0 if bos else None
    text = list(range(1, length + 1))
    windows = cut_windows(
        [0, *text] if bos else text, max_tokens=max_tokens, max_context_len=context, bos_id=bos_id
    )
    assert sum(window.length for window in windows) <= max_tokens
    body = []
    for window in windows:
        tokens = window.tokens[0].tolist()
        assert 2 <= window.length <= min(512, context)
        assert not bos or tokens[0] == 0
        np.testing.assert_array_equal(window.targets, [*tokens[1:], NO_TARGET])
        body += tokens[1:] if bos else tokens
    assert body == text[: len(body)]
    # Nothing is left out but what the limit or a lone last token costs.
    assert (
        len(body) == length
        or sum(window.length for window in windows) >= max_tokens - 1
        or length - len(body) < 2
    )


@pytest.mark.parametrize(("ids", "max_tokens"), [([], 100), ([0], 100), ([0, 5], 1)])
def test_too_little_text_is_refused(ids: list[int], max_tokens: int) -> None:
    with pytest.raises(OptionError, match="at least 2 tokens"):
        cut_windows(ids, max_tokens=max_tokens, max_context_len=64, bos_id=0)
