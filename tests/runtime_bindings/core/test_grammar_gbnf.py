"""The core's GBNF: what its constructs match, what is refused and where, and what hostile grammars cost."""

from __future__ import annotations

import time

import pytest

from mmoe.runtime_bindings.python.core import CoreFailure, Status
from tests.support.core_grammar import CoreGrammar

CHESS = r"""
# Rounds of two moves; the first has no choice of its number.
root     ::= "1. " round (number ". " round)+
number   ::= [1-9] [0-9]?
round    ::= move " " move "\n"
move     ::= (pawn | officer | castling) ("+" | "#")?
officer  ::= [KQRBN] [a-h]? [1-8]? "x"? square
pawn     ::= ([a-h] "x")? square ("=" [QRBN])?
castling ::= "O-O" "-O"?
square   ::= [a-h] [1-8]
"""
SUMS = r"""
root    ::= equation+
equation ::= sum "=" blank operand "\n"
sum     ::= operand (("+" | "-" | "*" | "/") operand)*
operand ::= (name | [0-9]+ | "(" blank sum ")") blank
name    ::= [a-z] [_a-z0-9]*
blank   ::= [ \n\t]*
"""
JSON = r"""
root    ::= object
object  ::= "{" blank (member ("," blank member)*)? "}" blank
member  ::= string ":" blank value
array   ::= "[" blank (value ("," blank value)*)? "]" blank
value   ::= (
  object | array | string | number |  # a comment within a group
  ("true" | "false" | "null") blank
)
string  ::= "\"" (plain | "\\" escape)* "\"" blank
plain   ::= [^\x00-\x1F"\\\x7F]
escape  ::= [nrtbf"\\/] | "u" [0-9A-Fa-f]{4}
number  ::= "-"? ("0" | [1-9] [0-9]{0,15}) ("." [0-9]+)? ([Ee] [+-]? [0-9]{1,3})? blank
blank   ::= | " " | "\n" [ \t]{0,20}
"""
LIST = r"""
root ::= ("- " character+ "\n")+
character ::= [^\n\r\x0b\x0c\x85\u2028\u2029]
"""
KANA = "root ::= [ぁ-ゟ]+ ([ \\t\\n] [ァ-ヿ]+)*"


@pytest.mark.parametrize(
    ("grammar", "whole", "others"),
    [
        (CHESS, ["1. e4 e5\n2. Nf3 Nc6\n", "1. d4 d5\n10. O-O-O Qxh7#\n"], ["1. e4 e5\n", "1. e9 e5\n2. a1 a1\n"]),
        (SUMS, ["a=1\n", "(x1 +2)*3 = 7\n1=1\n"], ["a=\n", "1+=2\n", "(a=1\n"]),
        (
            JSON,
            ['{"a": [1, -2.5e+3, {"b": null}]}', '{"\\u00e9": "é\\n"}', "{}"],
            ["[]", '{"a": 01}', '{"a" 1}', '{"\x7f": 1}'],
        ),
        (LIST, ["- one\n- two\n", "- é\n"], ["- \n", "- a\u2028b\n", "-a\n", "- a"]),
        (KANA, ["ひらがな カタカナ", "あ"], ["カ", "a", "あ\rカ"]),
        ('root ::= "a"{2}', ["aa"], ["a", "aaa"]),
        ('root ::= "a"{2,}', ["aa", "aaaaa"], ["a"]),
        ('root ::= "a" { 0 , 2 } "b"', ["b", "aab"], ["aaab"]),
        ('root ::= "a"{0} "b"', ["b"], ["ab"]),
        ('root ::= word ("," word){2}\nword ::= "a" | "b"', ["a,b,a"], ["a,b", "a,b,a,b"]),
        ('root ::= ("a"* "b"?)* "c"', ["c", "aabac"], ["d"]),
        ('root ::= ("a"?){3,5} "b"', ["b", "aaaaab"], ["aaaaaab"]),
        ('root ::= "a" root "b" |', ["", "ab", "aaabbb"], ["aab", "abb"]),
        ('root ::= a\n\na ::= "x" |\n  "y" | # or\n  "z"', ["x", "y", "z"], ["", "xy"]),
        (r'root ::= "\x41\u00e9\U0001F600\t\r\n\\\"\[\]"', ['Aé😀\t\r\n\\"[]'], ["Aé"]),
        (r"root ::= [\]\[\\^-]+", ["]", "[^-\\"], ["a"]),
        ("root ::= [^a-z]", ["A", "é", "😀", "\n"], ["a", ""]),
        ("root ::= . .", ["ab", "é😀", "\n\n"], ["a", "abc"]),
        ('root ::= "ab" | "a" "bc" | "abcd"', ["ab", "abc", "abcd"], ["a", "abcde"]),
        ('\r\nroot ::= "a"\r\n  b ::= "c"\r\n', ["a"], ["c"]),
    ],
)  # fmt: skip
def test_a_grammar_matches(grammar: str, whole: list[str], others: list[str]) -> None:
    compiled = CoreGrammar(grammar=grammar)
    assert [text for text in whole if not compiled.accepts(text)] == []
    assert [text for text in others if compiled.accepts(text)] == []


