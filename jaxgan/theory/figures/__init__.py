"""The figures of the theory: `python -m jaxgan.theory.figures --out DIR`."""
