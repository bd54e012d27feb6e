"""Membership of a host in its cluster's swarm: birth, join, role, labels, leave."""
