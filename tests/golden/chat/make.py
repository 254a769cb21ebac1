#!/usr/bin/env python3
"""Makes what jinja2 and transformers say of templates, for the tests of chat templates.

    python3 make.py                 (needs transformers and jinja2; the files here are of 5.23.0 and 3.1.6)
    python3 make.py --data FOLDER   also real.json, from the released tokenizers under FOLDER/tokenizers

jinja.json: expressions and templates with the text that transformers' environment gives, or null where it fails.
chat.json: templates of the common shapes over the fixtures in ../tokenizer: texts and ids of apply_chat_template.
real.json: ids of released templates and tokenizers, which tests compare where that folder is present.
The clock stands at 15 January 2025, 12:00.
"""

import argparse
import datetime
import gzip
import json
import logging
import pathlib
import tempfile

from transformers import PreTrainedTokenizerFast
from transformers.utils import chat_template_utils

HERE = pathlib.Path(__file__).resolve().parent

VARIABLES = {
    "x": 5, "f": 2.5, "s": "Hello, Wörld", "e": "", "n": None, "t": True, "l": [3, 1, 2],
    "d": {"a": 1, "b": [1, {"c": "ü"}], "items": "I"}, "big": 1e16, "small": 1e-5, "neg": -7,
    "msgs": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "yo", "tool_calls": [{"name": "f"}]}],
}

