"""The same graph of nodes that do nothing, on other orchestrators.

Each ``*_drive.py`` starts what a peer consists of and measures it; each ``in_*.py`` runs in the peer's environment.
"""
