"""Both spellings of an error code in the bindings' messages are understood."""

import pytest

from mmoe.runtime_bindings.python.error_codes import error_code, explain


@pytest.mark.parametrize(
    ("message", "code", "word"),
    [
        ("method->execute() failed with error 0x12", 18, "argument"),
        ("Failed to load method forward, error: 0x:14", 20, "operator"),
        ("loading failed with error 0x20", 32, "backend"),
        ("Failed to create MmapDataLoader from file 0x1, error: 0x:22", 34, "read"),
        ("Failed to load program, error: 0x:23", 35, "another version"),
        ("failed, error: 0x:30", 48, "delegate"),
    ],
)
def test_codes_become_words(message, code, word):
    assert error_code(message) == code
    assert word in explain(message)
    assert message in explain(message)


@pytest.mark.parametrize("message", ["no code here", "an unknown one: 0x77"])
def test_other_messages_are_left_alone(message):
    assert explain(message) == message
