"""Fitting: classifiers side by side, and the networks of steps."""
