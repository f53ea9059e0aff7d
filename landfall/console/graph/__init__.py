"""A run's graph as boxes on a page: collapsed until somebody opens a part of it, laid out by the server."""
