"""The command line that does the same as an act of the console, to be copied."""

import shlex


def command(*words: object, **options: object) -> str:
    """Return a line of the ``landfall`` command as a shell takes it.

    Args:
        words: Verbs and arguments.
        options: ``from_failed=True`` is ``--from-failed``, ``state="failed"`` is ``--state failed``; ``None`` and
            ``False`` are left out.
    """
    line = ["landfall", *(str(word) for word in words)]
    for name, value in options.items():
        if value in (None, False):
            continue
        line.append("--" + name.replace("_", "-"))
        if value is not True:
            line.append(str(value))
    return shlex.join(line)
