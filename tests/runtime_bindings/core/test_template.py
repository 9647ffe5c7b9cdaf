"""Chat templates in the core, one thing of the language at a time, against Jinja as transformers sets it up."""

from __future__ import annotations

import time

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from tests.support.native_template import (
    CORRUPT,
    INVALID_ARGUMENT,
    NOW,
    OUT_OF_RESOURCES,
    UNSUPPORTED,
    NativeTemplate,
    NativeTemplateError,
)
from tests.support.template_oracle import render
from tests.support.template_snippets import EXPRESSIONS, STATEMENTS, VARIABLES

_VARIABLES = {"messages": [], "tools": None, "documents": None, "add_generation_prompt": False, **VARIABLES}
# Of the process's own time: 5 million steps take 0.4 to 1.1 s, by what the other half of the core does.
_MOST_SECONDS = 5
_SNIPPETS = ["{{ " + expression + " }}" for expression in EXPRESSIONS] + STATEMENTS


def _expected(source: str) -> str | None:
    try:
        return render(source, _VARIABLES)
    except Exception:  # a template fails with whatever Python raises
        return None


def _rendered(source: str) -> str | NativeTemplateError:
    try:
        return NativeTemplate(source).render(_VARIABLES)
    except NativeTemplateError as error:
        return error


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Python, for "\q"
@pytest.mark.parametrize("source", _SNIPPETS)
def test_snippet_is_what_jinja_makes_of_it(source: str) -> None:
    expected, rendered = _expected(source), _rendered(source)
    assert (None if isinstance(rendered, NativeTemplateError) else rendered) == expected


def _one_of(words: str) -> st.SearchStrategy[str]:
    return st.sampled_from([word.strip() for word in words.split(";")])


_ATOMS = st.one_of(
    st.sampled_from(sorted(VARIABLES)),
    _one_of("0; 1; -3; 2.5; 'a'; 'Ab c'; ''; true; none; undefined_name; []; [1, 'b']; (1, 2); {'k': 1}"),
    # Of variables alone: Jinja slices constants while it compiles, by other rules.
    _one_of("s[1:]; numbers[::-1]; u[-3:]"),
)
_BINARY = _one_of("+; -; *; /; //; %; ~; ==; !=; <; >=; in; not in; and; or")
_FILTERS = _one_of(
    """upper; trim; length; list; first; last; join(', '); string; int; float; abs; sort; unique | list; title; e; safe;
    reverse | list; default('x'); tojson; round; sum; min; max; map('string') | list; select | list; capitalize; indent;
    replace('a', 'b'); dictsort; items | list; batch(2) | list; tojson(indent=1)"""
)
_TESTS = _one_of(
    "defined; none; string; number; mapping; iterable; sequence; odd; true; lower; callable; in [1]; boolean"
)
_SUFFIXES = _one_of(
    ".k; ['k']; [0]; [-1]; .upper(); .items() | list; .split(); .get('k'); .strip(); .title(); .keys(); .splitlines()"
)


def _larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(inner, _BINARY, inner).map(lambda parts: "(" + " ".join(parts) + ")"),
        st.tuples(inner, _FILTERS).map(lambda parts: f"({parts[0]} | {parts[1]})"),
        st.tuples(inner, _TESTS).map(lambda parts: f"({parts[0]} is {parts[1]})"),
        st.tuples(inner, _SUFFIXES).map(lambda parts: f"(({parts[0]}){parts[1]})"),
        st.tuples(inner, inner, inner).map(lambda parts: f"({parts[0]} if {parts[1]} else {parts[2]})"),
        st.lists(inner, max_size=3).map(lambda parts: "[" + ", ".join(parts) + "]"),
        inner.map(lambda part: f"(not {part})"),
    )


@pytest.mark.slow
@pytest.mark.filterwarnings(
    "ignore"
)  # of Python, for what the expressions are, and of hypothesis, for their number
@settings(max_examples=600, deadline=None)
@given(st.recursive(_ATOMS, _larger, max_leaves=8))
def test_expression_is_worth_what_jinja_says(expression: str) -> None:
    source = "{{ " + expression + " }}"
    expected, rendered = _expected(source), _rendered(source)
    if isinstance(rendered, NativeTemplateError):
        named = rendered.status in (UNSUPPORTED, OUT_OF_RESOURCES)
        assert expected is None or named, f"{source}: {rendered}"
    else:
        assert rendered == expected, source


