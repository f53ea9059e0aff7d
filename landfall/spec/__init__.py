"""The files of a project: read, checked, and turned into frozen values.

Start at ``load.load_products``. This module imports nothing, because whoever needs no more than the values of
``model`` should not wait for the parsers.
"""
