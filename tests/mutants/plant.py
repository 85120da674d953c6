"""How is a fault planted? By compiling a changed source of one function and giving its code to the function itself.

Every module that imported the function then runs the fault, and nothing on disk changes.
"""

from __future__ import annotations
import __future__

import ast
import importlib
import inspect
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import CodeType, FunctionType
from typing import Any


@dataclass(frozen=True)
class Mutant:
    """A fault and the check that has to notice it.

    Arguments:
        name: what is wrong, in words.  area: theory, operator, constraint, model, data, metrics or certificate.
        where: `module:qualified.name` of a function.
        old, new: its source's fragment, which must occur exactly once, and what stands there instead.
        killer: `FILE::test` that fails under the fault.
    """

    name: str
    area: str
    where: str
    old: str
    new: str
    killer: str


def target(where: str) -> FunctionType:
    """The function behind `module:qualified.name`, without its decorators."""
    module, _, name = where.partition(":")
    found: Any = importlib.import_module(module)
    for part in name.split("."):
        found = inspect.getattr_static(found, part)
    found = inspect.unwrap(getattr(found, "__func__", found))
    if not isinstance(found, FunctionType):
        raise TypeError(f"{where} must be a plain function. Got {type(found).__name__}.")
    return found


def changed_code(function: FunctionType, old: str, new: str) -> CodeType:
    """Code of `function` with one fragment replaced. Raises ValueError unless the fragment occurs exactly once."""
    source = textwrap.dedent(inspect.getsource(function))
    if source.count(old) != 1:
        raise ValueError(f"{function.__qualname__} holds {old!r} {source.count(old)} times; a mutant needs it once.")
    tree = ast.parse(source.replace(old, new))
    definition = tree.body[0]
    assert isinstance(definition, ast.FunctionDef)
    definition.decorator_list = []
    flags = __future__.annotations.compiler_flag
    compiled = compile(tree, inspect.getfile(function), "exec", flags=flags, dont_inherit=True)
    scope = dict(function.__globals__)
    exec(compiled, scope)
    return scope[definition.name].__code__


@contextmanager
def planted(mutant: Mutant) -> Iterator[None]:
    """The program with the fault in it."""
    function = target(mutant.where)
    honest = function.__code__
    function.__code__ = changed_code(function, mutant.old, mutant.new)
    try:
        yield
    finally:
        function.__code__ = honest
