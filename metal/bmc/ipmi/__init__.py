"""IPMI commands over an RMCP+ session: chassis power, boot flags, device id, and pyghmi's command set."""
