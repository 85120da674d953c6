"""`rdmf demo`: the whole line on embedded data."""
