"""Metal, swarm, Consul and container manager kept in one file, under the real engine, providers and decisions.

What runs in processes that may be killed at any moment: nothing is remembered in memory, and every change is whole or
not there, as it is on a real host.
"""