EXPRESSIONS = r"""
x+1
x-f
x*s
x/2
7//2
neg//2
neg%3
7%-3
-7//-2
2**10
2**-1
2**0.5
f//1
neg%2.5
5.0%-3
1/3
1e100
1e22
123456789012345678
0.1+0.2
1e15
1e16
1.5e300*1e10
-0.0
0.0==-0.0
x==5.0
x!=5
1<2<3
1<2>3
'a'<'b'
'a' 'b'
s~x~n~t~f
[1,2]==[1,2]
(1,2)==[1,2]
d=={'a':1}
none==none
u==v
u
u is defined
u is undefined
not u
u~'x'
u or 'dflt'
x and s
n or e or 'z'
'Hello' in s
'ö' in s
3 in l
4 not in l
'a' in d
'q' in d
1 in 5
u in s
'x' in u
n in l
l[0]
l[-1]
l[5]
l[1:]
l[::-1]
l[:-1]
l[5:]
s[0]
s[8]
s[-1]
s[::-1]
s[7:9]
s[100:]
s[::2]
s[-3:]
s[3:1]
l[::2]
l[-2:]
s[:0]
l['a']
d['a']
d.a
d['zz']
d.zz
d['items']
d.get('a')
d.get('z')
d.get('z','q')
d.b[1].c
msgs[0].role
msgs[-1]['tool_calls'][0].name
msgs[1].zz.yy
d.keys()
d.values()
d.items()
d.items()|list
d.keys()|list
d|length
d|list
d|items|list
d|dictsort
d.items()|length
d.items()[0]
d
l
s|upper
s.upper()
s.lower()
s.title()
s.capitalize()
s.swapcase()
s.split(', ')
s.split()
s.split('l')
s.split('l',1)
s.rsplit('l',1)
'a b  c d'.split(None,2)
'a b  c d'.rsplit(None,2)
'  a b '.split()
''.split()
''.split(',')
'a,b,,c'.split(',')
'abc'.split('')
'aXXbXXc'.split('XX')
s.replace('l','L')
s.replace('l','L',1)
'abc'.replace('','-')
'abc'.replace('','-',2)
s.strip('Hd')
'  x '.strip()
'\n\n x \n'.lstrip('\n')
'\n\n x \n'.rstrip()
'xxabcxx'.strip('x')
s.startswith('Hell')
s.endswith('ld')
s.startswith(('a','H'))
s.startswith('l',2)
s.startswith('',20)
s.find('l')
s.find('zz')
s.rfind('l')
s.index('W')
s.index('zz')
s.count('l')
s.count('')
'aaaa'.count('aa')
'abc'.join(['1','2','3'])
', '.join(l)
','.join(d)
'-'.join('abc')
s.zfill(20)
'-5'.zfill(5)
s.center(20)
s.center(21,'*')
s.ljust(15)~'|'
s.rjust(15,'.')
'5'.isdigit()
'٣'.isdigit()
'²'.isdigit()
''.isdigit()
'ab'.isalpha()
'ab1'.isalnum()
' \t'.isspace()
'Ab'.isupper()
'AB'.isupper()
'ab'.islower()
'Ab Cd'.istitle()
'ß'.upper()
'ﬁ'.upper()
'ΑΣ'.lower()
'İ'.lower()
'hello world-foo (bar'.title()
"it's".title()
'hello world-foo (bar'|title
'straße'|capitalize
s.partition(', ')
s.rpartition('l')
s.partition('zz')
'a\nb\r\nc'.splitlines()
'a\nb\r\nc\n'.splitlines(true)
s.removeprefix('He')
s.removesuffix('ld')
'{} and {}'.format(1,'a')
'{0} {x} {{}}'.format(l,x=f)
'%s is %d and %.2f'|format('a',5,2.567)
'%s is %d' % ('a',5)
'%s' % s
'%s' % l
'%5d|%-5d|%05d|%+d' % (1,2,3,4)
'%x %X %o' % (255,255,8)
'%r' % s
'%(a)s' % d
'%s %s' % (1,)
'%d' % 'a'
'%e %g %G' % (12345.678, 0.00001, 1e10)
'%%' % ()
'%5.1f' % 3.14159
'%.3s' % 'abcdef'
'x' % ()
'x' % 5
l|sort
l|sort(reverse=true)
['b','A','c']|sort
['b','A','c']|sort(case_sensitive=true)
msgs|sort(attribute='role')
msgs|map(attribute='role')|list
msgs|map(attribute='role')|join(', ')
msgs|map(attribute='zz')|list
msgs|map(attribute='zz',default='q')|list
l|map('string')|list
['a','b']|map('upper')|join
msgs|selectattr('role','equalto','user')|list
msgs|selectattr('role','==','user')|list|length
msgs|selectattr('tool_calls')|list
msgs|selectattr('tool_calls','defined')|map(attribute='role')|first
msgs|rejectattr('role','in',['user'])|list
l|select('odd')|list
l|reject('odd')|list
l|select|list
[0,1,'']|select|list
[0,1,'']|reject|list
l|select('>',1)|list
l|sum
l|max
l|min
[]|max
[]|first
[]|last
l|first
l|last
l|length
s|length
s|count
u|length
x|length
n|length
d|first
l|join('-')
l|join
msgs|join(',',attribute='role')
l|reverse|list
s|reverse
l|unique|list
['a','A','b']|unique|list
['a','A','b']|unique(case_sensitive=true)|list
[1,1.0,true]|unique|list
l|list
s|list
x|list
u|list
n|list
u|default('d')
e|default('d')
e|default('d',true)
n|default('d')
n|d('q',boolean=true)
x|string
l|string
n|string
x|float
'3.7'|int
'abc'|int
'abc'|int(9)
'0x1f'|int(0,16)
'1f'|int(base=16)
' 42 '|int
'1_000'|int
'12abc'|float
'1e3'|float
'inf'|float
'nan'|float
3.99|int
-3.99|int
true|int
n|int
n|float
neg|abs
-2.5|abs
2.5|round
3.5|round
2.675|round(2)
2.4|round(0,'ceil')
2.6|round(0,'floor')
5|round
1234.5678|round(2)
'a\nb\n\nc'|indent
'a\nb\n\nc'|indent(2,true)
'a\nb\n\nc'|indent(2,blank=true)
'a\nb\n'|indent
''|indent
'a\nb'|indent('>>')
'  a '|trim
'xax'|trim('x')
x|trim
'a b c'|wordcount
'a'|center(5)~'|'
'abc'|replace('b','X')
5|replace('5','6')
x|upper
'<a>'|e
'<a>'|escape~'<b>'
'<a>'|safe
'<a>'|safe+'<b>'
'<b>'+('<a>'|safe)
d|tojson
d|tojson(indent=2)
d|tojson(indent=0)
d|tojson(sort_keys=true)
d|tojson(ensure_ascii=true)
d|tojson(separators=(',',':'))
d|tojson(indent='\t')
'a"\\\n\t\x01\x7f/é😀'|tojson
'a"\\\n\t\x01\x7f/é😀'|tojson(ensure_ascii=true)
u|tojson
l|map('string')|tojson
[]|tojson(indent=2)
{}|tojson(indent=2)
{1:2,true:3,none:4,1.5:6}|tojson
{(1,2):3}|tojson
[1.0,1e20,1e-7,none,true]|tojson
(1,2)|tojson
d.items()|tojson
'<>&'|tojson
x is number
t is number
x is integer
t is integer
f is float
s is string
n is none
t is true
t is boolean
x is true
d is mapping
l is mapping
l is iterable
s is iterable
x is iterable
l is sequence
d is sequence
s is sequence
x is sequence
u is iterable
u is sequence
u is callable
range is callable
x is odd
4 is even
9 is divisibleby 3
9 is divisibleby(3)
x is eq 5
x is in [5]
x is not in l
'a' is lower
'A' is upper
n is sameas none
x is not defined
x is defined and u is not defined
not x is defined
x is gt 3
x is lessthan 3
'upper' is filter
'nope' is filter
'odd' is test
x if t
x if not t
(x if not t) is defined
x if not t else 'no'
'a' if x > 3 else 'b' if x > 2 else 'c'
range(5)
range(5)|list
range(2,10,3)|list
range(10,0,-3)|list
range(5)[2]
range(5)[::2]
range(5)[1:3]|list
range(0)
range(1,5,2)
range(5)|length
3 in range(5)
range(5)==range(5)
range(1.5)
range()
dict(a=1,b=2)
dict({'a':1},b=3)
dict([('a',1)])
dict([(1,2),(1,3)])
namespace(a=1)
namespace(a=1).a
namespace(a=1).b
namespace(a=1)['a']
[1,2]+[3]
(1,)+(2,3)
[1]*3
3*[1]
'ab'*3
'ab'*0
'ab'*-1
'a'+1
1+'a'
[1]+(2,)
n+1
u+1
1+u
-u
-s
-t
+t
not s
-x**2
2**3**2
-2**2
(1,)
()
[]
{}
[[]]
(1,2,)
1,2
'it\'s'
"q\"x"
['it\'s', "a\"b", 'both\'"', 'nl\n\t\r\\', '\x00\x7f\xa0é\u200b😀\U000e0001']
['\u2028', '\xad', 'ܐ']
true
True
none
None
1_000
0x1F
0o17
0b101
1.5e3
1e5
1E5
1.
.5
"a" "b" 'c'
s|length > 3
s|upper|lower
-1|abs
x|string + 'a'
x + 1|string
[x, *l]
s[1]
s.0
l.0
l.5
d.1
x.y
s.foo
n.foo
s.__class__
d.__class__.x
l.append
l.append(1)
d.pop('a')
d.update({})
d.copy()
l.index(1)
l.count(1)
l.index(99)
loop
caller
msgs[0] == {'role':'user','content':'hi'}
msgs[0] != msgs[1]
l < [3,2]
l < s
d < d
n < 1
u < 1
u == none
1 == true
'1' == 1
[1,'a',none] | string
{'a':{'b':[1,2]}}.a.b[1]
{'a':1}['a']
{1:'x'}[1]
{1:'x'}[1.0]
{1:'x'}[true]
{'a':1}.b
{[1]:2}
d[[1]]
raise_exception('boom')
raise_exception()
strftime_now('%Y-%m-%d %H:%M:%S %j %A %b %p %y %% %f %z %-d')
strftime_now('')
'a' ~ 1 ~ none
1 ~ 2
t and not n
x in [1,5] and s
x not in [1,5] or t
(x)
((x))
s|replace('l','')|upper|length
msgs|length - 1
(msgs|length) - 1
l|length|string|length
s.split(',')[0]|upper
s.split(',')|last|trim
msgs[msgs|length-1].role
msgs[0].content.startswith('h') and msgs[0].content.endswith('i')
big
small
[big,small,1e300,123456.789,1e-4,0.0001234,100000.0]
1/0
1%0
1//0
1.0/0
5|default(3)
'abc'[5]
'abc'[1:][0]
d|attr('a')
s|foo
s is foo
'a%'|format
1 is 1
l|join(s)
l|first|string
u.foo
u.foo.bar
u['a']
u()
x()
s()
d.get('a','b','c')
d.get()
d.get(key='a')
s.split(sep=',')
s.split(sep=',',maxsplit=1)
s.replace(old='l',new='x')
'a'.join()
'𝔘nicode'[0]
'𝔘nicode'|length
'e\u0301'|length
'tab\there'
s|int
[1,2,3]|sum(start=10)
msgs|sum(attribute='zz')
[[1],[2]]|sum(start=[])
['a']|sum
[1,[2,[3]]]|string
l|tojson|length
msgs|tojson(indent=4)
"%s"|format(none)
x|tojson
f|tojson
t|tojson
n|tojson
3 * (2 + 1)
3 *(2 + 1) % 4
10 - 2 - 3
2 * 3 / 4
7 // 2 * 2
not t or t
not (t or t)
t or t and n
x == 5 and not n
1 if n else 2 if n else 3
(1 if n else 2) + 1
[1 if t else 2, 3]
l[1:2][0]
l[x-4]
l[-x]
l[true]
l[1.0]
s[none]
l[none:2]
l[:none]
l[::0]
l['a':]
s.strip().upper().lower().title()
'%s' % none
'%s' % (none,)
'%s %s' % l
'%i' % 3.9
'%d' % true
'%s' % u
""".strip("\n").split("\n")

