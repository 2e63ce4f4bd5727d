"""Timings of jaxgan and of its alternatives in the same run; see results/README.md."""
