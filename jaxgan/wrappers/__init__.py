"""Functions from a `Network` to a `Network`."""