TEMPLATES = [
    '{% for i in l %}{{ i }}{% endfor %}',
    '{% for i in l %}\n  {{ i }}\n{% endfor %}\nx\n',
    '  {% if t %}\n    a\n  {% else %}\n    b\n  {% endif %}\n  tail  ',
    'a\n   {%- if t -%}   \n  b\n   {%- endif +%}\nc\n{#- comment -#}  d\n{# c2 #}\ne\n   {# c3 #}\nf {# c4 #} g',
    '{%+ if t %}x{% endif %}\n   {%+ if t %}y{%+ endif %}\n',
    '{{ x }}\n{{ x }}\n\n',
    '\n\n{{ x }}\n',
    'a\r\nb\r{{ x }}\r\n',
    '{% set a = 1 %}{% if t %}{% set a = 2 %}{% endif %}{{ a }}{% for i in l %}{% set a = i %}{{ a }}{% endfor %}{{ a }}',
    '{% set ns = namespace(a=1) %}{% for i in l %}{% set ns.a = ns.a + i %}{% endfor %}{{ ns.a }}{{ ns }}',
    '{% for i in l if i > 1 %}{{ loop.index }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ i }};{% else %}none{% endfor %}',
    '{% for i in [] %}a{% else %}none{% endfor %}',
    '{% for i in l if i > 100 %}a{% else %}none{% endfor %}',
    '{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}',
    '{% for k, v in d|items %}{{ k }}={{ v }};{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.depth }}{{ loop.depth0 }}{% endfor %}',
    '{% for (k, v) in d|dictsort %}{{ k }}={{ v }};{% endfor %}',
    '{% for a, (b, c) in [[1,[2,3]]] %}{{ a }}{{ b }}{{ c }}{% endfor %}',
    '{% for a, b in [[1,2,3]] %}{% endfor %}',
    '{% for a, b in [[1]] %}{% endfor %}',
    '{% for a in x %}{% endfor %}',
    '{% for a in n %}{% endfor %}',
    '{% for a in u %}{% endfor %}',
    '{% for c in s %}{{ c }}.{% endfor %}',
    '{% for k in d %}{{ k }}{% endfor %}',
    "{% for i in l %}{{ loop.previtem }}{{ loop.nextitem }}{{ loop.cycle('a','b') }}{{ loop.changed(i) }};{% endfor %}",
    '{% for i in l %}{% for j in l %}{{ loop.index }}{{ i }}{{ j }}{% endfor %}{{ loop.index }}{% endfor %}',
    '{% for i in l %}{% if i == 1 %}{% continue %}{% endif %}{{ i }}{% if i == 2 %}{% break %}{% endif %}{% endfor %}',
    '{% for i in [3,2] %}{% if i == 3 %}{% break %}{% endif %}{% else %}never{% endfor %}',
    '{% break %}',
    '{% macro m(a, b=2, c=a) %}{{ a }}{{ b }}{{ c }}{% endmacro %}{{ m(1) }}{{ m(1,c=5) }}{{ m() }}{{ m(b=3,a=1) }}',
    '{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1,2) }}',
    '{% macro m(a) %}{{ a }}{% endmacro %}{{ m(z=2) }}',
    '{% macro m() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1,2,z=3) }}',
    '{% macro m() %}[{{ caller() }}]{% endmacro %}{% call m() %}inner {{ x }}{% endcall %}',
    '{% macro m() %}[{{ caller(1,2) }}]{% endmacro %}{% call(a,b) m() %}{{ a }}{{ b }}{% endcall %}',
    '{% macro m() %}[{{ caller() }}]{% endmacro %}{{ m() }}',
    '{% macro f(n) %}{% if n > 0 %}{{ n }}{{ f(n-1) }}{% endif %}{% endmacro %}{{ f(5) }}',
    '{% macro m() %}{{ y }}{% endmacro %}{% set y = 1 %}{{ m() }}{% set y = 2 %}{{ m() }}',
    '{% macro m() %}{% set y = 5 %}{{ y }}{% endmacro %}{{ m() }}{{ y }}',
    '{% for i in l %}{% macro m() %}{{ i }}{% endmacro %}{{ m() }}{% endfor %}',
    '{% set a %}block {{ x }}\n text{% endset %}[{{ a }}]',
    "{% set a | upper | replace('B','Z') %}block{% endset %}[{{ a }}]",
    '{% set a, b = 1, 2 %}{{ a }}{{ b }}',
    '{% set (a, b) = [1, 2] %}{{ a }}{{ b }}',
    '{% set a = 1, 2 %}{{ a }}',
    '{% set ns.x = 1 %}',
    '{% set d.x = 1 %}',
    '{% set ns = namespace() %}{% set ns.__x = 1 %}',
    '{% filter upper %}abc {{ s }}{% endfilter %}',
    "{% filter replace('a','b')|upper %}abc{% endfilter %}",
    '{% with a = 1, b = 2 %}{{ a }}{{ b }}{% set c = 3 %}{% endwith %}{{ a }}{{ c }}',
    '{% with %}{{ x }}{% endwith %}',
    '{% set a = 1 %}{% with a = 2, b = a %}{{ b }}{% endwith %}',
    '{% raw %}{{ x }} {% if %}{% endraw %}z',
    'a\n  {%- raw -%}\n  {{ x }}\n  {%- endraw -%}\n  b',
    '  {% raw %}\n q\n  {% endraw %}\nz',
    '{% generation %}a{{ x }}{% set q = 1 %}{% endgeneration %}{{ q }}',
    'a\n  {% generation %}\n  b\n  {% endgeneration %}\nc',
    '{% print x %}{% print x, s %}',
    '{% if u %}a{% elif n %}b{% elif t %}c{% else %}d{% endif %}',
    '{% if x > 3 and s %}y{% endif %}',
    '{% if not (x > 3) %}y{% else %}n{% endif %}',
    '{% if x: %}y{% endif %}',
    '{{ "{% raw %}" }}',
    "{{ '}}' }}",
    "{{ {'a': {'b': 1}} }}",
    '{{ {"a":{"b":1}}["a"]["b"] }}',
    "{% include 'x' %}",
    "{% extends 'x' %}",
    "{% import 'x' as y %}",
    '{% do l.append(1) %}',
    '{% foo %}',
    '{% if %}{% endif %}',
    '{% if x %}',
    '{{ x',
    '{% if x',
    '{# x',
    "{{ 'abc }}",
    '{{ x } }}',
    '{{ ) }}',
    '{{ }}',
    '{% %}',
    '{{ x y }}',
    '{% endif %}',
    '{% else %}',
    '{% set %}',
    '{% set x %}',
    '{% set 1 = 2 %}',
    '{% set true = 2 %}',
    '{{ x. }}',
    '{{ x[ }}',
    '{{ [1,,2] }}',
    '{{ x is }}',
    '{{ x | }}',
    '{{ 5a }}',
    '{{ a$b }}',
    '{{ x is nope }}',
    '{{ x | nope }}',
    '{{ loop }}',
    '{% for i in l %}{{ loop.foo }}{% endfor %}',
    "{% for i in l %}{{ loop['index'] }}{% endfor %}",
    '{% for i in l %}{% set loop = 5 %}{{ loop }}{% endfor %}',
    "{%- for message in msgs -%}\n  {%- if loop.index0 == 0 -%}\n    {{- message.role ~ '\n' -}}\n  {%- endif -%}\n{%- endfor -%}\n",
    "{% for i in range(3) %}{{ i }}{{ ',' if not loop.last }}{% endfor %}",
    '{% for m in msgs %}{% set c = m.content %}{% if c is string %}{{ c }}{% else %}{% for p in c %}{{ p.text }}{% endfor %}{% endif %}{% endfor %}',
    '{% set q = l %}{% set q = q + [4] %}{{ q }}{{ l }}',
    '{% set m = dict(a=1) %}{{ m.a }}{{ m | tojson }}',
    '{{ x -}}   \n  y {{- x }}',
    '{{- x -}}',
    '{{-x-}}',
    '{%-if x-%}a{%-endif-%}',
    '{{+x}}',
    '{% set x=1 -%}\n\n z',
    '\t{% if t %}\tq\n\t{% endif %}\n',
    '{% if t %}\n\na{% endif %}',
    '{% macro m(x) -%}\n  [{{ x }}]\n{%- endmacro -%}\n{{ m(1) }}{{ m(2) }}',
    '{% for x in [1,2] %}{{ x }}{% endfor %}{{ x }}',
    '{% set z = 1 %}{% for i in l %}{% if z == 1 %}{% set z = 2 %}{% endif %}{{ z }}{% endfor %}{{ z }}',
    "{{ '%s' | format(x) }}",
    '{% set f = s.upper %}{{ f() }}',
    '{% set r = range %}{{ r(3) | list }}',
    '{% for a in (1,2) %}{{ a }}{% endfor %}',
    '{% for a in 1,2 %}{{ a }}{% endfor %}',
    '{% for a in [1,2] + [3] if a != 2 %}{{ a }}{% endfor %}',
    '{% set ns = namespace(found=false) %}{% for i in l if not ns.found %}{{ i }}{% if i == 1 %}{% set ns.found = true %}{% endif %}{% endfor %}',
    "{% set g = l|map('string') %}{{ g|list }}{{ g|list }}{{ g is iterable }}",
    '{% set g = l|select %}{{ g|first }}{{ g|list }}{{ 1 if g else 2 }}',
    "{% set g = l|map('string') %}{{ '1' in g }}{{ g|list }}",
    '{% for i in l|reverse %}{{ i }}{{ loop.last }}{% endfor %}',
    '{%set x=5%}{%if x==5%}{{x}}{%endif%}',
    '{% if x in [1,5] %}in{% endif %}',
    '{{ msgs | selectattr("role", "equalto", "user") | map(attribute="content") | join("|") }}',
    "{{ (msgs | selectattr('role','eq','user') | list)[-1].content }}",
    '{%- set m = messages if messages is defined else msgs %}{{ m|length }}',
    '{% macro a() %}{% macro b() %}in{% endmacro %}{{ b() }}{% endmacro %}{{ a() }}',
    '{{ m }}{% macro m() %}{% endmacro %}',
    '{% call x() %}{% endcall %}',
    '{% call x %}{% endcall %}',
    '{{ x if x else }}',
    '{{ [1,2,3][-1:] }}',
    "{{ 'a,b'.split(',')[::-1] | join(' ') }}",
    '{{ "a" if true else "b" | upper }}',
    '{{ 1 + 2 ~ 3 }}',
    '{{ 1 ~ 2 + 3 }}',
    '{{ not x == 5 }}',
    '{{ x == 5 | string }}',
    '{{ -x | abs }}',
    '{{ (-x) | abs }}',
    '{{ 2 * x | float }}',
    '{{ x is not none and x is number }}',
    '{{ x is none or true }}',
    '{{ x is divisibleby 5 and true }}',
    '{{ x is in l or t }}',
    '{{ [x is defined, u is defined] }}',
    '{{ x if x is defined else 3 }}',
    "{{ 'x' in 'xyz' and 'a' not in 'xyz' }}",
    "{{ {'a':1}.items() | list }}",
    "{{ d.b[1]['c'] ~ '!' }}",
    '{{ s | length > 3 and x }}',
    "{{ ('a','b') is sequence }}",
    "{{ u.x if u is defined else 'none' }}",
    "{{ d.get('zz', {}).get('q') }}",
    "{{ d.get('zz', {}).q }}",
    "{{ d.get('zz', {}).q.r }}",
]

