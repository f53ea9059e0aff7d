"""Names that no dataset takes in: what writers leave beside their files, and folders."""

_TEMPORARY = (".tmp", ".crc")


def passed_over(path: str) -> str | None:
    """Return why a file is passed over for its name, ``None`` if it is not.

    Args:
        path: Path below ``landing/{domain}/{product}/``.
    """
    if path.endswith("/"):
        return "it is a folder"
    for name in path.split("/"):
        if name.startswith(("_", ".")):
            return f"the name {name!r} starts with {name[0]!r}, so it is hidden"
    if path.lower().endswith(_TEMPORARY):
        return f"its name ends with {path[-4:]!r}, so it is temporary"
    return None
