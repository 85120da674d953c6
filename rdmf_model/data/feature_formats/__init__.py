"""Feature formats, recognised by content: NumPy, HDF5, PyTorch tensors, each plain or gzipped.

To add one: a subclass of `FeatureFormat`, its name in `FORMATS`, a row in `tests/model/data/test_feature_formats.py`.
"""

from __future__ import annotations

from pathlib import Path

from rdmf_model.data.feature_formats.base import FeatureFile, FeatureFormat, OpenFeatures
from rdmf_model.data.feature_formats.hdf5 import Hdf5Format
from rdmf_model.data.feature_formats.numpy_files import NpyFormat, NpzFormat
from rdmf_model.data.feature_formats.pt import PtFormat
from rdmf_theory.errors import DataError

FORMATS: tuple[FeatureFormat, ...] = (NpzFormat(), NpyFormat(), PtFormat(), Hdf5Format())
# in this order of preference where a folder holds a name twice
SUFFIXES = tuple(suffix + packed for packed in ("", ".gz") for form in FORMATS for suffix in form.suffixes)


def open_features(path: Path) -> OpenFeatures:
    """Open a file of features, whatever its name says.

    Raises: DataError if it is missing, damaged, or another kind of file, which the message names.
    """
    file = FeatureFile.at(path)
    key = None if file.kind is None else file.kind.key
    form = next((form for form in FORMATS if form.kind == key), None)
    if form is None:
        if file.kind is not None:
            raise DataError(f"{path}: is {file.kind.what}, not an array of features. {file.kind.remedy}")
        raise DataError(f"{path}: is no npz, npy, HDF5 or pt file of plain arrays. Extract it again.")
    try:
        return form.open(file)
    except DataError:
        raise
    except Exception as error:
        raise damaged(path, error) from None


def damaged(path: Path, error: Exception) -> DataError:
    """What to say of a file that a library fails on; they raise of every kind, from SyntaxError to RuntimeError."""
    reason = str(error).split("\n")[0][:200]
    return DataError(f"{path}: is no npz, npy, HDF5 or pt file of plain arrays ({reason}). Extract it again.")


__all__ = ["FORMATS", "SUFFIXES", "FeatureFile", "FeatureFormat", "OpenFeatures", "damaged", "open_features"]
