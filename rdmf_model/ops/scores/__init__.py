"""Scores of clips against a text: match, local contrast, a scaled tanh."""