CHAT_TEMPLATES = {
    # A turn between marks; neither BOS nor EOS.
    "marks": "{%- for message in messages %}\n    {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}\n"
             "{%- endfor %}\n{%- if add_generation_prompt %}\n    {{- '<|im_start|>assistant\\n' }}\n{%- endif %}\n",
    # BOS once, headers, trimmed contents.
    "headers": "{{- bos_token }}\n{%- if messages[0]['role'] == 'system' %}\n    {%- set system = messages[0]['content'] | trim %}\n"
               "    {%- set messages = messages[1:] %}\n{%- else %}\n    {%- set system = '' %}\n{%- endif %}\n{{- '[system] ' + system }}\n"
               "{%- for message in messages %}\n    {{- '\\n[' + message['role'] + ']\\n' + message['content'] | trim }}\n{%- endfor %}\n"
               "{%- if add_generation_prompt %}\n    {{- '\\n[assistant]\\n' }}\n{%- endif %}\n",
    # BOS once, EOS behind every answer, the thinking of earlier answers dropped and the next one opened.
    "thinking": "{% set ns = namespace(system='') %}{% for m in messages %}{% if m['role'] == 'system' %}{% set ns.system = m['content'] %}"
                "{% endif %}{% endfor %}{{ bos_token }}{{ ns.system }}{% for m in messages %}{% if m['role'] == 'user' %}{{ '<User>' + m['content'] }}"
                "{% elif m['role'] == 'assistant' %}{{ '<Assistant>' + m['content'].split('</think>')[-1] + eos_token }}{% endif %}{% endfor %}"
                "{% if add_generation_prompt %}{{ '<Assistant><think>\\n' }}{% endif %}",
    # Turns that must alternate, the system text inside the last question.
    "inst": "{%- set system = messages[0].content if messages[0].role == 'system' else none %}\n"
            "{%- set turns = messages[1:] if system is not none else messages %}\n{{- bos_token }}\n{%- for m in turns %}\n"
            "    {%- if (m.role == 'user') != (loop.index0 % 2 == 0) %}\n        {{- raise_exception('roles must alternate') }}\n    {%- endif %}\n"
            "    {%- if m.role == 'user' %}\n        {{- '[INST] ' ~ (system ~ '\\n\\n' if loop.last and system) ~ m.content ~ ' [/INST]' }}\n"
            "    {%- else %}\n        {{- ' ' ~ m.content ~ eos_token }}\n    {%- endif %}\n{%- endfor %}\n",
    # Tools as JSON, named parameters through a macro, the date.
    "tools": "{%- macro signature(f) -%}\n{{ f.name }}({% for k, v in f.parameters.properties.items() %}{{ k }}: {{ v.type }}{{ ', ' if not loop.last }}"
             "{% endfor %})\n{%- endmacro -%}\n{{- bos_token ~ 'Today: ' ~ strftime_now('%d %b %Y') ~ '\\n' }}\n{%- if tools %}\n    {%- for tool in tools %}\n"
             "        {{- signature(tool.function) ~ '\\n' ~ tool | tojson(indent=2) ~ '\\n' ~ tool | tojson ~ '\\n' }}\n    {%- endfor %}\n{%- endif %}\n"
             "{%- for m in messages %}\n    {% generation %}{{ m.role }}: {{ m.content }}{% endgeneration %}\n{% endfor %}\n",
}

