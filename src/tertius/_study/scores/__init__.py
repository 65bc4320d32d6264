"""Scores: models held against what happened, by rules that were written down before the first was computed."""
