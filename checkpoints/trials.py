"""Texts and conversations on which two readers of a tokenizer or a template must agree before they are believed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from mmoe.runtime_bindings.python.records import Message

TRIAL_TEXTS = (
    "",
    " ",
    "In the beginning God created the heaven and the earth.",
    "  two  spaces, a\ttab,\r\n\r\nlines \n\n   and an end  ",
    "I'll say it's WE'VE 'twas don't",
    "12345 1,000,000.00 3.14159 0x7f 2026-01-31 \u0661\u0662\u0663 \u00bd\u00b2",
    "for (int i = 0; i < n; ++i) { sum += a[i] * b[i]; }  // done!!!\n",
    "\u00e9 e\u0301 \u212b \uac00 \u1100\u1161 \ufb01 \uff21 \u00df\u1e9e \u0130i",
    "\u4e2d\u6587\u3001\u65e5\u672c\u8a9e\u306e\u30c6\u30ad\u30b9\u30c8 \ud55c\uad6d\uc5b4",
    "\u0440\u0443\u0441\u0441\u043a\u0438\u0439 \u03b5\u03bb\u03bb\u03b7\u03bd\u03b9\u03ba\u03ac",
    "\u0627\u0644\u0639\u0631\u0628\u064a\u0629 \u05e2\u05d1\u05e8\u05d9\u05ea",
    "\u0939\u093f\u0928\u094d\u0926\u0940 \u0e44\u0e17\u0e22",
    "\U0001f600 \U0001f469\u200d\U0001f680 \U0001f1e9\U0001f1ea \u2764\ufe0f \U0001d538",
    "\x00\x01\x1c\x7f\u00a0\u2003\u2028\u200b\ufeff\ufffd\U0010ffff",
    "\u2581under_score__ <s></s> <unk> [INST] ###",
    "a" * 300,
)
"""Scripts, numbers, white space, code, combining marks and characters that a normaliser would change."""

_SHAPES = (
    ("user",),
    ("system", "user"),
    ("user", "user"),
    ("user", "assistant", "user"),
    ("system", "user", "assistant", "user"),
    ("system", "user", "assistant", "user", "assistant", "user", "assistant", "user"),
    ("user", "assistant"),
)
# Fewer, since a template may have hundreds of them.
_SHAPES_FOR_LITERALS = (_SHAPES[3], _SHAPES[5])
_CONTENTS = (
    "Why?",
    " two\n\nlines \n",
    "{{ braces }} 'quoted' \"so\" <b>&amp;</b>",
    "\u00e9\U0001f600",
    "",
    " \n",
    "x" * 300,
    "<think>\nLet me see.\n</think>\n\nBecause.",
    "<think></think>",
    "no beginning</think> but an end",
    "/no_think",
    '{"name": "f", "arguments": {"a": [1, null]}}',
)

_WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a place, <now> & later.",
        "parameters": {
            "type": "object",
            "properties": {
                "place": {"type": "string", "description": "A city."},
                "days": {"type": "integer"},
            },
            "required": ["place"],
        },
    },
}
_CALL = {
    "id": "call00001",
    "type": "function",
    "function": {"name": "weather", "arguments": {"place": "K\u00f6ln", "days": 2}},
}
TRIAL_TOOLS = (_WEATHER,)
"""What the assistant may call in `TOOL_CONVERSATIONS`."""

TOOL_CONVERSATIONS: tuple[tuple[Mapping[str, object], ...], ...] = tuple(
    ({"role": "user", "content": "Will it rain?"}, *turns)
    for turns in (
        (),
        ({"role": "assistant", "content": "", "tool_calls": [_CALL]},),
        (
            {"role": "assistant", "content": "", "tool_calls": [_CALL]},
            {"role": "tool", "name": "weather", "tool_call_id": "call00001", "content": '{"rain": true}'},
        ),
        (
            {"role": "assistant", "content": "I look.", "tool_calls": [_CALL]},
            {"role": "tool", "name": "weather", "tool_call_id": "call00001", "content": "rain"},
            {"role": "assistant", "content": "It will."},
            {"role": "user", "content": "And then?"},
        ),
    )
)
"""A call, and its result. Many templates refuse some of them, as they do with Hugging Face."""


def trial_conversations(literals: Collection[str] = ()) -> Iterator[tuple[Message, ...]]:
    """Conversations of several shapes, in which each content stands at each place.

    Args:
        literals: texts that a template may be looking for; each is tried as a content, and inside of one.
    """
    wrapped = [
        text
        for literal in sorted(literals)
        for text in (literal, f"a{literal}b", f"{literal}\nb", f"a\n{literal}")
    ]
    for shapes, contents in ((_SHAPES, _CONTENTS), (_SHAPES_FOR_LITERALS, wrapped)):
        for shape in shapes:
            for shift in range(len(contents)):
                yield tuple(
                    Message(role, contents[(index + shift) % len(contents)])
                    for index, role in enumerate(shape)
                )
