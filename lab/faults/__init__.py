"""Faults on demand: rules as data, the kinds that people ask for by name, and where the armed ones are kept."""
