"""Virtual metal: powered-off hosts with real BMCs on one machine, for the demo and for tests."""