@pytest.mark.parametrize(
    "source",
    [
        "{{ ('a' * 500000 ~ 'b') in ('a' * 1000000) }}",
        "{{ ('a' * 1000000).count('a' * 500000 ~ 'b') }}",
        "{{ ('a' * 1000000).replace('a' * 500000 ~ 'b', 'c') | length }}",
        "{% set x = range(30000) | map('string') | list %}{{ x | unique | list | length }}",
        "{{ ('\u00e9' * 10 ** 6)[999999] }}",
        "{{ ('x' * 10 ** 7)[::-1] | length }}",
        "{{ 10.0 ** 300 }}",
        "x" * 2_000_000,
        "{% set a = 1 %}" * 999,
        "{{ [" + "1," * 9999 + "] | length }}",
    ],
    ids=lambda value: value[:40],
)
def test_large_and_harmless_templates_end_soon(source: str) -> None:
    expected = _expected(source)
    begin = time.process_time()
    assert NativeTemplate(source).render(_VARIABLES) == expected
    assert time.process_time() - begin < _MOST_SECONDS


@pytest.mark.parametrize(
    ("source", "status"),
    [
        ("{{ 10 ** (10 ** 9) }}", UNSUPPORTED),
        ("{{ 9223372036854775807 + 1 }}", UNSUPPORTED),
        ("{{ 99999999999999999999 }}", UNSUPPORTED),
        ("{{ 'x' * 10 ** 10 }}", OUT_OF_RESOURCES),
        ("{{ 'x'.center(10 ** 12) }}", OUT_OF_RESOURCES),
        ("{{ '%999999999999d' % 1 }}", OUT_OF_RESOURCES),
        ("{{ [0] * 10 ** 12 }}", OUT_OF_RESOURCES),
        ("{{ 'a'.replace('', 'x' * 10 ** 7) * 100 }}", OUT_OF_RESOURCES),
        (
            "{% for i in range(99999) %}{% for j in range(99999) %}{{ j }}{% endfor %}{% endfor %}",
            OUT_OF_RESOURCES,
        ),
        ("{% for i in range(99999) %}{% set x = range(99999) | list %}{% endfor %}", OUT_OF_RESOURCES),
        ("{% for i in range(99999) %}{% set x = ('ab' * 99999).split('ba') %}{% endfor %}", OUT_OF_RESOURCES),
        (
            "{% set ns = namespace(x='ab') %}{% for i in range(99) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
            OUT_OF_RESOURCES,
        ),
        (
            "{% set ns = namespace(x=[1]) %}{% for i in range(99) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}",
            OUT_OF_RESOURCES,
        ),
        (
            "{% set ns = namespace(x=[1]) %}{% for i in range(9999) %}{% set ns.x = [ns.x] %}{% endfor %}",
            OUT_OF_RESOURCES,
        ),
        ("{% set ns = namespace() %}{% set ns.x = ns %}{{ ns }}", OUT_OF_RESOURCES),
        ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", OUT_OF_RESOURCES),
        ("{{ " + "(" * 9999 + "1" + ")" * 9999 + " }}", UNSUPPORTED),
        ("{{ " + "[" * 9999 + "]" * 9999 + " }}", UNSUPPORTED),
        ("{{ " + "not " * 9999 + "1 }}", UNSUPPORTED),
        ("{{ " + "-" * 9999 + "1 }}", UNSUPPORTED),
        ("{{ 1" + " + 1" * 9999 + " }}", UNSUPPORTED),
        ("{% if 1 %}" * 9999 + "{% endif %}" * 9999, UNSUPPORTED),
        ("{{ range(10 ** 9) | list }}", INVALID_ARGUMENT),
        ("{{ 5 in range(10 ** 9) }}", INVALID_ARGUMENT),
        ("{{ '{:1000000000}'.format(1) }}", OUT_OF_RESOURCES),
        ("{{ '%.1000000000f' % 1.5 }}", OUT_OF_RESOURCES),
        ("{{ 'x' | indent(10 ** 10) }}", OUT_OF_RESOURCES),
        ("{{ [1] | tojson(indent=10 ** 9) }}", OUT_OF_RESOURCES),
        ("{{ ('x' * 99999).replace('x', 'y' * 99999) }}", OUT_OF_RESOURCES),
        ("{{ range(99999) | join('y' * 999999) }}", OUT_OF_RESOURCES),
        ("{{ range(99999) | batch(10 ** 9, 'x') | list }}", OUT_OF_RESOURCES),
        ("{{ strftime_now('%Y' * 10 ** 7) }}", OUT_OF_RESOURCES),
        ("{{ [range(9999) | list] * 9999 }}", OUT_OF_RESOURCES),
        ("{{ ' '.join('x' * 10 ** 7) }}", OUT_OF_RESOURCES),
        ("{{ ('x ' * 10 ** 7).split() | length }}", OUT_OF_RESOURCES),
        ("{{ ('x\n' * 10 ** 7).splitlines() | length }}", OUT_OF_RESOURCES),
        ("{{ ('x ' * 10 ** 7).rsplit(' ') | length }}", OUT_OF_RESOURCES),
        ("{{ ('x' * 10 ** 7) | sort | first }}", OUT_OF_RESOURCES),
        ("{{ range(99999) | map(attribute='x' * 10 ** 6) | list }}", OUT_OF_RESOURCES),
        ("{{ range(99999) | sort(attribute='x,' * 10 ** 6) }}", OUT_OF_RESOURCES),
        (
            "{% for i in range(99999) %}{{ ('x' * 99999 ~ 'y') in ('x' * 999999) }}{% endfor %}",
            OUT_OF_RESOURCES,
        ),
        (
            "{% set ns = namespace(x=[1]) %}{% for i in range(99) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
            OUT_OF_RESOURCES,
        ),
        (
            "{% macro a(n) %}{% for i in range(99) %}{{ a(n - 1) if n }}{% endfor %}{% endmacro %}{{ a(20) }}",
            OUT_OF_RESOURCES,
        ),
        (
            "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}",
            OUT_OF_RESOURCES,
        ),
        ("{% for x in [[1]] recursive %}{{ loop([x]) }}{% endfor %}", OUT_OF_RESOURCES),
        ("{{ s" + " | upper" * 9999 + " }}", UNSUPPORTED),
        ("{{ s | wordwrap }}", UNSUPPORTED),
        ("{{ n is escaped_twice }}", UNSUPPORTED),
        ("{% include 'x' %}", UNSUPPORTED),
        ("{{ n", CORRUPT),
        ("{{ raise_exception('no') }}", INVALID_ARGUMENT),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_hostile_template_ends_within_seconds(source: str, status: int) -> None:
    begin = time.process_time()
    with pytest.raises(NativeTemplateError) as refusal:
        NativeTemplate(source).render(_VARIABLES)
    assert refusal.value.status == status
    assert time.process_time() - begin < _MOST_SECONDS


def test_error_names_the_line() -> None:
    with pytest.raises(NativeTemplateError, match=r"^template: line 3: 'zz' is undefined$"):
        NativeTemplate("{{ n }}\n\n{{ zz.y }}\n").render(_VARIABLES)
    with pytest.raises(NativeTemplateError, match=r"^template: line 2: there is no filter"):
        NativeTemplate("{{ n }}\n{{ n | wordwrap }}\n")


def test_template_that_is_no_utf8_is_refused() -> None:
    with pytest.raises(NativeTemplateError, match=r"^template: line 2: is not UTF-8$") as refusal:
        NativeTemplate(b"\n\xff")
    assert refusal.value.status == CORRUPT


def test_clock_is_the_callers() -> None:
    template = NativeTemplate("{{ strftime_now('%d %B %Y') }}")
    assert template.render({}, now="1999-12-31") == "31 December 1999"
    assert template.render({}, now=NOW) == "04 July 2026"
    with pytest.raises(NativeTemplateError, match="is no moment"):
        template.render({}, now="2026-02-30")


def test_rendering_leaves_nothing_behind() -> None:
    template = NativeTemplate("{% set n = namespace(v=seen) %}{% set seen = 5 %}{{ n.v }}")
    assert [template.render({}) for _ in range(2)] == ["", ""]
