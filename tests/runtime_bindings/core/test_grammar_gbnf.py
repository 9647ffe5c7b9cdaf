"""The core's GBNF: what its constructs match, what is refused and where, and what hostile grammars cost."""

from __future__ import annotations

import time

import llguidance
import llguidance.hf
import pytest
from llguidance.gbnf_to_lark import any_to_lark
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

from mmoe.export.demo.bundled import bundled_checkpoint
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
PROGRAM = r"""
root        ::= (function)*
function    ::= typeName name "(" (typeName name)? ")" "{" step* "}"
typeName    ::= "int" gap | "bool" gap
name        ::= [a-zA-Z_] [a-zA-Z_0-9]*
step        ::=
    ( typeName name gap "=" gap value ";" ) |
    ( name gap "(" (value ("," gap value)*)? ")" ";" ) |
    ( "give" gap value ";" ) |
    ( "as" "(" test ")" "{" step* "}" ("or" "{" step* "}")? ) |
    ( remark )
test        ::= value ("<=" | "<" | "==") value
value       ::= product(("+" | "-") product)*
product     ::= factor(("*" | "/") factor)*
factor      ::= name | [0-9]+ | "-" factor | name "(" (value ("," gap value)*)? ")" | "(" gap value gap ")"
remark      ::= "//" [^\n]* "\n" | "/*" ( [^*] | ("*" [^/]) )* "*/"
gap         ::= ([ \t\n]+)
"""
PROGRAM_TEXTS = {
    "": True,
    "int f(){give 0;}": True,
    "int f(bool b){as(b==1){f ();}or{}}int g(){}": True,
    "int f(){int x = -g(a, ( b ))*2;// as\n/* a * b */}": True,
    "int f(){give\t\n1+2-x/3;}": True,
    "int f() {}": False,
    "int f(){give x}": False,
    "int f(){f();}": False,
    "int f(){/***/}": False,
    "long f(){}": False,
    "int f(){as(a){}}": False,
}
# Blanks by a rule that calls itself; characters up to the last one, surrogates' numbers among them.
RECURSIVE_JSON = r"""
root   ::= object
value  ::= object | array | string | "-"? [0-9]+ ws | ("true" | "false") ws
object ::= "{" ws ( string ":" ws value ("," ws string ":" ws value)* )? "}"
array  ::= "[" ws ( value ("," ws value)* )? "]"
string ::=
  "\"" (
    [\x20\x21\x23-\x5b\x5d-\U0010FFFF] | # neither " (\x22) nor \ (\x5c)
    "\\" (["\\/bfnrt] | "u" [0-9a-fA-F] [0-9a-fA-F] [0-9a-fA-F] [0-9a-fA-F])
  )* "\""
ws     ::= ([ \t\n] ws)?
"""
SIGNS = r"""
root ::= sign+ ([ \t\n] sign+)*
sign ::= letter | [0-9] | mark
letter ::= [a-zA-Z]
mark ::= [!"#$%&'()*+,-./:;<=>?@[\\\]^_`{|}~]
"""
KANA = "root ::= [ぁ-ゟ]+ ([ \\t\\n] [ァ-ヿ]+)*"


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.from_file(str(bundled_checkpoint() / "tokenizer.json"))


@pytest.fixture(scope="module")
def oracle(tokenizer: Tokenizer) -> llguidance.LLTokenizer:
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer)
    return llguidance.hf.from_tokenizer(fast, eos_token=0)


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
        (
            PROGRAM,
            [text for text, whole in PROGRAM_TEXTS.items() if whole],
            [text for text, whole in PROGRAM_TEXTS.items() if not whole],
        ),
        (
            RECURSIVE_JSON,
            ['{"a": 1}', '{"é😀\U0010ffff":[1,2 ,{}]}', '{   "a":   true   }', '{"\\u00e9\\/": -0}'],
            ['{"a":1.5}', '{  "a" :1}', '{"a":"\n"}', '{"a":"\\u00g1"}', "[]"],
        ),
        (SIGNS, ["Hello, world!", "[x] `y` \\z ^{|}~", "a-b\tc"], ["two  blanks", "é", " a", ""]),
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


@pytest.mark.parametrize(
    ("grammar", "texts"),
    [
        (CHESS, ["1. e4 e5\n2. Nf3 Nc6\n", "1. e4 e5\n", "1. e9 e5\n2. a1 a1\n", "1. exd5 O-O-O\n99. e8=Q+ Ra1b2\n"]),
        (JSON, ['{"a": [1, -2.5e+3, {"b": null}]}', '{"a": 01}', '{"\\u00e9": "é\\n"}', "[]", '{"a":  1}']),
        (LIST, ["- one\n- two\n", "- \n", "- a\u2028b\n", "- a\x85b\n", "- 日本\n", "- a"]),
        (KANA, ["ひらがな カタカナ", "あ", "カ", "あ\rカ", "ひ  カ"]),
        (PROGRAM, list(PROGRAM_TEXTS)),
        (SIGNS, ["Hello, world!", "[x] `y` \\z ^{|}~", "two  blanks", "é", " a"]),
    ],
)  # fmt: skip
def test_texts_are_judged_as_llguidance_judges_them(
    grammar: str, texts: list[str], oracle: llguidance.LLTokenizer, tokenizer: Tokenizer
) -> None:
    compiled, lark = CoreGrammar(grammar=grammar), any_to_lark(grammar)
    for text in texts:
        matcher = llguidance.LLMatcher(oracle, lark, log_level=0)
        assert not matcher.get_error()
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        whole = all(matcher.consume_token(token) for token in ids) and matcher.is_accepting()
        assert compiled.accepts(text) == whole, text


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
