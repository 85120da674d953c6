"""Which properties must a model have? Each: a statement, the theorem behind it, inputs, a check, a tolerance.

`run_property` searches for a counter-example; `rdmf verify`, the pytest plugin and the tests run the same objects.
"""

from rdmf_model.properties.answer import ANSWER_PROPERTIES
from rdmf_model.properties.base import Property, PropertyResult, Scope, run_property
from rdmf_model.properties.competition import COMPETITION_PROPERTIES
from rdmf_model.properties.derivatives import DERIVATIVE_PROPERTIES
from rdmf_model.properties.fields import FIELD_PROPERTIES
from rdmf_model.properties.growth import GROWTH_PROPERTIES
from rdmf_model.properties.invariance import INVARIANCE_PROPERTIES
from rdmf_model.properties.layer import LAYER_PROPERTIES
from rdmf_model.properties.model_under_test import ModelUnderTest, OwnLayer
from rdmf_model.properties.rows import ROW_PROPERTIES
from rdmf_model.properties.stored import STORED_PROPERTIES
from rdmf_model.properties.streamed import STREAMED_PROPERTIES
from rdmf_model.properties.symmetry import SYMMETRY_PROPERTIES

PROPERTIES: tuple[Property, ...] = (
    *LAYER_PROPERTIES,
    *ANSWER_PROPERTIES,
    *FIELD_PROPERTIES,
    *GROWTH_PROPERTIES,
    *SYMMETRY_PROPERTIES,
    *DERIVATIVE_PROPERTIES,
    *COMPETITION_PROPERTIES,
    *ROW_PROPERTIES,
    *INVARIANCE_PROPERTIES,
    *STORED_PROPERTIES,
    *STREAMED_PROPERTIES,
)

__all__ = ["PROPERTIES", "ModelUnderTest", "OwnLayer", "Property", "PropertyResult", "Scope", "run_property"]
