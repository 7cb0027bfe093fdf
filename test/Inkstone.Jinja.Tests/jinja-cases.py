"""Writes jinja-cases.json: templates of our own and what jinja2 3.1.6 makes of them, set up as transformers sets it up for chat templates;
and jinja-strict.json: the same set up without trimming, with undefined names as errors.

    python3 jinja-cases.py        (needs jinja2; the tests need only the JSON)
"""
import datetime
import json
import pathlib

import jinja2
import jinja2.ext
from jinja2 import nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment


class Generation(jinja2.ext.Extension):
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return nodes.CallBlock(self.call_method("_body"), [], [], body).set_lineno(line)

    def _body(self, caller):
        return caller()


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


NOW = datetime.datetime(2024, 7, 6, 15, 5, 3, 123456)
ENV = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols])
STRICT = ImmutableSandboxedEnvironment(keep_trailing_newline=True, undefined=jinja2.StrictUndefined, extensions=[Generation, jinja2.ext.loopcontrols])
for env in ENV, STRICT:
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = lambda form: NOW.strftime(form)

VARIABLES = {
    "n": 7, "zero": 0, "neg": -3, "pi": 3.14159, "big": 123456789012345678901234567890, "half": 2.5, "small": 1e-7, "huge": 1e22,
    "yes": True, "no": False, "nothing": None, "s": "Hello, World", "u": "床前明月光😀é", "blank": " \t x y \n ", "html": "<a href=\"x\">'&'</a>",
    "lines": "one\ntwo\r\nthree\n\nfive", "xs": [3, 1, 2], "words": ["pear", "Apple", "fig", "apple"], "empty": [], "mixed": [1, "a", None, True, 2.0, [1], {"k": "v"}],
    "d": {"b": 1, "a": {"x": [1, {"y": "deep"}]}, "items": "shadowed", "1": "one", "B": 2}, "none_in": {"v": None},
    "people": [{"name": "Li", "age": 30, "city": "北京"}, {"name": "bo", "age": 25, "city": "Paris"}, {"name": "Al", "age": 30}, {"name": "Di", "age": None}],
    "messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "Q1"}, {"role": "assistant", "content": "A1"}, {"role": "user", "content": "Q2"}],
}

