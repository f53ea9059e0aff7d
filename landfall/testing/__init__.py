"""Runs the tests of a product on a real Spark engine, in a folder of its own."""
