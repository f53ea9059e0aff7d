"""Lineage of datasets and columns: pure functions over plans."""
