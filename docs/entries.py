"""Entries of docstrings that describe several parameters at once, for the reference of the site."""

import re
from typing import Any

import griffe

SEVERAL = re.compile(r"^(?P<indent> +)(?P<names>\w+(?:, \w+)+)(?=: )", re.M)


class Entries(griffe.Extension):
    """Reads "low, high: the range" as one entry, which would otherwise be of "low," and of the type "high"."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        if obj.docstring:
            obj.docstring.value = SEVERAL.sub(
                lambda found: found["indent"] + found["names"].replace(", ", "/"), obj.docstring.value
            )
