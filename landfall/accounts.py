"""The account that runs a command, for the record of what it does."""

import getpass


def actor() -> str:
    """Return who acts: the name of the account that runs this process."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # A container may run as a user id without a name.
        return "unknown"
