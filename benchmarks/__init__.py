"""Timings of jaxgan beside what a user would take instead, in one run; see results/README.md."""