# Values of expressions, one per line.
EXPRESSIONS = r"""
1 + 2 * 3 - 4
7 / 2
6 / 2
7 // 2
-7 // 2
7 % 3
-7 % 3
7.5 // 2
-7.5 % 2
7 % -3.5
2 ** 10
2 ** -1
2 ** 3 ** 2
-2 ** 2
2 ** 0.5
big * big
big // 7 % 1000
big / 3
1 / 3
0.1 + 0.2
1e16
1e15
123456789.123456789
1e-5
0.0001
-0.0
1.0
100.0 * 1000
huge
small
1_000 + 0x1f + 0b11 + 0o17
1_0.5_0
1.5e3
(1, 2, 3)
(1,)
()
1, 2
[1, 'a', "b'c", none, true, 1.5, {'k': [1]}]
{'a': 1, 'b': {'c': (1, 2)}, 3: 'x', none: 0}
"it's" ~ 'say "hi"'
["it's", 'say "hi"', 'both \' and "', 'tab\t', 'nl\n', 'bs\\', 'é床😀', '\x07', '\u200b', '\x7f']
'\x41\u5e8a\U0001F600\101\z\'\"'
'a\
b'
"adjacent " 'texts' " join"
true and 0 or 'x'
not none
none is none
not yes and no
1 < 2 < 3
1 < 3 < 2
3 > 2 >= 2 != 1
1 == 1.0
true == 1
1 == '1'
'a' < 'b'
'Z' < 'a'
[1, 2] < [1, 3]
(1, 2) == [1, 2]
{'a': 1} == {'a': 1.0}
none == undefinedname
2 in xs
2 not in xs
'World' in s
'b' in d
'deep' in d
[1] in mixed
n if yes
n if no
(n if no) is defined
'a' if n > 5 else 'b' if n > 3 else 'c'
xs[0], xs[-1], xs[5]
xs[1:], xs[:-1], xs[::-1], xs[::2], xs[-2:10], xs[5:1:-1]
u[0], u[-1], u[1:3], u[::-1], u[5:], u[5], u|length
s[7:12]
d.b, d['b'], d.a.x[1].y, d.a['x'][0], d['1'], d.missing, d['missing']
d.items() | list | length
d.items == 'shadowed'
d['items']
people[0].name
people.0.name
xs.1
s.upper(), s.lower(), s.title(), s.swapcase(), 'ab cd'.capitalize()
blank.strip() ~ '|' ~ blank.lstrip() ~ '|' ~ blank.rstrip() ~ '|'
'xxhixx'.strip('x'), 'abcba'.lstrip('ab'), 'abcba'.rstrip('ab'), '床前床'.strip('床')
'a,b,,c'.split(','), 'a b  c '.split(), ' a b c '.split(' '), 'a,b,c'.split(',', 1), 'a b c'.split(none, 1), 'a,b,c'.rsplit(',', 1), ' a b c '.rsplit(none, 1)
lines.splitlines(), lines.splitlines(true)
'a-b-c'.partition('-'), 'a-b-c'.rpartition('-'), 'abc'.partition('-'), 'abc'.rpartition('-')
'-'.join(['a', 'b']), ''.join('abc'), ', '.join(d)
'aXbXc'.replace('X', '-'), 'aXbXc'.replace('X', '-', 1), 'abc'.replace('', '.')
s.startswith('Hell'), s.startswith(('x', 'H')), s.endswith('d'), s.endswith('World', 7), s.startswith('World', 7)
s.find('o'), s.rfind('o'), s.find('z'), s.index('W'), s.count('l'), u.find('明'), u.find('é'), s.find('o', 5), s.find('o', -5, -1), s.count('')
'abc'.center(9, '*'), 'abcd'.center(9, '*'), 'abc'.ljust(6) ~ '|', 'abc'.rjust(6, '0'), '-42'.zfill(6), 'a\tb'.expandtabs(4)
'abc'.removeprefix('a'), 'abc'.removesuffix('c'), 'abc'.removeprefix('x')
'abc'.isalpha(), 'ab1'.isalnum(), '12'.isdigit(), ' \n'.isspace(), 'ABC'.isupper(), 'abc'.islower(), 'Ab Cd'.istitle(), ''.isalpha(), '½'.isnumeric(), '1'.isdecimal()
'straße'.upper(), 'ŉ ﬁ'.upper(), 'ΑΣ Σ'.lower(), 'İ'.lower(), 'ǆ'.title(), "they're bill's".title(), "o'neil".capitalize()
'{} and {}'.format('a', 1), '{1}{0}'.format('a', 'b'), '{x} {y:>5}|{z!r}'.format(x=1, y='r', z='q'), '{:05.2f}|{:,}|{:x}|{:#b}|{:+d}|{:e}|{:%}'.format(3.14159, 1234567, 255, 5, 3, 12345.678, 0.25)
'{0[name]} {0.name} {1[1]}'.format(people[0], xs), '{{}}'.format(), '{:*^9}|{:<4}|{:>4}'.format('mid', 'l', 'r'), '{:.3}'.format('abcdef'), '{:{}}|'.format('a', 4)
'{:g} {:g} {:.3g} {:.2e} {:.0f} {:10.3f}|'.format(0.00001234, 1234567.0, 1234.5, 0, 2.5, 2.0005)
'%s %d %5.2f %x %r %%' % ('a', 3.9, 3.14159, 255, 'q'), '%(k)s=%(v)05d' % {'k': 'key', 'v': 42}, '%-5s|%5s|%+d|% d' % ('a', 'b', 1, 2), '%s' % 'one', '%s' % [1, 2], '%c%c' % ('a', 98), '%e %G %g' % (12345.678, 1e-10, 100000), '%o %#x %#o' % (8, 255, 8), '%.3s|' % 'abcdef', '%*d|' % (5, 42)
'ab' * 3, 3 * 'ab', [1, 2] * 2, (1,) * 3, 'x' * 0, 'x' * -1
[1] + [2, 3], (1,) + (2,), 'a' + 'b', 1 + true, 1.5 + 1
1 ~ 'a' ~ none ~ true ~ 1.0 ~ [1] ~ undefinedname
-n, +n, -(-n), - half, -true
undefinedname, undefinedname is defined, undefinedname is undefined, undefinedname|length, undefinedname|list, undefinedname|default('x'), undefinedname|join, not undefinedname
undefinedname == undefinedname2
d.missing is defined, d.b is defined, nothing is defined, none_in.v is none, none_in.w is none, none_in.v is defined
n is odd, n is even, n is divisibleby 7, n is divisibleby(2), 4 is not odd
n is number, yes is number, '1' is number, n is integer, yes is integer, half is float, n is float, big is integer
s is string, n is string, d is mapping, xs is mapping, xs is sequence, s is sequence, d is sequence, n is sequence, xs is iterable, n is iterable, undefinedname is iterable, range(3) is sequence
yes is true, 1 is true, no is false, 0 is false, yes is boolean, 1 is boolean
'abc' is lower, 'ABC' is upper, 'aBc' is lower, '12' is lower
n is eq 7, n is ==(7), n is equalto 7, n is ne 8, n is gt 6, n is greaterthan 7, n is ge 7, n is lt 8, n is lessthan 7, n is le 7
2 is in xs, 5 is in xs, 2 is not in(xs), 'x' is in 'xyz'
none is sameas none, 1 is sameas true, yes is sameas true, 'upper' is filter, 'nofilter' is filter, 'odd' is test, range is callable, n is callable, 'x'|e is escaped, s is escaped
n is none or yes is true and s is string
s|upper, s|lower, 'hello world-wide (web)'|title, 'HELLO'|capitalize, blank|trim ~ '|', 'xxaxx'|trim('x')
s|length, xs|count, d|length, s|wordcount, u|length
xs|first, xs|last, empty|first, empty|last, u|first, u|last, d|first, d|last, range(5)|last
xs|sort, xs|sort(reverse=true), words|sort, words|sort(case_sensitive=true), words|sort(true), words|sort(reverse=true, case_sensitive=true)
people|sort(attribute='name')|map(attribute='name')|list, people[:3]|sort(attribute='age,name')|map(attribute='name')|join(' '), people[:3]|sort(attribute='age', reverse=true)|map(attribute='name')|join(' ')
words|unique|list, words|unique(case_sensitive=true)|list, people|unique(attribute='age')|map(attribute='name')|list
xs|min, xs|max, words|min, words|max(case_sensitive=true), empty|max, people[:3]|max(attribute='age'), 'hello'|max
xs|sum, people[:3]|sum(attribute='age'), [1.5, 2]|sum, xs|sum(start=10), [[1], [2]]|sum(start=[])
xs|join, xs|join(', '), people|join(', ', attribute='name'), 'abc'|join('-'), d|join(','), xs|join(1)
words|map('upper')|list, words|map('replace', 'p', 'q')|join(','), people|map(attribute='city', default='?')|list, people|map(attribute='city')|list, words|map('length')|sum, people|map('items')|map('list')|first|first
xs|select('odd')|list, xs|reject('odd')|list, xs|select('gt', 1)|list, mixed|select|list, mixed|select('string')|list, mixed|reject('none')|list|length
people|selectattr('age')|map(attribute='name')|list, people|selectattr('age', 'eq', 30)|list|length, people|rejectattr('city', 'defined')|map(attribute='name')|list, people|selectattr('name', 'in', ['Li', 'Al'])|map(attribute='age')|list, messages|selectattr('role', 'equalto', 'user')|list|last
xs|reverse|list, s|reverse, xs|list|reverse|first, u|reverse, range(3)|reverse|list
xs|batch(2)|list, xs|batch(2, 'x')|list, range(7)|slice(3)|list, range(7)|slice(3, 'x')|list
people[:3]|groupby('age')|list, (people[:3]|groupby('age'))[0].grouper, (people[:3]|groupby('age'))[1].list|length, people|groupby('city', default='nowhere')|map(attribute='grouper')|list, words|groupby(0)|map('first')|list
d|dictsort, {'b': 2, 'A': 3, 'c': 1}|dictsort, {'b': 2, 'A': 3, 'c': 1}|dictsort(true), {'b': 2, 'A': 3, 'c': 1}|dictsort(by='value'), {'b': 2, 'A': 3, 'c': 1}|dictsort(false, 'value', true)
d|items|list|length, {'a': 1}|items|list, {'a': 1}.items(), {'a': 1}.keys(), {'a': 1}.values(), {'a': 1}.keys()|list, undefinedname|items|list
{'a': 1}.get('a'), {'a': 1}.get('b'), {'a': 1}.get('b', 2), {'a': 1}.copy(), dict(a=1, b=2), dict({'a': 1}, b=3), dict([('x', 1)]), dict()
[1, 2, 1].count(1), [1, 2, 1].index(2), (1, 2).index(2), [1].copy()
'3.7'|int, '42'|int, 'x'|int, 'x'|int(-1), '0x1f'|int(base=16), '101'|int(base=2), 3.99|int, none|int, true|int, ' 12 '|int, '1_000'|int, '-5'|int, '1e3'|int, ''|int
'3.7'|float, 'x'|float, 'x'|float(1.5), 3|float, '1e3'|float, 'inf'|float, ' 2 '|float, none|float
3.7|round, 3.2|round, 2.5|round, 3.5|round, 3.14159|round(2), 2.675|round(2), 3.2|round(method='ceil'), 3.7|round(0, 'floor'), 3.14159|round(2, 'ceil'), 42|round, 1234|round(-2), 1250.0|round(-2), -2.5|round, 0.5|round, 1e22|round, 7|round(1, 'floor')
-3|abs, -3.5|abs, true|abs
n|string ~ 1, none|string, [1]|string|length, 1.0|string
xs|tojson, d|tojson, d|tojson(indent=2), d|tojson(separators=(',', ':')), d|tojson(sort_keys=true), {'é': '床😀\u2028'}|tojson, {'é': '床😀'}|tojson(ensure_ascii=true), html|tojson, '\x00\x1f\x7f/\\"\n\t\r\b\f'|tojson, [1.0, 1e22, 1e-7, true, none, (1, 2)]|tojson, {1: 2, none: 3, true: 4, 1.5: 5}|tojson, {}|tojson(indent=2), []|tojson(indent=2), [[], {}]|tojson(indent=1), d.a|tojson(indent='--')
tojson is defined
html|e, html|escape|length, html|safe, (html|safe) + html, html|e|e, html|forceescape, html|e|forceescape|length, 'a'|safe|upper ~ '<', ('<' | safe) ~ '<', '<%s>'|safe
'a b&c/d?é床'|urlencode, {'q': 'a b', 'é': 1}|urlencode, [('x', '/')]|urlencode
'%s and %s'|format('a', 1), '%(x)s'|format(x=2), '%d'|format(3)
lines|indent, lines|indent(2, true), lines|indent('> ', blank=true), 'x'|indent(first=true)
'a long sentence of many words'|truncate(12), 'a long sentence'|truncate(12, true), 'short'|truncate(3), 'a long sentence of words'|truncate(12, end='…', leeway=0), 'averylongwordwithoutblanks'|truncate(10, false, '...', 0)
'abc'|center(10) ~ '|', 123456|filesizeformat, 1|filesizeformat, 999|filesizeformat, 1e9|filesizeformat, 1500|filesizeformat(true)
undefinedname|default, nothing|default('x'), nothing|default('x', true), ''|d('y', boolean=true), 0|default(5, true)
people[0]|attr('name'), 's'|attr('upper') is callable
range(5)|list, range(2, 5)|list, range(10, 0, -3)|list, range(5), range(1, 5), range(0, 10, 2), range(5)[2], range(5)[-1], range(10)[2:8:2]|list, 3 in range(5), range(0)|list, range(5)|length
namespace(a=1, b='x'), namespace(a=1).a, namespace(a=1).b is defined, namespace({'z': 1}).z
1 if undefinedname else 2
[1, 2, 3][1:][0]
{'a': {'b': [10, 20]}}['a']['b'][-1]
(1 + 2) * 3
not (1 in [1, 2] and 'a' == 'b')
'床' ~ '前' in u
- 1 | abs
-1|abs
2 + 3|float
'a' 'b'|upper
[x for x]
[1, 2
1 +
{'a': }
foo(
1 = 2
a b
'unclosed
1 is 2
1|nofilter
1 is notest
yes if no else 1|nofilter
1|nofilter if no else 2
undefinedname.x
undefinedname['x']
undefinedname + 1
1 - undefinedname
undefinedname()
undefinedname|upper ~ 'x'
undefinedname|int
undefinedname < 1
d.missing.more
s.nomethod()
s + 1
1 + s
xs + 'a'
none + 1
'a' - 'b'
1 / 0
1 % 0
1 // 0
1.0 / 0
[] > 1
none < 1
'a' in 1
1 in 'abc'
n.x
n()
xs.append(1)
d.pop('b')
d.update({})
xs['a']
nothing[1:]
s|tojson(5, 6, 7, 8, 9)
s.replace('a')
'%d' % 'x'
'%s %s' % ('a',)
'%s' % ('a', 'b')
'{} {}'.format(1)
'{x}'.format(y=1)
'x'|round
none|length
5|list
xs|sort(nokey=1)
mixed|sort
range(1000000)
raise_exception('No, ' ~ n ~ ' is wrong!')
undefinedname|tojson
xs|join(attribute='x')
'abc'|batch
words|map('nofilter')|list
people|selectattr|list
{[1]: 2}
xs|first|length
strftime_now('%d %b %Y'), strftime_now('%Y-%m-%d %H:%M:%S'), strftime_now('%A %B %-d, %I:%M %p %j %y %U %W %V %u %w %%'), strftime_now('%e|%k|%l|%D|%F|%T|%R|%c|%x|%X|%C|%G|%g|%h|%n|%t|%P|%r|%f|%Z|%z|')
'a\nb'|list, 'x' in ['x'], ['x'] == ['x'], [1, [2, (3,)]] == [1, [2, (3,)]]
[1, true, 1.0]|unique|list, [[1], [1]]|length
1.5|int + 1, '5' * 2, 'x' ~ 5 * 2
1 + 2 ~ 3 + 4
1 ~ 2 * 3 ~ 4
true, True, false, False, none, None
loop is defined
xs|map('string')|map('int')|sum
(xs|map('string')|list)[0] ~ ''
'%.2f' % 2.675, '%.1f' % 0.25, '%.0f' % 0.5, '%.3f' % 1e10, '%5s' % none, '%s' % undefinedname
big|string|length, big % 97, -big // 10, big + 0.5, (2 ** 70)|tojson
1e400, -1e400, 1e308 * 10
'{:.3} {:.3} {:.1} {:.17} {:.2} {:8.4}|'.format(123.0, 12.0, 5.0, 0.1, 1e-7, 2.0), '{:,.2f} {:_} {:010,} {:=+8} {:^8}|{:c}'.format(1234567.891, 1234567, 1234, 5, 6, 65)
'%5.1f|%-8.3e|%+g|%05.1f|%.0f' % (0.05, 1e-7, 1e-5, -2.25, 0.5)
0.1 + 0.7, 4.35 * 100, 1.1 + 2.2, 5e-324, 1.7976931348623157e308, 123456789012345680.0, 0.00001
'abc' < 'abd', 'a' < 'A', '😀' > '￿', 'é' > 'z'
""".strip("\n")

