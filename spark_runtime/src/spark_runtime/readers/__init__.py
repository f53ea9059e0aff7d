"""Parsers that run inside the engine: bytes of one landed file in, Arrow columns of text out.

They are shipped by value (see ``landed_files``), so the engine's Python needs pyarrow and nothing of this package.
Every value stays text here; types are given in SQL, where a value that does not fit can be told from a null.
"""
