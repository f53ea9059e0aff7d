"""How texts for people count: a number with its noun."""


def counted(number: int, one: str, many: str | None = None) -> str:
    """Return a number with its noun: ``1 file``, ``1,204 files``.

    Args:
        number: How many, at least 0.
        one: The noun of one.
        many: The noun of any other number; without it, ``one`` with an s.
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"