# Fixture in ../tokenizer, with what tokenizer_config.json says beside it. llama3 and metaspace add a BOS to plain text
# by their post-processor; apply_chat_template must not.
TOKENIZERS = {
    "llama3": {"bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>"},
    "qwen": {"eos_token": "<|endoftext|>", "pad_token": "<|endoftext|>"},
    "deepseek_v3": {"bos_token": "<｜begin▁of▁sentence｜>", "eos_token": "<｜end▁of▁sentence｜>"},
    "metaspace": {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"},
}

TOOL = {"type": "function", "function": {"name": "add", "description": "Adds \"two\" numbers: ä < b", "parameters": {
    "type": "object", "properties": {"a": {"type": "number"}, "b": {"type": "number", "default": 1.0}}, "required": ["a"]}}}

CONVERSATIONS = {
    "question": [{"role": "user", "content": "What is 2+2?"}],
    "system": [{"role": "system", "content": "  Be brief.\n"}, {"role": "user", "content": "the the  the\n"}],
    "turns": [{"role": "user", "content": "abc 12345"}, {"role": "assistant", "content": "<think>\nhm\n</think>\n\n4"},
              {"role": "user", "content": "Thé 你好 😀"}],
    "answered": [{"role": "user", "content": " a\n"}, {"role": "assistant", "content": ""}],
    "twice": [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}],
}


