"""Systems from text: what the whitelist parser takes, what it refuses and how, and that it is never anything else."""

from __future__ import annotations

import contextlib
import time
from fractions import Fraction
from pathlib import Path

import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from rdmf_theory.errors import DataError, ParameterError
from rdmf_theory.systems.built_in import BUILT_IN, load_system
from rdmf_theory.systems.equation_parser import LONGEST, parse_expression
from rdmf_theory.systems.text import equations_of, parse_system, read_system

u, v, a = sp.symbols("u v a", real=True)
SYMBOLS = {"u": u, "v": v, "a": a}

GOOD = {
    "polynomial": ("a - u + u^2*v", a - u + u**2 * v),
    "double star": ("u**2", u**2),
    "precedence": ("-u^2 + 2*u/v*a - 1", -(u**2) + 2 * u / v * a - 1),
    "left division": ("u/v/a", u / (v * a)),
    "exact decimals": ("0.1*u + 1e-3 + .5", u / 10 + sp.Rational(501, 1000)),
    "signs": ("--u - -v + -+a", u + v - a),
    "negative power": ("u^-2*v^(-1)", 1 / (u**2 * v)),
    "white space": (" u\t*\n v ", u * v),
}


@pytest.mark.parametrize(("text", "expected"), GOOD.values(), ids=GOOD)
def test_expressions(text: str, expected: sp.Expr) -> None:
    assert parse_expression(text, SYMBOLS) == expected


REFUSED = {
    "import": ("__import__('os').system('x')", "calls are not allowed"),
    "function": ("2*erf(u)", "column 3: the function erf is not supported"),
    "call": ("f(u)", "calls are not allowed, a product is f*(...)"),
    "attribute": ("u.__class__", "attributes and other calls are not allowed"),
    "index": ("u[0]", "indices are not allowed"),
    "string": ('"u"', "text is not allowed"),
    "walrus": ("(u := 1)", "only + - * / ^"),
    "comma": ("u, v", "a comma stands between the two arguments of min and max"),
    "unknown": ("u + w", "undefined symbol 'w'; declare it as a parameter"),
    "near name": ("u + vv", "undefined symbol 'vv'; did you mean 'v'?"),
    "implicit product": ("2u", "write * for a product"),
    "tower": ("9**9**9**9", "a tower of powers"),
    "huge power": ("u^99999999999", "a power must be at most 32"),
    "huge real power": ("u^99999999999.5", "a power must be at most 32"),
    "root of nothing real": ("sqrt(-2)", "sqrt of -2 is no real number"),
    "nested powers": ("((u^32)^32)^32", "the limit is 64"),
    "huge constant": ("((9^32)^32)^32", "bits in a constant"),
    "expansion": ("(u + v + a + 1)^32", "terms, the limit is 5000"),
    "huge number": ("1e999999999", "must be a finite number"),
    "long number": ("1" * 100, "at most 60 characters"),
    "division by zero": ("u/0", "division by zero"),
    "hidden division by zero": ("1/((u + v)^2 - u^2 - 2*u*v - v^2)", "division by zero"),
    "nesting": ("(" * 100 + "u" + ")" * 100, "more than 40 nested parentheses"),
    "length": ("u" * (LONGEST + 1), f"at most {LONGEST} characters"),
    "open bracket": ("(u", "ends too early"),
    "closing bracket": ("u)", "unexpected ')'"),
    "nothing": ("", "An expression is missing"),
    "other letters": ("µ + u", "unexpected"),
}


@pytest.mark.parametrize(("text", "message"), REFUSED.values(), ids=REFUSED)
def test_refused_expressions(text: str, message: str) -> None:
    start = time.process_time()
    with pytest.raises(ParameterError) as error:
        parse_expression(text, SYMBOLS)
    assert message in str(error.value)
    # a refusal is quick: nothing large is built first
    assert time.process_time() - start < 2


BAD_SYSTEMS = {
    "no equation": ("", "at least one equation"),
    "no prime": ("u = a", "An equation must read NAME' = EXPRESSION"),
    "two of one": ("u' = 1; u' = 2", "u has two equations"),
    "clash": ("u' = D_u*u; v' = D_u", "The name 'D_u' is used twice"),
    "injection in a name": ("__import__('os')' = 1", "An equation must read"),
    "too many": (";".join(f"x{i}' = 1" for i in range(13)), "at most 12 species. Got 13"),
}


@pytest.mark.parametrize(("text", "message"), BAD_SYSTEMS.values(), ids=BAD_SYSTEMS)
def test_bad_systems(text: str, message: str) -> None:
    with pytest.raises(ParameterError) as error:
        parse_system(text)
    assert message in str(error.value)


@given(st.text(max_size=60) | st.text(alphabet="uva019.+-*/^(),' =eE_", max_size=60))
@settings(max_examples=300)
def test_any_text_parses_or_is_a_parameter_error(text: str) -> None:
    for parse in (lambda: parse_expression(text, SYMBOLS), lambda: parse_system(text)):
        # any other error fails the test
        with contextlib.suppress(ParameterError):
            parse()


