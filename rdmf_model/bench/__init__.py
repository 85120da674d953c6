"""What does the layer cost beside its competitors? The suites of `rdmf bench`: contenders, measurement, report.

Every figure is a ratio within one interleaved run on one machine; `contenders` is the registry of what is compared.
"""
