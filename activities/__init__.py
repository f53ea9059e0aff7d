"""The only side effects within a run: one each, safe to run twice."""