def expressions() -> st.SearchStrategy[sp.Expr]:
    """Rational expressions, most within the parser's bounds."""
    numbers = st.fractions(Fraction(-20), Fraction(20), max_denominator=50).map(lambda x: sp.Rational(str(x)))
    atoms = st.sampled_from([u, v, a]) | numbers

    def extend(inner: st.SearchStrategy[sp.Expr]) -> st.SearchStrategy[sp.Expr]:
        return (
            st.tuples(inner, inner).map(lambda p: p[0] + p[1])
            | st.tuples(inner, inner).map(lambda p: p[0] * p[1])
            | st.tuples(inner, st.integers(-2, 3)).map(lambda p: (p[0] + 1 + u**2) ** p[1])
        )

    return st.recursive(atoms, extend, max_leaves=5)


@given(expressions())
@settings(max_examples=60)
def test_round_trip(expression: sp.Expr) -> None:
    """What sympy prints, the parser reads as the same function."""
    if expression.has(sp.zoo, sp.nan):
        return
    read: sp.Expr | None = None
    with contextlib.suppress(ParameterError):
        # beyond the bounds on size, checked in REFUSED
        read = parse_expression(str(expression), SYMBOLS)
    if read is None:
        assert sp.count_ops(expression) > 8
        return
    at = {u: sp.Rational(3, 7), v: sp.Rational(-5, 11), a: sp.Rational(13, 17)}
    assert read == expression or sp.nsimplify(read.subs(at) - expression.subs(at)) == 0


@pytest.mark.parametrize("name", BUILT_IN)
def test_built_in_systems_round_trip(name: str) -> None:
    system = BUILT_IN[name]
    read = load_system("; ".join(equations_of(system)))
    assert [str(f) for f in read.reactions] == [str(f) for f in system.reactions]
    assert {x.name for x in read.parameters} == {x.name for x in system.parameters}


FILE = """name = "mine"
domain = "nonnegative"

[equations]
u = "a - u + u^2*v"
v = "b - u^2*v"

[parameters]
a = 0.2
b = "3/2"

[diffusion]
D_u = 1
D_v = 5e1
"""


def test_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(FILE)
    system = read_system(path)
    assert system.name == "mine"
    assert [str(f) for f in system.reactions] == [str(f) for f in BUILT_IN["schnakenberg"].reactions]
    # decimals are exact
    assert system.defaults == {"a": Fraction(1, 5), "b": Fraction(3, 2), "D_u": 1, "D_v": 50}
    assert all(symbol.is_nonnegative for symbol in system.species)


BAD_FILES = {
    "syntax": (FILE.replace("a = 0.2", "a = = 2"), 9, "not valid TOML"),
    "unknown key": (FILE.replace("domain", "domian"), 2, "did you mean 'domain'?"),
    "domain": (FILE.replace("nonnegative", "positive"), None, 'domain must be "real" or "nonnegative"'),
    "call": (FILE.replace("b - u^2*v", "b - f(u)"), 6, "calls are not allowed"),
    "injection": (FILE.replace("b - u^2*v", "__import__('os').remove('x')"), 6, "calls are not allowed"),
    "undefined symbol": (FILE.replace("b - u^2*v", "c - u^2*v"), 6, "undefined symbol 'c'"),
    "number": (FILE.replace("0.2", "nan"), 9, "a must be a finite number"),
    "no number": (FILE.replace("0.2", "true"), 9, "a must be a number or a fraction in quotes"),
    "missing diffusion": (FILE.replace("D_v = 5e1", ""), 12, "must hold D_v, the diffusion of v"),
    "stray diffusion": (FILE + "D_w = 3\n", 15, "no species has that diffusion"),
    "no equations": ('name = "x"\n[parameters]\na = 1\n', None, "must hold one expression per species"),
    "equation is a number": (FILE.replace('"b - u^2*v"', "3"), 4, "equation of v must be text"),
    "duplicate equation": (FILE.replace('v = "b', 'u = "b'), 6, "not valid TOML"),
    "repeated name": (FILE.replace('b = "3/2"', "u = 1\nb = 1"), None, "'u' is used twice"),
}


@pytest.mark.parametrize(("text", "line", "message"), BAD_FILES.values(), ids=BAD_FILES)
def test_bad_files(tmp_path: Path, text: str, line: int | None, message: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(DataError) as error:
        read_system(path)
    assert str(error.value).startswith(f"{path}:{line}: " if line else f"{path}: ")
    assert message in str(error.value)


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        read_system(tmp_path / "absent.toml")
    with pytest.raises(DataError, match="cannot be read as text"):
        read_system(tmp_path)
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="cannot be read as text"):
        read_system(tmp_path / "binary.toml")
    with pytest.raises(ParameterError, match="did you mean 'brusselator'"):
        load_system("brusselatr")
