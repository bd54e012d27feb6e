"""BMCs found in a range of addresses, and written down as inventory entries."""

from metal.discover.discover import Discovery, Wish, discover
from metal.discover.left import left
from metal.discover.write import Written, write_down

__all__ = ["Discovery", "Wish", "Written", "discover", "left", "write_down"]
