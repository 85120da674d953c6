"""Benchmarks: `python -m benchmarks.layer`. Every figure is a ratio within one interleaved run; see README.md."""
