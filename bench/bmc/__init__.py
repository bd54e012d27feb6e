"""Three hundred BMCs: how fast their power is read and switched, beside what else does that (`make bench-bmc`)."""
