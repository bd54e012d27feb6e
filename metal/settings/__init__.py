"""A stack's settings: models of the files a user edits, their loading, and the resolved wanted state."""

from metal.settings.load import load_fleet

__all__ = ["load_fleet"]
