"""The laptop's Event Grid: finished writes in the storage emulator become BlobCreated events for the function host.

The emulator raises no events, but it logs every request it answers. That log comes in on standard input; a
finished write of interest is looked up (entity tag, length) and put into an outbox, from which it is
delivered at least once, however long the function host is away. A listing at the start, after the emulator
restarted and every now and then finds what the log did not show.
"""

from typing import Final

# Printed when every blob there is has been seen; the supervisor waits for it.
READY: Final = "storage events: watching"
