"""Snippets of templates, one for each thing that the language has: expressions, filters, tests, methods, statements."""

from __future__ import annotations

VARIABLES: dict[str, object] = {
    "n": 7,
    "x": 2.5,
    "s": "Hello, World",
    "u": "Größe ΑΣ ſtraße",
    "empty": "",
    "flag": True,
    "nothing": None,
    "numbers": [3, 1, 2],
    "words": ["pear", "Apple", "fig", "apple"],
    "mixed": [1, "a", None, 2.0, [1], {"k": "v"}],
    "people": [
        {"name": "Ann", "age": 30, "tags": ["a", "b"]},
        {"name": "bob", "age": 25, "tags": []},
        {"name": "Cy", "age": 35, "city": "Oslo", "tags": ["c"]},
    ],
    "d": {"b": 1, "a": [1, 2], "C": {"x": None}, "items": "shadowed"},
    "html": "<a href='x'>&\"</a>",
    "lines": "one\ntwo\r\nthree\n\nfour\n",
    "space": " \t\u00a0\u2003 padded \u3000\n",
    "tree": [{"v": 1, "c": [{"v": 2, "c": []}, {"v": 3, "c": [{"v": 4, "c": []}]}]}],
}

EXPRESSIONS = r"""
1 + 2 * 3 - 4 / 2
7 // 2, -7 // 2, 7 % 3, -7 % 3, 7 % -3
2 ** 10, 2 ** -1, 2.0 ** 0.5, (-2) ** 2, -2 ** 2, 2 ** 3 ** 2
7.5 // 2, -7.5 % 2, 1e3, 1.5e-7, 1e16, 1e22, 123456789.123, 0.1 + 0.2, 1/3
1 / 0
1 % 0
0 ** -1
10 ** 18
9223372036854775807
9223372036854775807 + 0
5 == 5.0, True == 1, 'a' == 'a', [1] == [1.0], {'a': 1} == {'a': 1}, (1,) == [1]
1 < 2 < 3, 1 < 3 < 2, 1 <= 1 >= 1, 'a' < 'b', 'Z' < 'a', [1, 2] < [1, 3], (1,) < (1, 0)
1 < 'a'
nothing < 1
'ell' in s, 'x' not in s, 3 in numbers, 'b' in d, 1 not in [], 'a' in 'b'
1 in 'a'
1 in 5
not 1 == 2, not not '', not flag and nothing
nothing or 'x', 0 or '', 1 and 2, '' and 1, 0 or nothing
1 if flag else 2, 1 if nothing else 2, 'a' if false
('a' if false) is defined
1 if true else 2 if false else 3
1 ~ 2 ~ none ~ true ~ 'a' ~ 1.0 ~ [1, 'b']
'a' + 'b', [1] + [2], (1,) + (2,), 'ab' * 3, [0] * 3, 2 * 'x', 'x' * -1, (1, 2) * 2
'a' + 1
1 + none
[1] + (2,)
-n, +n, --n, -x, -true
-'a'
s[0], s[-1], s[1:4], s[::-1], s[::2], s[-3:], s[:-3], s[5:2], s[10:100], u[1:4], u[-1]
s[99], s['a'], numbers[9], numbers[-4]
numbers[0], numbers[-1], numbers[1:], numbers[::-1], numbers[:2], numbers[-1:], numbers[3:0:-1], (1, 2, 3)[1:]
numbers[::0]
numbers['a':]
d[1:]
d['a'], d.a, d['zz'], d.zz, d.C.x, d['C']['x'], d.a.0, d.a.1, d.a.9
d.zz.y
undefined_name, undefined_name ~ 'x'
undefined_name.attribute
undefined_name['a']
undefined_name + 1
undefined_name()
undefined_name == undefined_name, undefined_name == none, undefined_name in [1]
(undefined_name or 'fallback')
undefined_name < 1
-undefined_name
'a' in undefined_name
d.items()|list
d['items'], d['keys'] is callable
{'a': 1, 'b': [1, 2.5, none, true], 3: 'x', 1.5: (), none: (1,), true: 'b'}
{'a': 1, 'a': 2}
{1: 'a', 1.0: 'b', true: 'c'}
{[1]: 2}
[], (), {}, (1,), (1, 2), [1, [2, [3]]]
'it\'s', "a\"b", 'a\nb\tc', '\x41\u00e9\U0001F600\101\q', "it's" ~ ["it's", 'say "x"', 'both \' "']
'a' 'b' "c"
['\x00\x1f\x7f', 'é\u200b\u2028\xa0', '\U0001F600', '\ufeff', '\\', '\r\n\t']
"%s and %d and %05.1f and %x and %r and %%" % ('a', 5, 2.25, 255, 'q')
"%s" % 5, "%-5s|" % 'ab', "%5s|" % 'ab', "%+d" % 5, "%(k)s" % {'k': 'v'}, "%05d" % -42, "%s" % [1]
"%d" % 'a'
"%s %s" % 'a'
"%s" % (1, 2)
0x1F, 0o17, 0b101, 1_000, 1_0.2_5, 00
1.
range(3)|list, range(1, 4)|list, range(5, 0, -2)|list, range(0), range(2, 5), range(0, 9, 3)
range(3)[1], range(3)[-1], 2 in range(3), range(3)|length
range(1, 5, 0)
range('a')
range(200000)
dict(a=1, b=2), dict({'x': 1}, y=2), dict([['a', 1], ('b', 2)])
dict(1)
namespace(a=1).a, namespace({'k': 'v'}).k, namespace(a=1)
namespace(a=1).zz
namespace(_a=1)
namespace()._x
strftime_now('%Y-%m-%d %H:%M:%S %d %b %B %a %A %j %y %p %I'), strftime_now('%-d/%-m'), strftime_now('%e|%D|%F|%T|%R|%U|%W|%V|%G|%u|%w|%C|%h|%%')
raise_exception('no')
raise_exception(1)
joiner(', ')() ~ 'a', cycler('a', 'b').next(), cycler(1, 2).current
cycler()
numbers.append(4)
numbers.append is defined, d.update is defined, numbers.append
d.pop('a')
d.update(a=1)
numbers.sort()
[].__class__, ''.__class__, d.__class__, s.__len__
s()
numbers.count(1), numbers.index(2), (1, 2, 1).count(1)
numbers.index(9)
d.get('a'), d.get('zz'), d.get('zz', 5), d.keys()|list, d.values()|list, d.items()|list|length, d.copy() == d
d.keys(), d.values(), {'a': 1}.items()
d.get()
d.keys()[0]
'b' in d.keys(), 1 in d.values()
s.upper(), s.lower(), s.title(), s.capitalize(), s.swapcase(), u.upper(), u.lower(), u.title(), u.capitalize()
'ǆ'.title(), 'ŉ'.upper(), 'İ'.lower(), 'ΑΣΑ ΑΣ. Σ'.lower(), 'ﬁ'.upper(), "they're".title()
space.strip()|list|length, space.lstrip(), space.rstrip(), 'xxaxx'.strip('x'), 'abcba'.strip('ab'), 'xax'.lstrip('x'), 'xax'.rstrip('x')
'a,b,,c'.split(','), 'a b  c '.split(), ' a b c'.split(none, 1), 'a,b,c'.split(',', 1), 'a--b'.split('--'), ''.split(), ''.split(',')
'a,b,c'.rsplit(',', 1), ' a b c '.rsplit(none, 1), ' a b c '.split(none, 1), 'a,b,c'.rsplit(','), 'a'.split(',')
'a'.split('')
lines.splitlines(), lines.splitlines(true), ''.splitlines(), 'a\u2028b\x0bc\x85d'.splitlines()
s.startswith('He'), s.endswith('ld'), s.startswith(('x', 'H')), s.startswith('l', 2), s.endswith('o', 0, 5), s.startswith(''), ''.startswith('', 1)
s.startswith(1)
s.find('o'), s.rfind('o'), s.find('zz'), s.index('W'), s.find('o', 5), s.find('o', 0, 3), u.find('ß'), ''.find(''), s.count('l'), s.count('')
s.index('zz')
s.replace('l', 'L'), s.replace('l', 'L', 1), s.replace('', '-'), 'aaa'.replace('aa', 'b'), s.replace('zz', 'y')
','.join(words), ''.join([]), '-'.join('abc')
','.join([1])
s.partition(', '), s.rpartition('o'), s.partition('zz'), s.rpartition('zz')
s.removeprefix('Hello'), s.removesuffix('World'), s.removeprefix('zz')
'7'.zfill(3), '-7'.zfill(4), 'ab'.center(7, '*'), 'ab'.center(5), 'abc'.center(6, '.'), 'ab'.ljust(4) ~ '|', 'ab'.rjust(4), 'ab'.center(1)
'a\tb\tc'.expandtabs(4), '\tx'.expandtabs()
'abc'.isalpha(), 'a1'.isalnum(), '12'.isdigit(), ' \t'.isspace(), 'Ab'.isupper(), 'AB'.isupper(), 'ab1'.islower(), 'Ab Cd'.istitle(), ''.isalpha(), 'é'.isalpha(), 'é'.isascii()
'{} and {}'.format(1, 'a'), '{1}{0}'.format('a', 'b'), '{x}'.format(x=5), '{0.name} {0[age]}'.format(people[0]), '{{}}'.format(), '{!r}'.format('a'), '{:>5}|{:<5}|{:^5}|'.format('a', 'b', 'c'), '{:05.2f}'.format(3.14159), '{:,}'.format(1234567), '{:x}'.format(255), '{:+d}'.format(3)
'{}'.format()
'{zz}'.format(a=1)
s is string, n is string, nothing is none, n is number, x is float, n is integer, true is integer, true is number, flag is boolean
d is mapping, numbers is mapping, numbers is sequence, s is sequence, d is sequence, n is sequence, numbers is iterable, n is iterable, undefined_name is iterable
undefined_name is defined, undefined_name is undefined, d.zz is defined, d.a is defined, nothing is defined
n is odd, n is even, n is divisibleby 7, n is divisibleby(2), 3 is eq 3, 3 is ne 4, 3 is gt 2, 3 is lt 2, 3 is ge 3, 3 is le 2, 3 is equalto 3, 3 is greaterthan 2, 3 is lessthan 2
'ab' is lower, 'AB' is upper, 'Ab' is lower, 'a' is in 'abc', 1 is in [1], 1 is sameas 1, true is sameas true, 1 is sameas true, none is sameas none
true is true, 1 is true, false is false, 0 is false, range is callable, s is callable, s.upper is callable, namespace is callable
n is not string, not n is string, n is not odd and n is odd, s is string and n is number
1 is divisibleby 0
n is unknown_test
n is string is string
s | upper, s | lower, s | title, s | capitalize, "o'neil foo-bar (baz" | title, u | upper, 5 | upper, none | upper
space | trim, 'xax' | trim('x'), 5 | trim, none | trim
s | length, numbers | length, d | length, numbers | count, u | length, undefined_name | length, range(4) | length
5 | length
nothing | length
s | first, s | last, numbers | first, numbers | last, [] | first, '' | last, d | first, undefined_name | first
numbers | join, numbers | join(', '), people | join(', ', attribute='name'), [1, none, true] | join('-'), 'abc' | join('.'), undefined_name | join
5 | join
undefined_name | default('x'), '' | default('x'), '' | default('x', true), nothing | default('x'), nothing | d('x', boolean=true), undefined_name | default, 0 | d(1, true)
s | replace('l', 'L'), s | replace('l', 'L', 1), 5 | replace('5', 6), s | replace('l', 'L', count=2)
s | replace('l')
numbers | list, s | list, d | list, (1, 2) | list, undefined_name | list, range(2) | list
5 | list
numbers | sort, words | sort, words | sort(case_sensitive=true), words | sort(reverse=true), people | sort(attribute='age') | map(attribute='name') | list, people | sort(attribute='name,age') | map(attribute='age') | list, numbers | sort(true)
mixed | sort
words | unique | list, words | unique(case_sensitive=true) | list, [1, 1.0, true, 2] | unique | list, people | unique(attribute='age') | list | length
numbers | reverse | list, s | reverse, words | map('upper') | reverse
numbers | sum, people | sum(attribute='age'), [] | sum, [1.5, 2] | sum, numbers | sum(start=10), [[1], [2]] | sum(start=[])
words | sum
numbers | min, numbers | max, words | min, words | max, [] | min, people | max(attribute='age'), 'abc' | max, words | min(case_sensitive=true)
people | map(attribute='name') | list, people | map(attribute='tags.0') | list, people | map(attribute='city', default='?') | list, words | map('upper') | list, numbers | map('string') | join('+'), ['a'] | map('replace', 'a', 'b') | list, none | map('upper') | list, words | map('length') | sum
numbers | map('unknown') | list
numbers | map | list
numbers | select | list, [0, 1, '', 'a', none] | select | list, numbers | select('odd') | list, numbers | reject('odd') | list, numbers | select('gt', 1) | list, [1, 'a'] | select('string') | list, [0, 1] | reject | list
people | selectattr('city') | list | length, people | selectattr('age', 'gt', 28) | map(attribute='name') | join(','), people | rejectattr('city', 'defined') | list | length, people | selectattr('name', 'equalto', 'Ann') | first, people | selectattr('name', 'in', ['Cy']) | list | length, people | rejectattr('tags') | map(attribute='name') | list
numbers | select('unknown') | list
numbers | batch(2) | list, numbers | batch(2, 'x') | list, [] | batch(3) | list
5 | string, 1.0 | string, none | string, [1] | string, s | string
'42' | int, '4.7' | int, 'x' | int, 'x' | int(9), 3.9 | int, -3.9 | int, true | int, '0x1F' | int(base=16), ' 5 ' | int, none | int, '1_000' | int, '' | int, [] | int, '7f' | int(0, 16), 'inf' | int
'4.5' | float, 'x' | float, 5 | float, none | float, 'x' | float(1.5), ' 1e3 ' | float, 'nan' | float | string, '-inf' | float | string, '0x10' | float
undefined_name | int
undefined_name | float
2.5 | round, 3.5 | round, 2.675 | round(2), 7 | round, 2.1 | round(method='ceil'), 2.9 | round(method='floor'), 1234.5 | round(-2), 2.25 | round(1), 7 | round(1, 'ceil')
'a' | round
-5 | abs, -2.5 | abs, true | abs
'a' | abs
d | dictsort, d | dictsort(reverse=true), {'b': 1, 'A': 2} | dictsort, {'b': 1, 'A': 2} | dictsort(true), {'b': 1, 'A': 2} | dictsort(by='value')
5 | dictsort
d | items | list, undefined_name | items | list
numbers | items | list
lines | indent, lines | indent(2), lines | indent(2, true), lines | indent(2, blank=true), lines | indent('> '), lines | indent(width=3, first=true, blank=true), '' | indent, 'a' | indent(2, true)
5 | indent
html | escape, html | e, html | safe, (html | e) + '<', ('<' | safe) + '<', (html | safe) ~ '<', html | escape | escape, html | safe | upper, [html | safe], ('<%s>' | safe) % '<'
'%s-%s' | format('a', 1), '%(a)s' | format(a=5), '%d%%' | format(50)
'a' | center(5) ~ '|', people[0] | attr('keys') is callable, {'a': 1} | attr('a')
d | tojson, numbers | tojson, s | tojson, u | tojson, none | tojson, true | tojson, 1.0 | tojson, 1e20 | tojson, html | tojson, (1, 2) | tojson, '"\\\n\x01\x7f\u2028' | tojson
d | tojson(indent=2), d | tojson(indent=0), [] | tojson(indent=2), [[]] | tojson(indent=1), d | tojson(indent='\t'), [1, [2]] | tojson(2), d | tojson(indent=-1)
u | tojson(ensure_ascii=true), '\U0001F600' | tojson(true), d | tojson(separators=(',', ':')), d | tojson(sort_keys=true), d | tojson(false, none, [', ', ' = ']), {'b': 1, 'a': {'d': 1, 'c': 2}} | tojson(indent=1, sort_keys=true)
{1: 'a', none: 'b', true: 'c', 1.5: 'd'} | tojson
undefined_name | tojson
[range] | tojson
{'a': undefined_name} | tojson
{1: 1, 'a': 2} | tojson(sort_keys=true)
d | tojson(unknown=1)
d | tojson(separators=1)
s | unknown_filter
s | upper | lower | first, s | upper() | length, (s | upper)[0], s.split(', ') | last | upper, - n | abs
s | upper.lower()
[1, 2, 3,], {'a': 1,}, (1, 2,)
s.upper( ), s . upper(), numbers [0]
[[1, 2], [3]][0][1], {'a': {'b': [1, {'c': 2}]}}.a.b[1].c
(numbers | map('string') | list) + ['x']
numbers | map('string') | length
(numbers | map('string')) is iterable, (numbers | map('string')) is sequence
people[0].tags, people[-1]['city'], people | length > 2, people[0].name ~ people[1].name
people[0].name.upper().lower().title()[0]
*numbers
dict(**{'a': 1}), range(*[1, 3]) | list
s if s else
(1
1 +
{'a' 1}
[1 2]
a b
1 is
'a
a..b
a.
!a
a = 1
f(a=1, 2)
f(a=1, a=2)
""".strip().splitlines()

