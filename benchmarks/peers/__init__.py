"""The same graph of nodes that do nothing, on other orchestrators; each file is run in an environment of its own."""