class Clock(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(2025, 1, 15, 12, 0, 0)


def render(template, variables):
    """The text, or None where jinja2 or Python raises."""
    try:
        return chat_template_utils._compile_jinja_template(template).render(**variables)
    except Exception:  # whatever it is, the template failed
        return None


def apply(tokenizer, template, messages, tools, generation_prompt, **variables):
    """Text and ids, both None where the template refuses the messages."""
    arguments = dict(chat_template=template, tools=tools, add_generation_prompt=generation_prompt, **variables)
    try:
        text = tokenizer.apply_chat_template(messages, tokenize=False, **arguments)
    except Exception:
        return None, None
    return text, tokenizer.apply_chat_template(messages, tokenize=True, return_dict=False, **arguments)


def make_chat():
    rows = []
    for name, tokens in TOKENIZERS.items():
        tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(HERE.parent / "tokenizer" / f"{name}.json"), **tokens)
        for template_name, template in CHAT_TEMPLATES.items():
            for case, messages in CONVERSATIONS.items():
                for generation_prompt in (True, False):
                    tools = [TOOL] if template_name == "tools" and generation_prompt else None
                    text, ids = apply(tokenizer, template, messages, tools, generation_prompt)
                    rows.append({"tokenizer": name, "template": template_name, "case": case, "tools": tools is not None,
                                 "add_generation_prompt": generation_prompt, "text": text, "ids": ids})
    return {"templates": CHAT_TEMPLATES, "tokenizers": TOKENIZERS, "tool": TOOL, "conversations": CONVERSATIONS, "rows": rows}


