"""A BMC over Redfish (DSP0266) on our own HTTP wire: one deadline, one session, nothing sent twice unasked."""