STATEMENTS = [
    "{% if n > 5 %}a{% elif n %}b{% else %}c{% endif %}",
    "{% if nothing %}a{% elif flag %}b{% else %}c{% endif %}",
    "{% if 1, %}tuple{% endif %}",
    "{% for i in numbers %}{{ i }},{% endfor %}",
    "{% for i in [] %}x{% else %}none{% endfor %}",
    "{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}",
    "{% for k, v in d | dictsort %}{{ k }};{% endfor %}",
    "{% for (a, b), c in [((1, 2), 3)] %}{{ a }}{{ b }}{{ c }}{% endfor %}",
    "{% for a, b in [(1, 2, 3)] %}{{ a }}{% endfor %}",
    "{% for a in 1, 2 %}{{ a }}{% endfor %}",
    "{% for c in 'äb' %}{{ c }}.{% endfor %}",
    "{% for k in d %}{{ k }}.{% endfor %}",
    "{% for i in 5 %}{{ i }}{% endfor %}",
    "{% for i in nothing %}{{ i }}{% endfor %}",
    "{% for i in undefined_name %}{{ i }}{% else %}empty{% endfor %}",
    "{% for i in numbers if i > 1 %}{{ i }}{{ loop.index }}{{ loop.last }}{{ loop.length }};{% endfor %}",
    "{% for i in numbers if i > 9 %}{{ i }}{% else %}none{% endfor %}",
    "{% for i in numbers %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}"
    "{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.depth }}{{ loop.depth0 }};{% endfor %}",
    "{% for i in numbers %}{{ loop.previtem }}<{{ i }}>{{ loop.nextitem }};{% endfor %}",
    "{% for i in numbers %}{{ loop.previtem is defined }}{{ loop.nextitem is defined }}{% endfor %}",
    "{% for i in numbers %}{{ loop.cycle('a', 'b') }}{{ loop.changed(i > 1) }}{% endfor %}",
    "{% for i in numbers %}{{ loop }}{% endfor %}",
    "{% for i in numbers %}{{ loop() }}{% endfor %}",
    "{% for i in numbers %}{% for j in numbers %}{{ loop.index }}{% endfor %}{{ loop.index }};{% endfor %}",
    "{% for i in numbers %}{% set outer = loop %}{% for j in [1, 2] %}{{ outer.index }}{{ loop.index }} {% endfor %}{% endfor %}",
    "{% for node in tree recursive %}{{ node.v }}{{ loop.depth }}{% if node.c %}({{ loop(node.c) }}){% endif %}{% endfor %}",
    "{% for i in range(9) %}{% if i == 3 %}{% continue %}{% endif %}{% if i > 5 %}{% break %}{% endif %}{{ i }}{% endfor %}",
    "{% for i in numbers %}{% for j in numbers %}{% break %}{% endfor %}{{ i }}{% endfor %}",
    "{% for i in numbers %}{% break %}{% else %}none{% endfor %}",
    "{% for i in numbers %}{{ i }}{% continue %}{% else %}none{% endfor %}",
    "{% for i in numbers %}{{ i }}{% if i == 2 %}{% break %}{% endif %}{% else %}none{% endfor %}",
    "{% break %}",
    "{% for i in numbers %}{% macro f() %}{% break %}{% endmacro %}{% endfor %}",
    "{% for i in numbers %}{% set x = i %}{{ x }}{% endfor %}{{ x }}",
    "{% for i in numbers %}{{ y }}{% set y = i %}{{ y }}{% endfor %}{{ y }}",
    "{% set total = 0 %}{% for i in numbers %}{% set total = total + i %}{% endfor %}{{ total }}",
    "{% set ns = namespace(total=0) %}{% for i in numbers %}{% set ns.total = ns.total + i %}{% endfor %}{{ ns.total }}",
    "{% set ns = namespace(hit=false) %}{% for i in [1, 2, 3] if not ns.hit %}{{ i }}{% if i == 2 %}{% set ns.hit = true %}{% endif %}{% endfor %}",
    "{% set ns = namespace(hit=false) %}{% for i in [1, 2, 3] if not ns.hit %}{{ i }}{{ loop.last }}{% set ns.hit = true %}{% endfor %}",
    "{% set ns.x = 1 %}",
    "{% set d.x = 1 %}",
    "{% set ns = namespace() %}{% set ns._x = 1 %}",
    "{% set a = 1 %}{{ a }}{% set a = a + 1 %}{{ a }}",
    "{% set a, b = 1, 2 %}{{ a }}{{ b }}",
    "{% set a, b = [1] %}",
    "{% set ns = namespace() %}{% set ns.a, b = 1, 2 %}{{ ns.a }}{{ b }}",
    "{% set (a, b) = (1, 2) %}{{ a }}",
    "{% set a = 1, 2 %}{{ a }}",
    "{% set a %}x{{ n }}y{% endset %}{{ a }}{{ a | length }}",
    "{% set a | upper | replace('X', 'z') %}x{{ n }}y{% endset %}{{ a }}",
    "{% set a %}{% set inner = 1 %}{{ inner }}{% endset %}{{ a }}{{ inner }}",
    "{% set ns = namespace() %}{% set ns.a %}block{% endset %}{{ ns.a }}",
    "{% set true = 1 %}",
    "{% if flag %}{% set inside = 1 %}{% endif %}{{ inside }}",
    "{% with a = 1, b = n %}{{ a }}{{ b }}{% endwith %}{{ a }}",
    "{% with %}{% set q = 1 %}{{ q }}{% endwith %}{{ q }}",
    "{% with a = 1 %}{% with a = 2, b = a %}{{ a }}{{ b }}{% endwith %}{% endwith %}",
    "{% filter upper %}abc{{ s }}{% endfilter %}",
    "{% filter replace('a', 'b') | upper %}aaa{% endfilter %}",
    "{% filter unknown %}a{% endfilter %}",
    "{% generation %}{{ s }}{% endgeneration %}|",
    "{% generation %}{% set g = 1 %}{{ g }}{% endgeneration %}{{ g }}",
    "{% for i in numbers %}{% generation %}{{ i }}{{ loop.index }}{% endgeneration %}{% endfor %}",
    "{% for i in numbers %}{% generation %}{% break %}{% endgeneration %}{% endfor %}",
    "{% macro f(a, b=2, c=a) %}{{ a }}{{ b }}{{ c }}{% endmacro %}{{ f(1) }}|{{ f(1, c=3) }}|{{ f(a=5, b=6) }}|{{ f() }}",
    "{% macro f() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ f(1, 2, x=3) }}",
    "{% macro f(a) %}{{ a }}{% endmacro %}{{ f(1, 2) }}",
    "{% macro f(a) %}{{ a }}{% endmacro %}{{ f(z=2) }}",
    "{% macro f(a) %}{{ a }}{% endmacro %}{{ f(1, a=2) }}",
    "{% macro f(a=1, b) %}{% endmacro %}",
    "{% macro f(a) %}{{ a is defined }}{% endmacro %}{{ f() }}{{ f(none) }}",
    "{% macro f(x) %}{% if x %}{{ x }}{{ f(x - 1) }}{% endif %}{% endmacro %}{{ f(5) }}",
    "{% macro f() %}{{ later }}{% endmacro %}{% set later = 5 %}{{ f() }}",
    "{% macro f() %}{% set leak = 1 %}{% endmacro %}{{ f() }}{{ leak }}",
    "{% macro f() %}{{ n }}{% set n = 1 %}{{ n }}{% endmacro %}{{ f() }}{{ n }}",
    "{% macro f() %}[{{ caller() }}]{% endmacro %}{% call f() %}body {{ n }}{% endcall %}",
    "{% macro f() %}[{{ caller(1, 2) }}]{% endmacro %}{% call(a, b) f() %}{{ a }}{{ b }}{% endcall %}",
    "{% macro f() %}x{% endmacro %}{% call f() %}body{% endcall %}",
    "{% macro f() %}{{ caller() if caller else 'none' }}{% endmacro %}{{ f() }}",
    "{% macro f() %}{{ caller }}{% endmacro %}{{ f() }}",
    "{% macro f(a) %}x{% endmacro %}{{ f }}{{ f is callable }}{{ f.name }}",
    "{% call s %}{% endcall %}",
    "{% macro outer() %}{% macro inner() %}in{% endmacro %}{{ inner() }}{% endmacro %}{{ outer() }}",
    "{% set f = s.upper %}{{ f() }}",
    "{% set j = joiner('; ') %}{% for i in numbers %}{{ j() }}{{ i }}{% endfor %}",
    "{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.next() }}{{ c.next() }}{{ c.current }}{{ c.reset() }}{{ c.next() }}",
    "{% raw %}{{ n }}{% if %}{# x #}{% endraw %}|",
    "a\n  {% raw %}\n  {{ x }}\n  {% endraw %}\nb",
    "a {%- raw -%}  x  {%- endraw -%} b",
    "{% raw %}open",
    "{# comment #}a{#- trimmed -#} b",
    "a\n  {# alone #}\nb",
    "{# open",
    "a\n{% if flag %}\n  b\n{% endif %}\nc\n",
    "a\n  {% if flag %}\n  b\n  {% endif %}\nc",
    "a\n  {%- if flag -%}\n  b\n  {%- endif -%}\nc",
    "a\n  {%+ if flag +%}\n  b\n  {%+ endif %}\nc",
    "a\n  {{ n }}\n  {{- n -}}\n  b",
    "{% if flag %}  {% if flag %}x{% endif %}{% endif %}",
    "{% if flag %}\n  {% if flag %}x{% endif %}\n{% endif %}\n\n",
    "x  {% if flag %}y{% endif %}",
    "\u00a0\u2003{% if flag %}y{% endif %}",
    "a\u2003{%- if flag %}y{% endif %}",
    "a\r\nb\rc\n{{ n }}\r\n",
    "{{ {'a': {'b': 1}} }}{{ {} }}",
    "{{ '}}' }}{{ \"%}\" }}",
    "{%if flag%}a{%endif%}{{n}}",
    "{% if flag: %}a{% endif %}",
    "{{ n }}{{ }}",
    "{% %}",
    "{% unknown %}",
    "{% if %}a{% endif %}",
    "{% if flag %}a",
    "{% endif %}",
    "{% for %}{% endfor %}",
    "{% for i numbers %}{% endfor %}",
    "{% for i in numbers %}a{% endif %}",
    "{% else %}",
    "{% set %}",
    "{% include 'a' %}",
    "{% extends 'a' %}",
    "{% import 'a' as b %}",
    "{{ n",
    "{{ n }",
    "{{ (1, 2 }}",
    "{{ 1) }}",
    "}} %} #} { % {",
    "{",
    "",
    "\n",
    "\n\n",
    "plain",
    "{% if false %}{{ s | unknown }}{{ n is unknown }}{% endif %}ok",
    "{{ (s | unknown) if false else 'ok' }}",
    "{% for i in [] %}{{ s | unknown }}{% endfor %}ok",
    "{% if flag %}{{ s | unknown }}{% endif %}",
    "{% if false %}{% for i in [1] %}{{ s | unknown }}{% endfor %}{% endif %}ok",
    "{% set messages = [1] %}{{ messages }}",
    "{% set range = 5 %}{{ range }}",
    "{{ messages is defined }}{{ tools is none }}",
]
