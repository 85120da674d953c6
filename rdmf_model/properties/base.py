"""A property, the model it is checked on, and the search for a counter-example."""

from __future__ import annotations

import enum
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, Phase, Verbosity, given, settings, target
from hypothesis import seed as seeded
from hypothesis.errors import HypothesisException
from hypothesis.strategies import SearchStrategy

from rdmf_model.properties.model_under_test import ModelUnderTest
from rdmf_theory.errors import ParameterError

Margins = Mapping[str, float]


class Scope(enum.Enum):
    """which models a property is about; the value is the explanation."""

    MODEL = "every model, whatever its fusion"
    REGION = "a model whose fusion has an admissible region"
    LAYER = "a model with the reaction-diffusion layer"
    COMPETITION = "a model with the competition layer"
    OPERATOR = "the layer's operator alone, in a model or somebody else's"


@dataclass(frozen=True)
class Property:
    """One property of a model.

    Arguments:
        name: identifier.
        statement: the property in words; latex: in formulas.
        theorem: what it follows from, as `File.theorem` in proofs/ where there is one.
        strategy: tested -> inputs; their repr is the counter-example that a person reads.
        check: (tested, input) -> margins by name; the property holds where all are >= 0. NaN and exceptions violate it.
        tolerance: what the check allows, and why.
        scope: which models it is about.
        effort: what one of its examples costs, in examples of a cheap property; it tries examples / effort of them.
    Raises: ParameterError for a name that is no identifier, or a property without words.
    """

    name: str
    statement: str
    theorem: str
    strategy: Callable[[ModelUnderTest], SearchStrategy[Any]]
    check: Callable[[ModelUnderTest, Any], Margins]
    tolerance: str
    latex: str
    scope: Scope = Scope.MODEL
    effort: int = 1

    def __post_init__(self) -> None:
        if not self.name.isidentifier():
            raise ParameterError(f"Property.name must be an identifier such as batch_order. Got {self.name!r}.")
        if self.effort < 1:
            raise ParameterError(f"Property.effort must be >= 1. Got {self.effort!r} for {self.name}.")
        for name in ("statement", "latex", "theorem", "tolerance"):
            if not getattr(self, name).strip():
                raise ParameterError(f"Property.{name} must say something. Got an empty text for {self.name!r}.")

    def __str__(self) -> str:
        return self.name

    @property
    def needs_layer(self) -> bool:
        """Whether it is about the reaction-diffusion layer."""
        return self.scope is not Scope.MODEL

    def is_about(self, tested: ModelUnderTest) -> bool:
        """Whether it can be checked on a tested."""
        if tested.own_layer:
            return self.scope is Scope.OPERATOR
        return {
            Scope.MODEL: True,
            Scope.REGION: tested.has_region,
            Scope.COMPETITION: tested.has_competition,
        }.get(self.scope, tested.has_layer)

    def share(self, examples: int) -> int:
        """How many inputs it tries where a cheap property tries `examples`."""
        return max(1, examples // self.effort)


@dataclass(frozen=True)
class PropertyResult:
    """Outcome of a search: examples tried, worst margin of each part, the shrunk counter-example where there is one."""

    prop: Property
    examples: int
    seconds: float
    margins: Mapping[str, float] = field(default_factory=dict)
    counter_example: str | None = None
    detail: str | None = None

    example: Any = field(default=None, repr=False, compare=False)

    @property
    def holds(self) -> bool:
        """Whether no counter-example was found."""
        return self.counter_example is None

    @property
    def worst(self) -> tuple[str, float] | None:
        """The part with the least margin, and that margin; None where nothing was measured."""
        if not self.margins:
            return None
        name = min(self.margins, key=lambda part: _order(self.margins[part]))
        return name, self.margins[name]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, apart from NaN and infinities."""
        prop = self.prop
        return {
            "name": prop.name,
            "statement": prop.statement,
            "latex": prop.latex,
            "theorem": prop.theorem,
            "tolerance": prop.tolerance,
            "verdict": "holds" if self.holds else "violated",
            "examples": self.examples,
            "worst_margin": None if self.worst is None else {"part": self.worst[0], "margin": self.worst[1]},
            "margins": dict(self.margins),
            "counter_example": self.counter_example,
            "detail": self.detail,
            "seconds": self.seconds,
        }


class Violation(Exception):
    """A margin is negative or undefined."""


def _order(margin: float) -> float:
    """Sorts NaN as the worst of all."""
    return -math.inf if math.isnan(margin) else margin


def run_property(
    prop: Property,
    tested: ModelUnderTest,
    examples: int = 100,
    seed: int = 0,
    progress: Callable[[], None] | None = None,
    *,
    shrink: bool = True,
) -> PropertyResult:
    """Search for an input that violates a property, towards small margins, and shrink it.

    Arguments:
        examples: inputs to try, >= 1; a costly property tries its share (fewer only where the inputs run out).
        seed: of the search, >= 0; the same seed tries the same inputs.
        progress: called after each of them.
        shrink: whether to look for a smaller counter-example once there is one.
    Returns: the result; a violated property is a result, not an exception.
    Raises: ParameterError for examples or seed out of range, or a property that is not about this model.
    """
    if examples < 1 or seed < 0:
        raise ParameterError(f"examples must be >= 1 and seed >= 0. Got {examples} and {seed}.")
    if not prop.is_about(tested):
        kind = (
            "an operator of one's own"
            if tested.own_layer
            else f"a model whose fusion is {type(tested.model.fusion).__name__}"
        )
        raise ParameterError(f"{prop.name} is about {prop.scope.value}. Got {kind}.")
    margins: dict[str, float] = {}
    tried = 0
    failure: tuple[str, str, Any] | None = None

    def search(example: Any) -> None:
        nonlocal tried, failure
        if failure is None:
            tried += 1
            if progress is not None:
                progress()
        try:
            found = prop.check(tested, example)
            broken = {part: margin for part, margin in found.items() if not margin >= 0}
            if broken:
                raise Violation(", ".join(f"{part} margin {margin:.3g}" for part, margin in broken.items()))
        except HypothesisException:
            raise
        except Exception as error:
            # The last call is the shrunk example's.
            said = str(error) if isinstance(error, Violation) else f"{type(error).__name__}: {error}"
            failure = repr(example), said, example
            if isinstance(error, Violation):
                margins.update(found)  # type: ignore[possibly-unbound]
            raise
        if failure is None:
            for part, margin in found.items():
                margins[part] = min(margins.get(part, math.inf), margin)
        least = min(found.values(), default=0.0)
        if math.isfinite(least):
            target(-least)

    options = settings(
        max_examples=prop.share(examples),
        database=None,
        deadline=None,
        derandomize=False,
        phases=(Phase.generate, Phase.target, *((Phase.shrink,) if shrink else ())),
        print_blob=False,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),  # type: ignore[arg-type]
        verbosity=Verbosity.quiet,
    )
    started = time.perf_counter()
    try:
        options(seeded(seed)(given(prop.strategy(tested))(search)))()
    except Exception:
        # what broke is in `failure`; anything else is a fault of the search itself
        if failure is None:
            raise
    seconds = time.perf_counter() - started
    if failure is None:
        return PropertyResult(prop, tried, seconds, margins)
    return PropertyResult(prop, tried, seconds, margins, *failure)
