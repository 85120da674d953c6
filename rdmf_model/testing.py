"""For the tests of other people: properties, strategies, and a search that fails like a test.

    check_layer(my_layer)                       every property of the operator, on designs of the region
    require(PROPERTY, tested, examples=50)     one property; AssertionError with the shrunk counter-example
    pytest --rdmf-run RUN                       every property of a trained run, as test items

The pytest plugin is `rdmf_model.pytest_plugin`; its fixtures are named `rdmf_run`, `rdmf_tested`, `rdmf_model`.
"""

from __future__ import annotations

from collections.abc import Sequence

from rdmf_model.properties import PROPERTIES, ModelUnderTest, OwnLayer, Property, PropertyResult, Scope, run_property
from rdmf_model.properties.fields import State, operator_inputs, states
from rdmf_model.properties.growth import Mode, modes
from rdmf_model.properties.inputs import Query, Text, Video, queries, sources, texts, videos
from rdmf_model.properties.model_under_test import Draw, Operator
from rdmf_theory.regions.admissible import DEFAULT_REGION, AdmissibleRegion

OPERATOR_PROPERTIES: tuple[Property, ...] = tuple(prop for prop in PROPERTIES if prop.scope is Scope.OPERATOR)
"""Those that an operator of one's own can be checked by."""


def require(prop: Property, tested: ModelUnderTest, examples: int = 50, seed: int = 0) -> PropertyResult:
    """Search for a counter-example, and raise AssertionError with the shrunk one.

    Arguments: as for `run_property`.
    """
    result = run_property(prop, tested, examples, seed)
    if not result.holds:
        raise AssertionError(
            f"{prop.name} is violated: {prop.statement}\n{result.detail}\n"
            f"counter-example {result.counter_example}\ntheorem {prop.theorem}; tolerance {prop.tolerance}"
        )
    return result


def check_layer(
    operator: Operator,
    *,
    steps: int = 12,
    region: AdmissibleRegion = DEFAULT_REGION,
    channels: int = 8,
    examples: int = 50,
    seed: int = 0,
    properties: Sequence[Property] = OPERATOR_PROPERTIES,
) -> list[PropertyResult]:
    """Judge an operator of one's own by every property, and report all that break.

    Arguments:
        operator: `Operator`, called with float32 and float64 tensors.
        steps, region, channels: as for `OwnLayer`.
        examples, seed: of each search.
        properties: those to judge by.
    Returns: the results. Raises: AssertionError that names every violated property with its counter-example.
    """
    tested = OwnLayer(operator, steps, region, channels)
    results = [run_property(prop, tested, examples, seed) for prop in properties]
    broken = [result for result in results if not result.holds]
    if broken:
        lines = (f"{result.prop.name}: {result.detail}; {result.counter_example}" for result in broken)
        raise AssertionError("the layer violates properties\n" + "\n".join(lines))
    return results


__all__ = [
    "DEFAULT_REGION",
    "OPERATOR_PROPERTIES",
    "PROPERTIES",
    "AdmissibleRegion",
    "Draw",
    "Mode",
    "ModelUnderTest",
    "Operator",
    "OwnLayer",
    "Property",
    "PropertyResult",
    "Query",
    "Scope",
    "State",
    "Text",
    "Video",
    "check_layer",
    "modes",
    "operator_inputs",
    "queries",
    "require",
    "run_property",
    "sources",
    "states",
    "texts",
    "videos",
]
