"""A small Redfish BMC for tests and for the lab: DSP0266 as a BMC sees it; shares no code with the client."""
