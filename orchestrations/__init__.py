"""Deterministic orchestrators: they decide the next step and yield it; activities do the work."""
