"""A stack's settings: models of the files a user edits, their loading, and the resolved wanted state."""
