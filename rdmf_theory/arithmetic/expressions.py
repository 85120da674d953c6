"""How is a formula evaluated on any kind of number? Symbolic expressions compiled to straight-line Python.

One compiled function works on floats, numpy arrays, fractions, `flint.arb` and `flint.acb` balls, algebraic numbers
and interval types, because the generated lines hold only `+ - * /`, squares, named constants and the functions of
`arithmetic.functions`. The text that is compiled is printed from the expression tree with names of its own, never from
anything a user typed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from functools import cache
from itertools import count
from typing import Any

import numpy as np
import sympy as sp

from rdmf_theory.arithmetic.functions import ARRAYS, BALLS, INSIDE, SCALARS
from rdmf_theory.errors import ParameterError

FUNCTIONS = {sp.exp: "exp", sp.log: "log", sp.sin: "sin", sp.cos: "cos", sp.tanh: "tanh"}
"""Functions beyond rational arithmetic: they go through the library `xp`, exact numbers have none of them."""


class _Methods:
    """The library `xp` of numbers that carry their functions as methods, such as balls."""

    def __getattr__(self, name: str) -> Callable[[Any], Any]:
        return lambda x: getattr(x, name)()


_METHODS = _Methods()


class _Symbolic:
    """The library `xp` of sympy expressions."""

    minimum, maximum, step = sp.Min, sp.Max, sp.Heaviside

    @staticmethod
    def power(base: Any, exponent: Any) -> Any:
        """Power."""
        return base**exponent

    def __getattr__(self, name: str) -> Any:
        return getattr(sp, name)


_SYMBOLIC = _Symbolic()


class _NoFunctions:
    """The library `xp` of exact numbers: every function is refused."""

    def __getattr__(self, name: str) -> Callable[[Any], Any]:
        raise ParameterError(f"{name}() has no exact rational value. Evaluate at floats or flint balls instead.")


_NONE = _NoFunctions()


def _scalar(number: Fraction, values: Sequence[Any]) -> Any:
    """A rational constant as the kind of number that `values` are, and exact wherever that kind allows."""
    for value in values:
        kind = type(value)
        if hasattr(kind, "from_rational"):
            return kind.from_rational(number.numerator, number.denominator)
        if kind.__module__.startswith("flint"):
            import flint

            return flint.arb(flint.fmpq(number.numerator, number.denominator))
    if _is_exact(values):
        return number
    if _is_symbolic(values):
        return sp.Rational(number.numerator, number.denominator)
    return float(number)


def _is_exact(values: Sequence[Any]) -> bool:
    return all(
        isinstance(value, int | Fraction) or (isinstance(value, np.ndarray) and value.dtype == object)
        for value in values
    )


def _is_symbolic(values: Sequence[Any]) -> bool:
    return any(isinstance(value, sp.Basic) for value in values)


def _library(values: Sequence[Any], inside: bool) -> Any:
    """The functions `xp` that suit `values`."""
    if any(isinstance(value, np.ndarray | np.generic) for value in values):
        return ARRAYS
    if _is_symbolic(values):
        return _SYMBOLIC
    if all(isinstance(value, int | float) for value in values):
        return SCALARS
    if any(type(value).__module__.startswith("flint") for value in values):
        return INSIDE if inside else BALLS
    return _NONE if _is_exact(values) else _METHODS


def _square(values: Sequence[Any]) -> Callable[[Any], Any]:
    """The square of a number; the power of a flint ball around 0 is not finite, its product is."""
    flint_numbers = any(type(value).__module__.startswith("flint") for value in values)
    return (lambda x: x * x) if flint_numbers else (lambda x: x**2)


class _Printer:
    """Prints expression trees as Python lines over `x[i]`, temporaries `t[i]` and rational constants `c[i]`."""

    def __init__(self, names: dict[Any, str]) -> None:
        self.names = dict(names)
        self.constants: dict[Fraction, str] = {}
        self.lines: list[str] = []
        self.powers: dict[tuple[str, int], str] = {}
        self.fresh = (f"p{i}" for i in count())

    def constant(self, number: Fraction) -> str:
        return self.constants.setdefault(number, f"c{len(self.constants)}")

    def power(self, base: str, exponent: int) -> str:
        """`base**exponent` for exponent >= 1 by squaring: fast on arrays, and even powers of intervals stay tight."""
        if exponent == 1:
            return base
        if (base, exponent) not in self.powers:
            half = self.power(base, exponent // 2)
            text = f"square({half})" if exponent % 2 == 0 else f"{self.power(base, exponent - 1)}*{base}"
            name = next(self.fresh)
            self.lines.append(f"{name} = {text}")
            self.powers[base, exponent] = name
        return self.powers[base, exponent]

    def atom(self, expression: sp.Basic) -> str:
        """The name of a value; what is no name yet becomes one line."""
        text = self.text(expression)
        if text.isidentifier():
            return text
        name = next(self.fresh)
        self.lines.append(f"{name} = {text}")
        self.names[expression] = name
        return name

    def root(self, base: Any) -> str:
        """The name of a square root."""
        key = sp.sqrt(base)
        if key not in self.names:
            name = next(self.fresh)
            self.lines.append(f"{name} = xp.sqrt({self.text(base)})")
            self.names[key] = name
        return self.names[key]

    def text(self, expression: Any) -> str:
        if expression in self.names:
            return self.names[expression]
        if isinstance(expression, sp.Rational):
            return self.constant(Fraction(int(expression.p), int(expression.q)))
        if isinstance(expression, sp.Float):
            return self.constant(Fraction(float(expression)))
        if isinstance(expression, sp.Add):
            return self._sum(expression)
        if isinstance(expression, sp.Mul):
            return self._product(expression)
        if isinstance(expression, sp.Pow) and isinstance(expression.exp, sp.Integer):
            return self._product(expression)
        if isinstance(expression, sp.Pow) and isinstance(2 * expression.exp, sp.Integer):
            root = self.root(expression.base)
            power = self.power(root, abs(int(2 * expression.exp)))
            return power if expression.exp > 0 else f"({self.constant(Fraction(1))}/{power})"
        if isinstance(expression, sp.Pow):
            return f"xp.power({self.text(expression.base)}, {self.text(expression.exp)})"
        if expression is sp.E:
            return f"xp.exp({self.constant(Fraction(1))})"
        if isinstance(expression, sp.Abs):
            return f"abs({self.text(expression.args[0])})"
        if isinstance(expression, sp.Min | sp.Max):
            name = "minimum" if isinstance(expression, sp.Min) else "maximum"
            first, *rest = sorted(expression.args, key=sp.default_sort_key)
            text = self.text(first)
            for item in rest:
                text = f"xp.{name}({text}, {self.text(item)})"
            return text
        if isinstance(expression, sp.Heaviside):
            return f"xp.step({self.text(expression.args[0])})"
        if isinstance(expression, sp.DiracDelta):
            return f"xp.jump({self.text(expression.args[0])})"
        if isinstance(expression, sp.sign):
            return f"(2*xp.step({self.text(expression.args[0])}) - {self.constant(Fraction(1))})"
        if expression.func in FUNCTIONS:
            return f"xp.{FUNCTIONS[expression.func]}({self.text(expression.args[0])})"
        raise ParameterError(
            f"The expression {expression} cannot be compiled: {expression.func.__name__} is not supported. "
            f"Use + - * /, powers, sqrt, abs, min, max, {', '.join(FUNCTIONS.values())}."
        )

    def _sum(self, expression: Any) -> str:
        text = ""
        for term in expression.as_ordered_terms():
            coefficient, _ = term.as_coeff_Mul()
            negative = bool(coefficient.is_negative)
            shown = self.text(-term if negative else term)
            text += f" {'-' if negative else '+'} {shown}" if text else (f"-{shown}" if negative else shown)
        return f"({text})"

    def _product(self, expression: Any) -> str:
        coefficient, rest = expression.as_coeff_Mul()
        above, below = [], []
        for factor in sp.Mul.make_args(rest):
            # exp(2) is a value of exp, not a power of its base
            base, exponent = (factor, sp.S.One) if isinstance(factor, sp.exp) else factor.as_base_exp()
            if isinstance(exponent, sp.Integer) and abs(exponent) > 1:
                (above if exponent > 0 else below).append(self.power(self.atom(base), abs(int(exponent))))
            elif exponent == -1 and not isinstance(factor, sp.exp):
                below.append(self.text(base))
            elif factor != 1:
                above.append(self.text(factor))
        number = Fraction(int(coefficient.p), int(coefficient.q)) if isinstance(coefficient, sp.Rational) else None
        sign = ""
        if number is None:
            above.insert(0, self.text(coefficient))
        else:
            sign = "-" if number < 0 else ""
            if abs(number) != 1 or not above:
                above.insert(0, self.constant(abs(number)))
        text = sign + "*".join(above)
        if below:
            text += "/" + (below[0] if len(below) == 1 else f"({'*'.join(below)})")
        return f"({text})"


@cache
def _compiled(
    expressions: tuple[Any, ...], symbols: tuple[sp.Symbol, ...]
) -> tuple[Callable[..., Any], list[Fraction]]:
    unknown = set().union(*(item.free_symbols for item in expressions)) - set(symbols)
    if unknown:
        raise ParameterError(f"compile_expressions: undefined symbol {sorted(map(str, unknown))}; list it in symbols.")
    # dummies, so that no temporary has the name of an argument
    temporaries = (sp.Dummy(f"t{i}") for i in count())
    common, reduced = sp.cse(list(expressions), symbols=temporaries)
    printer = _Printer({symbol: f"x{i}" for i, symbol in enumerate(symbols)})
    for i, (symbol, value) in enumerate(common):
        text = printer.text(value)
        printer.lines.append(f"t{i} = {text}")
        printer.names[symbol] = f"t{i}"
    results = [printer.text(item) for item in reduced]
    source = [
        f"def compiled(c, xp, square{''.join(f', x{i}' for i in range(len(symbols)))}):",
        *([f"    {', '.join(printer.constants.values())}, = c"] if printer.constants else []),
        *(f"    {line}" for line in printer.lines),
        f"    return [{', '.join(results)}]",
    ]
    namespace: dict[str, Any] = {}
    exec(compile("\n".join(source), "<compiled expressions>", "exec"), namespace)
    return namespace["compiled"], list(printer.constants)


def compile_expressions(
    expressions: Iterable[Any], symbols: Sequence[sp.Symbol], *, inside: bool = False
) -> Callable[..., list[Any]]:
    """Compile expressions to one function `f(*values) -> list`, common subexpressions shared.

    Arguments:
        expressions: sympy expressions of rational operations, real powers, abs, minimum, maximum and `FUNCTIONS`.
        symbols: the arguments, in the order of `values`.
        inside: roots and real powers of a ball around 0 are those of its part >= 0, not undefined: only for a caller
            who excludes the other part.
    Returns: a function of one value per symbol. Rational constants become fractions for ints and fractions, floats for
        floats and arrays, balls at the current precision for `arb` and `acb`; another type may offer a class method
        `from_rational(numerator, denominator)`. An entry that is constant comes back as a scalar of that kind.
    Raises: ParameterError for an undefined symbol or an unsupported function.
    """
    trees = tuple(sp.sympify(item) for item in expressions)
    function, constants = _compiled(trees, tuple(symbols))

    def evaluate(*values: Any) -> list[Any]:
        if len(values) != len(symbols):
            raise ParameterError(f"expected {len(symbols)} values ({', '.join(map(str, symbols))}). Got {len(values)}.")
        values = tuple(Fraction(v) if isinstance(v, int) and not isinstance(v, bool) else v for v in values)
        if not _is_exact(values):
            values = _aligned(values)
        return function(
            [_scalar(number, values) for number in constants], _library(values, inside), _square(values), *values
        )

    return evaluate


def _aligned(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Fractions among other numbers, converted to the kind of the others."""
    others = [value for value in values if not isinstance(value, Fraction)]
    return tuple(_scalar(value, others) if isinstance(value, Fraction) else value for value in values)