def make_real(data):
    """Ids of released tokenizers with their own templates, over the conversations of chat_goldens.jsonl.gz."""
    rows = []
    folders = {"qwen2": "qwen2", "qwen3": "qwen3", "llama3.2": "llama3", "mistral": "mistral"}
    cases = ("unicode_quotes", "think", "tools_offered")
    with gzip.open(data / "tokenizers/vectors/chat_goldens.jsonl.gz", "rt", encoding="utf-8") as lines:
        goldens = [json.loads(line) for line in lines]
    with tempfile.TemporaryDirectory() as scratch:
        for golden in goldens:
            folder = folders.get(golden["template"])
            if folder is None or golden["case"] not in cases or "rendered" not in golden:
                continue
            source, unpacked = data / "tokenizers" / folder, pathlib.Path(scratch) / f"{folder}.json"
            if not unpacked.exists():
                unpacked.write_bytes(gzip.decompress((source / "tokenizer.json.gz").read_bytes()))
            config = json.loads((source / "tokenizer_config.json").read_text(encoding="utf-8"))
            tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(unpacked), **golden["special_tokens"])
            text, ids = apply(tokenizer, config["chat_template"], golden["messages"], golden["tools"],
                              golden["add_generation_prompt"], **golden["extra"])
            rows.append({"folder": folder, "messages": golden["messages"], "tools": golden["tools"], "extra": golden["extra"],
                         "add_generation_prompt": golden["add_generation_prompt"], "text": text, "ids": ids})
    return rows


def write(name, value):
    """One entry of the outermost list to a line, which keeps changes readable."""
    text = "[\n" + ",\n".join(json.dumps(row, ensure_ascii=False) for row in value) + "\n]\n" if isinstance(value, list) \
        else json.dumps(value, ensure_ascii=False, indent=1) + "\n"
    (HERE / name).write_text(text, encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, help="folder with tokenizers/")
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    chat_template_utils.datetime = Clock
    cases = ["{{ " + expression + " }}" for expression in EXPRESSIONS] + TEMPLATES
    write("jinja.json", [{"variables": VARIABLES}] + [{"template": case, "text": render(case, VARIABLES)} for case in cases])
    chat = make_chat()
    rows = chat.pop("rows")
    write("chat.json", [chat] + rows)
    if arguments.data is not None:
        write("real.json", make_real(arguments.data))


if __name__ == "__main__":
    main()
