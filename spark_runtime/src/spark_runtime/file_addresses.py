"""Addresses by which an engine finds one file, whatever signs its name holds."""

# What engines take for a pattern, or for the beginning of an escape.
SPECIAL = "*?[]{}%\\"

# A question mark stands for any one character on all engines, and what it matches too much has to be left out after.
_PATTERN_CHARACTERS = str.maketrans(dict.fromkeys(SPECIAL, "?"))
# Sail finds nothing by a pattern below a folder such as ``day=1``, and reads addresses with escapes.
_ESCAPES = str.maketrans({character: f"%{ord(character):02X}" for character in SPECIAL})


def findable(uri: str, *, escapes: bool) -> str:
    """Return an address by which an engine finds a file.

    Args:
        escapes: The engine is Sail, which reads escapes.
    """
    folder = uri.rpartition("/")[0]
    return uri.translate(_ESCAPES if escapes and "=" in folder and "://" in uri else _PATTERN_CHARACTERS)
