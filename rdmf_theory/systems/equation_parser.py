"""What does a line such as `u' = a - u + u^2*v` say? A whitelist parser: numbers, names, + - * / ^ and parentheses.

Nothing that a user types is ever evaluated or handed to another parser: a token that the grammar does not know is an
error, and length, nesting, powers and size of the expanded expression are bounded before they are built.

    equation    NAME ' = sum
    sum         product (("+" | "-") product)*
    product     signed (("*" | "/") signed)*
    signed      ("+" | "-") signed | power
    power       atom (("^" | "**") integer)?
    atom        NUMBER | NAME | "(" sum ")"
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

LONGEST = 4000
DEEPEST = 40
LARGEST_POWER = 32
MOST_TERMS = 5000
MOST_DEGREE = 64
MOST_BITS = 8192

_TOKEN = re.compile(
    r"(?P<space>\s+)|(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<name>[A-Za-z_]\w*)|(?P<sign>\*\*|[-+*/^()='])",
    re.ASCII,
)
_FUNCTIONS = (
    *("exp", "log", "ln", "log10", "sqrt", "cbrt", "abs", "sign", "min", "max", "heaviside", "erf", "gamma"),
    *("sin", "cos", "tan", "sinh", "cosh", "tanh", "asin", "acos", "atan", "arctan"),
)
_REMEDY = {
    ".": "attributes and calls are not allowed; write a polynomial or rational expression",
    "[": "indices are not allowed; a name may end in a number, such as u1",
    ",": "functions of several arguments are not supported, decimals have a point, and ; separates equations",
    '"': "text is not allowed; write a polynomial or rational expression",
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
    """The names in an expression, in order of their first appearance. Raises: ParameterError for a bad token."""
    return list(dict.fromkeys(token.text for token in _tokens(text) if token.kind == "name"))


def parse_expression(text: str, symbols: Mapping[str, sp.Symbol]) -> sp.Expr:
    """The rational expression that `text` writes.

    Arguments:
        text: at most `LONGEST` characters of the grammar above; decimals are exact.
        symbols: the symbol of every name that may occur.
    Raises: ParameterError naming text, column, rule and remedy; never any other error.
    """
    return _Parser(text, symbols).parse()


class _Parser:
    def __init__(self, text: str, symbols: Mapping[str, sp.Symbol]) -> None:
        self.text = text
        self.symbols = symbols
        self.tokens = _tokens(text)
        self.position = 0
        self.depth = 0

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
            if before.text in _FUNCTIONS:
                self.refuse(
                    before,
                    f"the function {before.text} is not supported; reactions are polynomials and their quotients",
                )
            self.refuse(
                token, f"{before.text}(...) looks like a call; calls are not allowed, a product is {before.text}*(...)"
            )
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
        exponent = self.exponent(token)
        if self.peek() in ("^", "**"):
            self.refuse(token, "a tower of powers; use parentheses and one integer power")
        power = abs(exponent)
        above, below = (comb(terms + power - 1, power) for terms in (base.above, base.below))
        if exponent < 0:
            above, below = below, max(above, 2)
        size = _Value(None, above, below, base.degree * power, base.bits * max(power, 1))
        self.bounded(size, token)
        if exponent < 0 and _is_zero(base.expression):
            self.refuse(token, "division by zero")
        return replace(size, expression=base.expression**exponent)

    def exponent(self, at: _Token) -> int:
        """An integer between -LARGEST_POWER and LARGEST_POWER, alone or in parentheses."""
        closing = self.peek() == "(" and bool(self.take())
        negative = False
        while self.peek() in ("+", "-"):
            negative ^= self.take().text == "-"
        token = self.take()
        rule = f"a power must be an integer of at most {LARGEST_POWER}"
        if token.kind != "number" or not token.text.isdigit():
            what = "a parameter" if token.kind == "name" else repr(token.text)
            shown = f"{what} {token.text!r}" if token.kind == "name" else what
            self.refuse(at, f"{rule}. Got {shown}; put its value in, real powers and roots are not supported")
        # compare the digits before making a number of them
        if len(token.text.lstrip("0")) > len(str(LARGEST_POWER)) or int(token.text) > LARGEST_POWER:
            self.refuse(at, f"{rule}. Got {_short(token.text)}")
        if closing and self.take().text != ")":
            self.refuse(at, f"{rule}; only polynomials and their quotients are allowed")
        return -int(token.text) if negative else int(token.text)

    def atom(self) -> _Value:
        token = self.take()
        if token.kind == "number":
            number = _rational(token.text)
            bits = max(number.numerator.bit_length(), number.denominator.bit_length())
            return self.bounded(_Value(sp.Rational(number.numerator, number.denominator), bits=bits), token)
        if token.kind == "name":
            if self.peek() == "(":
                self.unexpected(self.tokens[self.position])
            return _Value(self.symbol(token), degree=1)
        if token.text != "(":
            self.unexpected(token)
        self.depth += 1
        if self.depth > DEEPEST:
            self.refuse(token, f"more than {DEEPEST} nested parentheses; simplify the expression")
        value = self.sum()
        if self.take().text != ")":
            self.position -= 1
            self.unexpected(self.tokens[self.position])
        self.depth -= 1
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
