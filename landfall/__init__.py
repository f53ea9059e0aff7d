"""Landfall: files land, data products refresh."""
