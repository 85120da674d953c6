"""What does a line such as `u' = a - u + u^2*v` say? A whitelist parser: numbers, names, + - * / ^ and functions.

Nothing that a user types is ever evaluated or handed to another parser: a token that the grammar does not know is an
error, and length, nesting, powers and size of the expanded expression are bounded before they are built.

    equation    NAME ' = sum
    sum         product (("+" | "-") product)*
    product     signed (("*" | "/") signed)*
    signed      ("+" | "-") signed | power
    power       atom (("^" | "**") exponent)?
    exponent    ("+" | "-")* (NUMBER | NAME | "(" sum ")")
    atom        NUMBER | NAME | "(" sum ")" | FUNCTION "(" sum ("," sum)? ")"

Functions are those of `FUNCTIONS`, and min and max of two arguments. log, sqrt and powers whose exponent is no integer
are real: what they want of their arguments is kept beside the expression, for algebra may remove them (`sqrt(u)^2` is
u, but no number where u < 0).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from fractions import Fraction
from math import comb
from typing import Any

import sympy as sp

from rdmf_theory.arithmetic.rational import to_fraction
from rdmf_theory.errors import ParameterError
from rdmf_theory.kinetics import Requirement

LONGEST = 4000
DEEPEST = 40
LARGEST_POWER = 32
MOST_TERMS = 5000
MOST_DEGREE = 64
MOST_BITS = 8192

_TOKEN = re.compile(
    r"(?P<space>\s+)|(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<name>[A-Za-z_]\w*)|(?P<sign>\*\*|[-+*/^()=',])",
    re.ASCII,
)
FUNCTIONS = {"exp": sp.exp, "log": sp.log, "ln": sp.log, "tanh": sp.tanh, "sqrt": sp.sqrt}
"""Functions of one argument."""
_OF_TWO = {"min": sp.Min, "max": sp.Max}
_KNOWN = ", ".join((*FUNCTIONS, *_OF_TWO))
# how else to write what is not supported
_INSTEAD = {
    "log10": "write log(x)/log(10)",
    "log2": "write log(x)/log(2)",
    "cbrt": "write x^(1/3)",
    "abs": "write max(x, -x)",
    "sinh": "write (exp(x) - exp(-x))/2",
    "cosh": "write (exp(x) + exp(-x))/2",
}
_OTHERS = (
    *("sign", "heaviside", "erf", "gamma", "sin", "cos", "tan", "asin", "acos", "atan", "arctan", "arcsin", "pow"),
    *("floor", "ceil", "round", "sum", "Max", "Min"),
)
_COMMA = "a comma stands between the two arguments of min and max; decimals have a point, and ; separates equations"
_REMEDY = {
    ".": f"attributes and other calls are not allowed; the functions are {_KNOWN}",
    "[": "indices are not allowed; a name may end in a number, such as u1",
    '"': "text is not allowed; write an expression",
    ";": "separate equations are separate strings",
    ":": "only + - * / ^ and parentheses are allowed",
}


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    column: int


@dataclass(frozen=True)
class _Value:
    """A partial result: the expression, and bounds on what it becomes as one fraction, multiplied out.

    `above` and `below` bound the terms of numerator and denominator, `degree` their degrees, `bits` the constants.
    """

    expression: Any
    above: int = 1
    below: int = 1
    degree: int = 0
    bits: int = 1


def split_equation(text: str) -> tuple[str, str]:
    """(species, right-hand side) of `NAME' = ...`. Raises: ParameterError if the text has another form."""
    _check_length(text)
    match = re.fullmatch(r"\s*([A-Za-z_]\w*)\s*'\s*=(.*)", text, re.ASCII | re.DOTALL)
    if not match:
        raise ParameterError(f"An equation must read NAME' = EXPRESSION, such as u' = a - u. Got {_short(text)!r}.")
    return match.group(1), match.group(2)


def names_in(text: str) -> list[str]:
    """The names in an expression without its functions, in order of their first appearance.

    Raises: ParameterError for a bad token.
    """
    tokens = _tokens(text)
    following = [token.text for token in tokens[1:]] + [""]
    found = [
        token.text
        for token, after in zip(tokens, following, strict=True)
        if token.kind == "name" and not (after == "(" and (token.text in FUNCTIONS or token.text in _OF_TWO))
    ]
    return list(dict.fromkeys(found))


def parse_expression(text: str, symbols: Mapping[str, sp.Symbol]) -> sp.Expr:
    """The expression that `text` writes, see `parse_reaction`."""
    return parse_reaction(text, symbols)[0]


def parse_reaction(text: str, symbols: Mapping[str, sp.Symbol]) -> tuple[sp.Expr, tuple[Requirement, ...]]:
    """The expression that `text` writes, and where its logarithms, roots and real powers are numbers.

    Arguments:
        text: at most `LONGEST` characters of the grammar above; decimals are exact.
        symbols: the symbol of every name that may occur.
    Raises: ParameterError naming text, column, rule and remedy; never any other error.
    """
    parser = _Parser(text, symbols)
    return parser.parse(), tuple(dict.fromkeys(parser.requirements))


class _Parser:
    def __init__(self, text: str, symbols: Mapping[str, sp.Symbol]) -> None:
        self.text = text
        self.symbols = symbols
        self.tokens = _tokens(text)
        self.position = 0
        self.depth = 0
        self.requirements: list[Requirement] = []

    def parse(self) -> sp.Expr:
        if not self.tokens:
            raise ParameterError("An expression is missing; write 0 if nothing reacts.")
        value = self.sum()
        if self.position < len(self.tokens):
            self.unexpected(self.tokens[self.position])
        return value.expression

    def peek(self) -> str:
        return self.tokens[self.position].text if self.position < len(self.tokens) else ""

    def take(self) -> _Token:
        if self.position == len(self.tokens):
            raise ParameterError(f"{_short(self.text)!r} ends too early; a number, name or closing bracket is missing.")
        self.position += 1
        return self.tokens[self.position - 1]

    def refuse(self, token: _Token, message: str) -> None:
        raise ParameterError(f"{_short(self.text)!r}, column {token.column}: {message}.")

    def unexpected(self, token: _Token) -> None:
        before = self.tokens[self.position - 1] if self.position else None
        if token.text == "(" and before is not None and before.kind == "name":
            if before.text in _INSTEAD or before.text in _OTHERS:
                remedy = _INSTEAD.get(before.text, f"the functions are {_KNOWN}")
                self.refuse(before, f"the function {before.text} is not supported; {remedy}")
            self.refuse(
                token, f"{before.text}(...) looks like a call; calls are not allowed, a product is {before.text}*(...)"
            )
        if token.text == ",":
            self.refuse(token, f"unexpected ','; {_COMMA}")
        if token.kind in ("name", "number") or token.text == "(":
            self.refuse(token, f"unexpected {token.text!r}; write * for a product")
        self.refuse(token, f"unexpected {token.text!r}; only + - * / ^, names, numbers and parentheses are allowed")

    def bounded(self, value: _Value, token: _Token) -> _Value:
        for what, size, limit in (
            ("terms", max(value.above, value.below), MOST_TERMS),
            ("powers in one product", value.degree, MOST_DEGREE),
            ("bits in a constant", value.bits, MOST_BITS),
        ):
            if size > limit:
                self.refuse(token, f"multiplied out this has up to {size} {what}, the limit is {limit}; simplify it")
        return value

    def sum(self) -> _Value:
        total = self.product()
        while self.peek() in ("+", "-"):
            token = self.take()
            term = self.product()
            size = _Value(
                None,
                total.above * term.below + term.above * total.below,
                total.below * term.below,
                total.degree + term.degree if total.below > 1 or term.below > 1 else max(total.degree, term.degree),
                total.bits + term.bits + 1,
            )
            self.bounded(size, token)
            added = total.expression + term.expression if token.text == "+" else total.expression - term.expression
            total = replace(size, expression=added)
        return total

    def product(self) -> _Value:
        total = self.signed()
        while self.peek() in ("*", "/"):
            token = self.take()
            factor = self.signed()
            above, below = (factor.above, factor.below) if token.text == "*" else (factor.below, factor.above)
            # a monomial below stays a monomial, but fractions with it no longer add up as polynomials do
            below = max(below, 2) if token.text == "/" and factor.degree else below
            size = _Value(
                None, total.above * above, total.below * below, total.degree + factor.degree, total.bits + factor.bits
            )
            self.bounded(size, token)
            if token.text == "/" and _is_zero(factor.expression):
                self.refuse(token, "division by zero")
            result = total.expression * factor.expression if token.text == "*" else total.expression / factor.expression
            total = replace(size, expression=result)
        return total

    def signed(self) -> _Value:
        negative = False
        while self.peek() in ("+", "-"):
            negative ^= self.take().text == "-"
        value = self.power()
        return replace(value, expression=-value.expression) if negative else value

    def power(self) -> _Value:
        base = self.atom()
        if self.peek() not in ("^", "**"):
            return base
        token = self.take()
        exponent = self.exponent()
        if self.peek() in ("^", "**"):
            self.refuse(token, "a tower of powers; use parentheses")
        number = exponent.expression
        if number.is_Rational and abs(number) > LARGEST_POWER:
            self.refuse(token, f"a power must be at most {LARGEST_POWER}. Got {_short(str(number))}")
        if not number.is_Integer:
            return self.real_power(base, exponent, token)
        return self.integer_power(base, int(number), token)

    def integer_power(self, base: _Value, exponent: int, token: _Token) -> _Value:
        power = abs(exponent)
        above, below = (comb(terms + power - 1, power) for terms in (base.above, base.below))
        if exponent < 0:
            above, below = below, max(above, 2)
        size = _Value(None, above, below, base.degree * power, base.bits * max(power, 1))
        self.bounded(size, token)
        if exponent < 0 and _is_zero(base.expression):
            self.refuse(token, "division by zero")
        return replace(size, expression=base.expression**exponent)

    def real_power(self, base: _Value, exponent: _Value, token: _Token) -> _Value:
        """A power that is no integer, or whose exponent has names: real where the base is not negative."""
        self.require(base.expression, exponent.expression, token, "a real power")
        size = _Value(None, degree=1, bits=base.bits + exponent.bits)
        return replace(self.bounded(size, token), expression=self.real(base.expression**exponent.expression, token))

    def require(self, argument: Any, exponent: Any, token: _Token, what: str) -> None:
        """Keep where a logarithm (exponent None) or a real power is a number. Raises: ParameterError for never."""
        requirement = Requirement(argument, exponent)
        if requirement.never:
            self.refuse(token, f"{what} of {_short(str(argument))} is no real number")
        if not argument.is_positive:
            self.requirements.append(requirement)

    def real(self, expression: Any, token: _Token) -> Any:
        """The expression, if it is real somewhere."""
        if expression.has(sp.I, sp.zoo, sp.nan, sp.oo):
            self.refuse(token, "this is no real number")
        return expression

    def exponent(self) -> _Value:
        """A number or name, with signs, or anything in parentheses."""
        negative = False
        while self.peek() in ("+", "-"):
            negative ^= self.take().text == "-"
        value = self.atom()
        return replace(value, expression=-value.expression) if negative else value

    def function(self, token: _Token) -> _Value:
        """A call of a function that is known; its name is taken already."""
        opening = self.take()
        arguments = [self.within(opening)]
        while self.peek() == ",":
            arguments.append(self.within(self.take()))
        if self.take().text != ")":
            self.position -= 1
            self.unexpected(self.tokens[self.position])
        wanted = 2 if token.text in _OF_TWO else 1
        if len(arguments) != wanted:
            count = "two arguments" if wanted == 2 else "one argument"
            self.refuse(token, f"{token.text} has {count}. Got {len(arguments)}")
        size = _Value(None, degree=1, bits=sum(argument.bits for argument in arguments))
        self.bounded(size, token)
        parts = [argument.expression for argument in arguments]
        if wanted == 2:
            return replace(size, expression=_OF_TWO[token.text](*parts))
        if token.text in ("log", "ln", "sqrt"):
            self.require(parts[0], sp.Rational(1, 2) if token.text == "sqrt" else None, token, token.text)
        return replace(size, expression=self.real(FUNCTIONS[token.text](parts[0]), token))

    def within(self, opening: _Token) -> _Value:
        """A sum inside parentheses, up to what ends it."""
        self.depth += 1
        if self.depth > DEEPEST:
            self.refuse(opening, f"more than {DEEPEST} nested parentheses; simplify the expression")
        value = self.sum()
        self.depth -= 1
        return value

    def atom(self) -> _Value:
        token = self.take()
        if token.kind == "number":
            number = _rational(token.text)
            bits = max(number.numerator.bit_length(), number.denominator.bit_length())
            return self.bounded(_Value(sp.Rational(number.numerator, number.denominator), bits=bits), token)
        if token.kind == "name":
            if self.peek() == "(":
                if token.text in FUNCTIONS or token.text in _OF_TWO:
                    return self.function(token)
                self.unexpected(self.tokens[self.position])
            return _Value(self.symbol(token), degree=1)
        if token.text != "(":
            self.unexpected(token)
        value = self.within(token)
        if self.take().text != ")":
            self.position -= 1
            self.unexpected(self.tokens[self.position])
        return value

    def symbol(self, token: _Token) -> sp.Symbol:
        if token.text not in self.symbols:
            close = get_close_matches(token.text, self.symbols, n=1)
            remedy = f"did you mean {close[0]!r}?" if close else "declare it as a parameter"
            self.refuse(token, f"undefined symbol {token.text!r}; {remedy}")
        return self.symbols[token.text]


def _tokens(text: str) -> list[_Token]:
    _check_length(text)
    tokens, position = [], 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if not match:
            character = text[position]
            remedy = _REMEDY.get(character, "only + - * / ^, names, numbers and parentheses are allowed")
            raise ParameterError(f"{_short(text)!r}, column {position + 1}: unexpected {character!r}; {remedy}.")
        if match.lastgroup != "space":
            tokens.append(_Token(str(match.lastgroup), match.group(), position + 1))
        position = match.end()
    return tokens


def _rational(text: str) -> Fraction:
    if len(text) > 60:
        raise ParameterError(f"A number may have at most 60 characters. Got {_short(text)}; shorten it.")
    return to_fraction(f"the number {text}", text)


def _check_length(text: str) -> None:
    if len(text) > LONGEST:
        raise ParameterError(f"An equation may have at most {LONGEST} characters. Got {len(text)}; simplify it.")


def _is_zero(expression: Any) -> bool:
    # the bounds on terms and bits hold, so this is quick
    return expression.is_zero or sp.expand(sp.numer(sp.together(expression))) == 0


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 60 else text[:57] + "..."
