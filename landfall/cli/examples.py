"""Examples below the help of a verb."""


def examples(*lines: str) -> str:
    """Return the end of a verb's help: its examples, one a line, as they are typed."""
    # The backspace keeps the command library from joining the lines into one paragraph.
    return "\n".join(["\b", "Example:" if len(lines) == 1 else "Examples:", *(f"  {line}" for line in lines)])
