"""BMCs: chassis power, boot device and identity over IPMI on our own RMCP+ session, or over Redfish on our own wire."""

from metal.bmc.pool import BmcPool
from metal.bmc.protocol import Bmc, BmcIdentity, BootDevice, BootTarget, Power

__all__ = ["Bmc", "BmcIdentity", "BmcPool", "BootDevice", "BootTarget", "Power"]
