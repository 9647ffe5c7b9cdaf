"""Hostile templates are refused within a second and with little memory; real ones never meet a bound."""

from __future__ import annotations

import resource
import time
from datetime import datetime

import pytest

from mmoe.checkpoints.errors import TokenizerError
from mmoe.checkpoints.jinja_template import JinjaTemplate

QUESTION = {"messages": [{"role": "user", "content": "Why?"}]}


def render(source: str) -> str:
    return JinjaTemplate(source, where="here").render(QUESTION)


@pytest.mark.parametrize(
    "source",
    [
        "{{ 9**9**9 }}",
        "{{ 2**65 }}",
        "{{ 'a' * 10**12 }}",
        "{{ 10**6 * 'abcdefghijk' }}",
        "{{ [0] * 10**9 }}",
        "{{ '%1000000000d' % 1 }}",
        "{{ '%*d' % (100000000, 1) }}",
        "{{ '%1000000000d' | format(1) }}",
        "{{ '{:1000000000}'.format(1) }}",
        "{{ 'a'.ljust(10**12) }}",
        "{{ 'a' | center(10**12) }}",
        "{{ 'a' | indent(10**10) }}",
        "{{ lipsum(n=1000000) }}",
        "{{ range(10**12) | list }}",
        "{{ messages | tojson(indent=10**9) }}",
        "{{ 'x' | replace('', 'y' * 99999) | replace('', 'y' * 99999) }}",
        "{{ ('x' * 99999).replace('x', 'y' * 99999) }}",
        "{{ range(99999) | join('y' * 999999) }}",
        "{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}",
        "{% set n = namespace(x='ab') %}{% for a in range(99) %}{% set n.x = n.x ~ n.x %}{% endfor %}",
        "{% set n = namespace(x='ab') %}{% for a in range(99) %}{% set n.x = n.x + n.x %}{% endfor %}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}",
        "{% if 1 %}" * 500 + "{% endif %}" * 500,
    ],
)
def test_work_without_end_is_refused_at_once(source: str) -> None:
    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    with pytest.raises(TokenizerError, match=r"^here: .*chat template"):
        render(source)
    assert time.process_time() - started < 5
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000  # kB


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ 'a' ~ 1 ~ none }}", "a1None"),
        ("{{ 'a' + 'b' }}{{ 1 + 2 }}{{ [1] + [2] }}", "ab3[1, 2]"),
        ("{{ '-' * 3 }}{{ 3 * '-' }}{{ 6 * 7 }}{{ 2 ** 10 }}{{ 7 % 3 }}", "------421024" + "1"),
        ("{{ '%5d|%s' % (1, 'x') }}{{ '{:>4}'.format(2) }}{{ '%s' | format(3) }}", "    1|x   23"),
        ("{% for i in range(3) %}{{ i }}{% endfor %}{{ range(2, 9, 3) | list }}", "012[2, 5, 8]"),
        ("{{ messages[0].content.replace('?', '!') | upper | center(8) }}", "  WHY!  "),
    ],
)
def test_what_templates_compute_is_as_in_jinja(source: str, text: str) -> None:
    assert render(source) == text


def test_steps_are_counted_for_each_rendering() -> None:
    template = JinjaTemplate("{% for i in range(50000) %}{% endfor %}{{ messages[0].content }}", where="here")
    for _ in range(100):
        assert template.render(QUESTION) == "Why?"


def test_the_clock_may_be_fixed() -> None:
    template = JinjaTemplate("{{ strftime_now('%d %b %Y') }}", where="here")
    assert template.render({}, now=datetime(2026, 7, 4)) == "04 Jul 2026"


def test_literals_are_the_texts_in_expressions() -> None:
    template = JinjaTemplate(
        "text {{ 'a' ~ messages['b'] }}{% if x == 'c' %}{{ 1 }}{% endif %}", where="here"
    )
    assert template.literals == {"a", "b", "c"}


@pytest.mark.parametrize("source", ["{% for %}", "{{ x", "{% generation %}", "{% endgeneration %}"])
def test_a_broken_template_is_named(source: str) -> None:
    with pytest.raises(TokenizerError, match=r"^here: is not a valid chat template"):
        JinjaTemplate(source, where="here")


@pytest.mark.parametrize(
    "source",
    [
        "{{ messages.append(1) }}",
        "{{ ''.__class__.__mro__ }}",
        "{{ cycler.__init__.__globals__.os.system('true') }}",
    ],
)
def test_what_is_unsafe_is_stopped(source: str) -> None:
    with pytest.raises(TokenizerError, match=r"^here: the chat template refused the messages"):
        render(source)
