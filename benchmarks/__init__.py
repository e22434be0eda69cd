"""Figures, not timed tests: ``make bench``."""
