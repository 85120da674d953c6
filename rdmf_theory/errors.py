"""The two errors a user of RDMF can cause: a parameter that breaks a rule, and data that cannot be read."""

from __future__ import annotations


class ParameterError(ValueError):
    """A parameter breaks a rule; the message names argument, rule, value and remedy (program exit status 2)."""


class DataError(ValueError):
    """A file or checkpoint is bad; the message starts with `FILE:LINE: ` or `FILE: ` (program exit status 3)."""
