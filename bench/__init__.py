"""`make bench`: figures as ratios within one run, written to docs/benchmarks.md."""
