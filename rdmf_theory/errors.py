"""The two errors that a user can cause; the program maps them to exit codes."""


class ParameterError(ValueError):
    """An argument breaks its rule. The message names argument, rule, value and remedy. Exit code 2."""


class DataError(ValueError):
    """A file cannot be used. The message starts with `FILE:LINE: ` or `FILE: `. Exit code 3."""
