"""Derived secrets, certificate authorities, and the certificates of hosts and people."""
