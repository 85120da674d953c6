"""What does a model promise? Properties as objects: a statement, the theorem behind it, inputs, a check, a tolerance.

`run_property` searches for a counter-example; `rdmf verify` and the tests run the same objects.
"""

from rdmf_model.properties.base import Property, PropertyResult, Subject, run_property
from rdmf_model.properties.invariance import INVARIANCE_PROPERTIES
from rdmf_model.properties.layer import LAYER_PROPERTIES

PROPERTIES: tuple[Property, ...] = LAYER_PROPERTIES + INVARIANCE_PROPERTIES

__all__ = ["PROPERTIES", "Property", "PropertyResult", "Subject", "run_property"]