@pytest.mark.parametrize(
    ("grammar", "message"),
    [
        ("", r"defines no rule root \(line 1, column 1\)"),
        ('start ::= "a"', r"defines no rule root"),
        ('root ::= "a" other', r"has no rule other \(line 1, column 14\)"),
        ('root ::= "a"\nroot ::= "b"', r"defines the rule root twice \(line 2, column 1\)"),
        ('root ::= "é" "a', r"literal without its closing quote \(line 1, column 14\)"),
        ("root ::= [a-", r"\[ without its \] \(line 1, column 10\)"),
        ("root ::= [z-a]", r"end is before its beginning \(line 1, column 11\)"),
        ('root ::= ("a"\n', r"\( without its \) \(line 1, column 10\)"),
        ('root ::= "a")', r"begins no part of a rule \(line 1, column 13\)"),
        ('root = "a"', r"lacks ::= .* \(line 1, column 6\)"),
        ('root ::= "a"{x}', r"lacks the number of a repeat \(line 1, column 14\)"),
        ('root ::= "a"{1', r"\{ without its \} \(line 1, column 13\)"),
        ('root ::= "a"{3,2}', r"n above m \(line 1, column 13\)"),
        ('root ::= "\\q"', r"unknown escape \(line 1, column 11\)"),
        ('root ::= "\\x4"', r"without its 2 hexadecimal digits \(line 1, column 11\)"),
        ('root ::= "\\uD800"', r"no character \(line 1, column 11\)"),
        ('# a\nroot ::= "a" |\n  * "b"', r"begins no part of a rule \(line 3, column 3\)"),
        ('root ::= root "a" | "b"', "root begins with itself"),
        ('root ::= "x" a\na ::= b? c\nb ::= "y"\nc ::= a | "z"', "begins with itself"),
        ('root ::= "a" root', "no text can satisfy the root"),
        ("root ::= []", "no text can satisfy the root"),
    ],
)
def test_a_fault_is_told_with_its_place(grammar: str, message: str) -> None:
    with pytest.raises(CoreFailure, match=message) as failure:
        CoreGrammar(grammar=grammar)
    assert failure.value.status is Status.INVALID_ARGUMENT


def test_tokens_are_not_supported() -> None:
    with pytest.raises(CoreFailure, match=r"names a token.*\(line 1, column 10\)") as failure:
        CoreGrammar(grammar="root ::= <think> [a-z]*")
    assert failure.value.status is Status.UNSUPPORTED


@pytest.mark.parametrize(
    ("grammar", "text"),
    [
        ('root ::= "a"{0,100000}', "a" * 100_000),
        ('root ::= ("a" | "aa" | "aaa"){0,100} "b"', "a" * 150 + "b"),
        ('root ::= ("a"* "a"*)* "b"', "a" * 2000 + "b"),
        ('root ::= "(" root ")" | "x"', "(" * 4000 + "x" + ")" * 4000),
        ("root ::= " + " | ".join(f'"{number}"' for number in range(20_000)), "19999"),
        ("root ::= " + "(" * 190 + '"a"' + ")" * 190, "a"),
    ],
)  # fmt: skip
def test_large_and_ambiguous_grammars_are_read_in_time(grammar: str, text: str) -> None:
    begin = time.process_time()
    assert CoreGrammar(grammar=grammar).accepts(text)
    assert time.process_time() - begin < 5


def test_a_text_that_could_be_read_in_too_many_ways_is_not_followed() -> None:
    grammar = CoreGrammar(grammar='root ::= (("a"{0,1000}){0,1000}){0,1000}')
    begin = time.process_time()
    with pytest.raises(CoreFailure, match="so ambiguous") as failure:
        grammar.read("a" * 3000)
    assert failure.value.status is Status.OUT_OF_RESOURCES
    assert time.process_time() - begin < 5


@pytest.mark.parametrize(
    "grammar",
    [
        "root ::= " + "(" * 300 + '"a"' + ")" * 300,
        'root ::= "a"{100000001}',
        'root ::= "a"****',
        "root ::= " + " ".join(['"a"'] * 300_000),
    ],
)
def test_what_is_too_large_is_refused(grammar: str) -> None:
    with pytest.raises(CoreFailure) as failure:
        CoreGrammar(grammar=grammar)
    assert failure.value.status in (Status.INVALID_ARGUMENT, Status.OUT_OF_RESOURCES)
