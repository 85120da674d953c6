"""Numerical operators: one folder per operator, each with a reference, its fast backends and a derivation."""
