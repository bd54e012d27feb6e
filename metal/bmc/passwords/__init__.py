"""A BMC's own password: changing it, surviving a cut in the middle, and knowing which one it keeps."""