# Whole templates.
TEMPLATES = [
    "a\n{% if true %}\nb\n{% endif %}\nc\n", "a\n  {% if true %}  \n  b\n  {% endif %}\nc\n\n", "  {{ 1 }}\n  {{ 2 }}\n", "x {%- if true -%} y {%- endif -%} z",
    "x\n  {%+ if true %}\ny\n  {%+ endif +%}\nz", "a {{- ' b ' -}} c", "a\n{# comment #}\nb", "a\n  {#- comment -#}\n b", "a {# multi\nline #} b", "a\n  {# c +#}\n b",
    "{% raw %}{{ x }} {% if %}{% endraw %}|", "a\n{% raw -%}\n  b\n{%- endraw %}\n c", "{%- raw %} {{ {% endraw -%} \n x", "a\r\nb\r{{ 1 }}\r\n", "{{ 'a\r\nb'|length }}", "\n\n{{ 1 }}\n\n", "{{ 1 }}\n", "{{1}}{{2}}", "{{-1}}{{- -1}}",
    "{% for x in xs %}{{ x }},{% endfor %}", "{% for x in xs -%}\n  {{ x }}\n{%- endfor %}|", "{% for x in empty %}{{ x }}{% else %}none{% endfor %}", "{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}", "{% for k in d %}{{ k }} {% endfor %}",
    "{% for x in xs %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.depth }}{{ loop.depth0 }} {% endfor %}",
    "{% for x in xs %}{{ loop.previtem }}<{{ x }}>{{ loop.nextitem }} {{ loop.previtem is defined }} {{ loop.cycle('a', 'b') }} {{ loop.changed(x > 1) }}|{% endfor %}",
    "{% for x in range(10) if x is odd %}{{ loop.index }}:{{ x }}{% if loop.last %}.{% else %},{% endif %}{% endfor %}", "{% for x in xs if x > 5 %}{{ x }}{% else %}no{% endfor %}", "{% for x in range(3) if x > 0 %}{{ loop.length }}{{ loop.revindex }} {% endfor %}",
    "{% for x in range(10) %}{% if x == 3 %}{% continue %}{% endif %}{% if x > 5 %}{% break %}{% endif %}{{ x }}{% endfor %}", "{% for x in xs %}{% for y in xs %}{% if y == 1 %}{% break %}{% endif %}{{ loop.index }}{{ x }}{{ y }} {% endfor %}{{ loop.index }};{% endfor %}",
    "{% set ns = namespace(t=0) %}{% for x in xs %}{% set ns.t = ns.t + x %}{% endfor %}{{ ns.t }}{{ ns }}", "{% set t = 0 %}{% for x in xs %}{% set t = t + x %}{{ t }}{% endfor %}{{ t }}", "{% for x in xs %}{{ y }}{% set y = x %}{{ y }}{% endfor %}{{ y }}", "{% if true %}{% set z = 1 %}{% endif %}{{ z }}", "{% set a, b = 1, 2 %}{{ b }}{{ a }}", "{% set (a, (b, c)) = (1, (2, 3)) %}{{ a }}{{ b }}{{ c }}", "{% set x = 1, 2 %}{{ x }}",
    "{% set x %}a {{ n }} b{% endset %}[{{ x }}]", "{% set x | upper | trim %} a {{ n }} b {% endset %}[{{ x }}]", "{% set x %}{% set inner = 1 %}{{ inner }}{% endset %}{{ x }}{{ inner }}", "{% filter upper | replace('A', 'x') %}abc {{ s }}{% endfilter %}", "{% with a = 1, b = n %}{{ a }}{{ b }}{% set c = 2 %}{% endwith %}{{ a }}{{ c }}", "{% with %}{% set q = 5 %}{{ q }}{% endwith %}{{ q }}",
    "{% macro m(a, b=2, c='x') %}{{ a }}{{ b }}{{ c }}{% endmacro %}{{ m(1) }}|{{ m(1, 3) }}|{{ m(c=9, a=8) }}|{{ m() }}|{{ m }}", "{% macro m(a) %}{{ a }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, 3, x=4) }}", "{% macro m(a, b=a) %}{{ a }}{{ b }}{% endmacro %}{{ m('q') }}", "{% macro fac(n) %}{% if n > 1 %}{{ n }}*{{ fac(n - 1) }}{% else %}1{% endif %}{% endmacro %}{{ fac(5) }}", "{% macro m() %}{{ later }}{% endmacro %}{% set later = 'seen' %}{{ m() }}", "{% macro m() %}[{{ caller() }}]{% endmacro %}{% call m() %}body {{ n }}{% endcall %}", "{% macro m() %}{% for x in xs %}{{ caller(x, loop.index) }};{% endfor %}{% endmacro %}{% call(x, i) m() %}{{ i }}={{ x }}{% endcall %}", "{% macro m(x) %}{% if caller %}c{% else %}n{% endif %}{{ x }}{% endmacro %}{{ m(1) }}{% call m(2) %}{% endcall %}", "{% macro m(x) %}{{ x }}{% endmacro %}{{ m(1, 2) }}", "{% macro m(x) %}{{ x }}{% endmacro %}{{ m(y=2) }}", "{% macro m(x) %}{{ x.y }}{% endmacro %}{{ m() }}", "{% macro m(a, b) %}{{ a }}-{{ b }}{% endmacro %}{{ m(*[1, 2]) }}{{ m(**{'a': 3, 'b': 4}) }}{{ m(1, **{'b': 4}) }}", "{{ m(1) }}{% macro m(x) %}{{ x }}{% endmacro %}", "{% macro m(x) -%}\n   {{- x -}}\n  {%- endmacro %}{{ m('a') ~ m('b') | upper }}", "{% macro m() %}{% set r = 5 %}{{ r }}{% endmacro %}{{ m() }}{{ r }}", "{% for x in xs %}{% macro m() %}{{ x }}{{ loop.index }}{% endmacro %}{{ m() }}{% endfor %}", "{{ m.name }}{% macro m(a, b) %}{% endmacro %}{{ m.name }}{{ m.arguments }}{{ m.catch_kwargs }}{{ m.catch_varargs }}{{ m.caller }}",
    "{% for x in [1, [2, [3]]] recursive %}{% if x is iterable %}({{ loop(x) }}){% else %}{{ x }}@{{ loop.depth }}{% endif %}{% endfor %}", "{% for x in xs %}{{ loop(xs) }}{% endfor %}", "{% set j = joiner('; ') %}{% for x in xs %}{{ j() }}{{ x }}{% endfor %}", "{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.next() }}{{ c.next() }}{{ c.current }}{% set _ = c.reset() %}{{ c.current }}", "{% block title %}T{{ n }}{% endblock %}{% block b scoped %}x{% endblock b %}", "{% generation %}a {{ n }}{% set w = 1 %}{% endgeneration %}|{{ w }}", "{% for m in messages %}{{ m.role }}: {% generation %}{{ m.content }}{% endgeneration %};{% endfor %}", "{% print 1, 2 %}", "{% if n > 5 %}a{% elif n > 3 %}b{% else %}c{% endif %}{% if no %}x{% elif yes %}y{% endif %}{% if empty %}e{% endif %}", "{% if n == 7: %}colon{% endif %}", "{% for x in xs: %}{{ x }}{% endfor %}", "{% set ns = namespace() %}{% set ns.a, ns.b = 1, 2 %}{{ ns.a }}{{ ns.b }}", "{% set d.x = 1 %}", "{% set ns = namespace(x=1) %}{% set nt.x = 2 %}", "{% set 1 = 2 %}", "{% set true = 2 %}", "{% for a, b in [(1, 2, 3)] %}{% endfor %}", "{% for a, b in [(1,)] %}{% endfor %}", "{% for x in 5 %}{% endfor %}", "{% for x in undefinedname %}{{ x }}{% else %}empty{% endfor %}", "{% for x in undefinedname.y %}{% endfor %}", "{% if %}{% endif %}", "{% endif %}", "{% if 1 %}", "{% for x in xs %}{% endif %}", "{% foo %}", "{{ }}", "{{ 1 }", "{% if 1 }}", "{# open", "{% raw %}x", "{% break %}", "{% do xs.append(1) %}", "{{ {'a': {'b': 1}} }}", "{{ {'a': {'b': 1}}.a.b}}", "{{ '}}' }}{{ \"%}\" }}", "{% set x = '{{ y }}' %}{{ x }}", "{{ (1 }}", "{{ [1) }}", "{{ 1 ) }}", "{{ $ }}", "{{ a.1.2 }}|{{ xs.0 }}|{{ d.a.x.0 }}", "{% set loop = 5 %}{{ loop }}{% for x in [1] %}{{ loop.index }}{% endfor %}{{ loop }}", "{% for loop in xs %}{{ loop }}{% endfor %}",
    "{%- for message in messages %}\n    {%- if message['role'] == 'system' and loop.first %}\n        {{- '<<' + message['content'] | trim + '>>' }}\n    {%- elif message.role == 'user' %}\n        {{- '[U]' + message.content + '[/U]' }}\n    {%- else %}\n        {{- ' ' + message.content + ' </s>' }}\n    {%- endif %}\n{%- endfor %}\n{%- if add_generation_prompt is not defined or add_generation_prompt %}\n    {{- '[A]' }}\n{%- endif %}\n",
    "{% for message in messages %}\n  {% if loop.index0 == 0 %}\nfirst {{ message.role }}\n  {% endif %}\n  {{ message.content }}\n{% endfor %}\nend\n", "{% set m = messages[1:] if messages[0].role == 'system' else messages %}{{ m | length }}{% for x in m if x.role != 'assistant' %}{{ x.content }}{{ ' ' if not loop.last }}{% endfor %}",
    "{%- macro render(v, depth=0) -%}\n{%- if v is mapping -%}\n{{ '{' }}{% for k, w in v | dictsort %}{{ k }}:{{ render(w, depth + 1) }}{% if not loop.last %},{% endif %}{% endfor %}{{ '}' }}\n{%- elif v is string -%}\n'{{ v }}'\n{%- elif v is iterable -%}\n[{% for w in v %}{{ render(w, depth + 1) }}{{ ',' if not loop.last }}{% endfor %}]\n{%- else -%}\n{{ v }}@{{ depth }}\n{%- endif -%}\n{%- endmacro -%}\n{{ render(d) }}\n",
    "{% set last = namespace(i=-1) %}{% for m in messages %}{% if m.role == 'user' %}{% set last.i = loop.index0 %}{% endif %}{% endfor %}{{ last.i }}{{ messages[last.i].content }}", "{% for m in messages | reverse %}{{ m.content }}{% endfor %}", "{% for g in people | groupby('age', default=0) if g.grouper %}{{ g.grouper }}:{{ g.list | map(attribute='name') | join('/') }};{% endfor %}", "{{ messages | map(attribute='role') | unique | join('|') }}", "{% for a in messages %}{% for b in messages if b.role == a.role %}{{ loop.index }}{% endfor %} {% endfor %}", "{% for x in xs %}{% set outer = loop %}{% for y in 'ab' %}{{ outer.index }}.{{ loop.index }} {% endfor %}{% endfor %}", "{% set f = 'upper' %}{{ [f] | map('string') | list }}", "{% set x = xs | map('string') %}{{ x | list }}{{ x | list }}", "{% set g = xs | select('odd') %}{% for x in g %}{{ x }}{{ loop.last }}{{ loop.length }}{% endfor %}", "{% set n = 1 %}{% macro m() %}{{ n }}{% endmacro %}{% set n = 2 %}{{ m() }}", "{{ raise_exception('stop') if n > 5 else 'go' }}", "a\nb\n{{ raise_exception('line 3') }}", "{{ '' if no else undefinedname.x }}", "{{ [1, 2, 3] | sum / 2 }}{{ [1, 2] | first + 1 }}", "{{ s[:5] + '…' if s | length > 5 else s }}", "{% if 'a' is string and not 5 is string %}ok{% endif %}", "{{ 'x' if d.b is defined and d.b == 1 }}{{ 'y' if d.c }}", "{% filter trim %}   x {{ n }}  {% endfilter %}|", "{% set x = namespace(v=[]) %}{% for i in range(3) %}{% set x.v = x.v + [i] %}{% endfor %}{{ x.v }}", "{% set q = {'a': 1} %}{% set q = dict(q, b=2) %}{{ q | tojson }}", "{% for i in range(3) %}{{ i }}{% endfor %}{{ i }}", "{% include 'x' %}", "{% extends 'x' %}", "{{ d | tojson(indent=4) | indent(2) }}", "{{ '\\n' }}|{{ \"\\t\" }}|{{ '\\\\n' }}", "{{ 'a' \n ~ 'b' }}\n{{ [\n1,\n2,\n] }}", "{%if yes%}a{%endif%}{{n}}", "{{n|string|length}}{{(n)|string}}", "{% if yes %}{{ 1|nofilter if no else 3 }}{% endif %}", "{% if no %}{{ 1|nofilter }}{% endif %}ok", "{% if yes %}{{ 1|nofilter }}{% endif %}", "{% macro m() %}{{ 1|nofilter }}{% endmacro %}ok", "{%- set x = 1 -%}  a  {%- set y = 2 %}  b", "  {%- if yes %}  a  {%- endif %}  b  ", "\t{% if yes %}\n\tq\n\t{% endif %}\n", "a {% if yes %} \n b {% endif %} \n c", "{{ 1 }}  \n  {%- if yes %}x{% endif -%}  \n\n y", "{{ '🙂' ~ '🙂'|length }}", "<|im_start|>{{ '<|' }}{% if yes %}|>{% endif %}", "{{ {}|length }}{{ {1: {2: 3}}[1][2] }}", "{% set x='a' -%}\n\n{{ x }}", "a{% set x %}\nb\n{% endset %}{{ x }}c",
    "{{ xs[]|default('fallback') }}", "{{ s[]|default('x') }}{{ {(): 5}[] }}", "{{ xs[] is defined }}", "{{ undefinedname[]|default(1) }}", "{{ xs[0,]|default('x') }}", "{{ xs[0, 1]|default('x') }}{{ {(1, 2): 3}[1, 2] }}", "{{ xs[,] }}",
]


def rendered(env, template):
    try:
        return {"template": template, "text": env.from_string(template).render(**json.loads(json.dumps(VARIABLES)), tools=None, documents=None, add_generation_prompt=False), "error": None}
    except Exception as fault:
        return {"template": template, "text": None, "error": str(fault)}


expressions, pending = [], ""
for line in EXPRESSIONS.split("\n"):
    # A backslash at the end of a line goes on in the next one.
    pending += line
    if line.endswith("\\"):
        pending += "\n"
        continue
    expressions.append(pending)
    pending = ""
for name, env in ("jinja-cases.json", ENV), ("jinja-strict.json", STRICT):
    cases = [rendered(env, "{{ " + e + " }}") for e in expressions] + [rendered(env, t) for t in TEMPLATES]
    path = pathlib.Path(__file__).with_name(name)
    path.write_text(json.dumps({"variables": VARIABLES, "cases": cases}, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")
    print(name, len(cases), "cases,", sum(c["error"] is not None for c in cases), "of them errors")
