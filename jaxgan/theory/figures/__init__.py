"""The theory's pictures: `python -m jaxgan.theory.figures --out DIR`."""
