"""Which bytes of a rendered conversation a message held: special tokens are looked for in all the others."""

from __future__ import annotations

import pytest

from tests.support.native_template import NativeTemplate

_CONTENT = "<|eot|>"


def _pieces(expression: str, content: str = _CONTENT, **more: object) -> list[tuple[str, bool]]:
    variables = {"messages": [{"role": "user", "content": content, **more}], "eos_token": "<|eot|>"}
    return NativeTemplate("{% set c = messages[0].content %}{{ " + expression + " }}").spans(variables)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("c", [("<|eot|>", True)]),
        ("eos_token + c", [("<|eot|>", False), ("<|eot|>", True)]),
        ("eos_token ~ c ~ eos_token", [("<|eot|>", False), ("<|eot|>", True), ("<|eot|>", False)]),
        ("c[1:4]", [("|eo", True)]),
        ("c[::-1]", [(">|toe|<", True)]),
        ("c.split('e')[0]", [("<|", True)]),
        ("c.replace('eot', 'x')", [("<|", True), ("x", False), ("|>", True)]),
        ("'a-b'.replace('-', c)", [("a", False), ("<|eot|>", True), ("b", False)]),
        ("c | upper", [("<|EOT|>", True)]),
        ("c | trim", [("<|eot|>", True)]),
        ("(' ' ~ c) | trim", [("<|eot|>", True)]),
        ("c | tojson", [('"', False), ("<|eot|>", True), ('"', False)]),
        ("[c]", [("['", False), ("<|eot|>", True), ("']", False)]),
        ("[c, 'x'] | join('-')", [("<|eot|>", True), ("-x", False)]),
        ("'%s!' % c", [("<|eot|>", True), ("!", False)]),
        ("'{}!'.format(c)", [("<|eot|>", True), ("!", False)]),
        ("c | list | join", [("<|eot|>", True)]),
        ("(c | e)", [("&lt;|eot|&gt;", True)]),
        ("'a\\nb' | indent(c)", [("a\n", False), ("<|eot|>", True), ("b", False)]),
        ("c if c == eos_token", [("<|eot|>", True)]),
        ("messages[0].role", [("user", False)]),
        ("c.partition('|')[2]", [("eot|>", True)]),
        ("c * 2", [("<|eot|><|eot|>", True)]),
    ],
)
def test_origin_survives(expression: str, expected: list[tuple[str, bool]]) -> None:
    assert _pieces(expression) == expected


def test_all_that_a_message_holds_is_data_but_its_role() -> None:
    message = {
        "role": "user",
        "content": [{"type": "text", "text": "t"}],
        "tool_calls": [{"a<": "v"}],
        "name": "n",
    }
    template = NativeTemplate(
        "{% set m = messages[0] %}{{ m.role }}{{ m.content[0].text }}{{ m.name }}{{ m.tool_calls | tojson }}"
    )
    data = "".join(text for text, is_data in template.spans({"messages": [message]}) if is_data)
    assert data == "tna<v"


def test_tools_and_documents_are_data_and_other_variables_are_not() -> None:
    template = NativeTemplate("{{ tools[0].name }}{{ documents[0].text }}{{ bos_token }}")
    variables = {"tools": [{"name": "T"}], "documents": [{"text": "D"}], "bos_token": "B"}
    assert template.spans(variables) == [("TD", True), ("B", False)]


def test_macros_and_blocks_keep_origins() -> None:
    template = NativeTemplate(
        "{% macro f(x) %}<{{ x }}>{% endmacro %}{% set b %}{{ f(messages[0].content) }}{% endset %}"
        "{% generation %}{{ b | replace('<', '[') }}{% endgeneration %}"
    )
    variables = {"messages": [{"role": "user", "content": "c"}]}
    assert template.spans(variables) == [("[", False), ("c", True), (">", False)]
