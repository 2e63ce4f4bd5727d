"""A generator's weights as safetensors, and the model card of a repository in HuggingFace's layout."""

import json
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from jaxgan.errors import DataError, in_one_line
from jaxgan.portable.generator import PortableGenerator

WEIGHTS, CONFIG, CARD, PICTURE = "model.safetensors", "config.json", "README.md", "samples.png"
"""Files of the directory."""

HEADER = 2**24
"""Maximum size of a weights file in excess of the weights, in bytes."""


def names_of(variables: Mapping[str, Any]) -> dict[str, Any]:
    """The leaves of a network's variables by name, for example params.Dense_0.kernel."""
    paths, _ = jax.tree_util.tree_flatten_with_path(variables)
    return {jax.tree_util.keystr(path, simple=True, separator="."): leaf for path, leaf in paths}


def to_safetensors(generator: PortableGenerator) -> bytes:
    """All variables of the network, by name and unchanged, with the description as "jaxgan" in the header."""
    import safetensors.numpy

    arrays = {name: np.asarray(leaf) for name, leaf in names_of(generator.variables).items()}
    return safetensors.numpy.save(arrays, {"jaxgan": generator.description_json()})


def read_weights(path: pathlib.Path, template: Any) -> Any:
    """Reads variables from an untrusted file of weights: only arrays, and only with the expected shapes.

    Args:
      path: the file.
      template: a pytree with the structure of the variables, of arrays or of their shapes and dtypes.

    Raises:
      DataError: the file cannot be read, or its arrays do not match the template.
    """
    import safetensors.numpy

    wanted = names_of(template)
    most = sum(leaf.size * leaf.dtype.itemsize for leaf in wanted.values()) + HEADER
    try:
        if (size := os.stat(path).st_size) > most:
            raise ValueError(f"it has {size:,} bytes, and these weights at most {most:,}")
        found = safetensors.numpy.load(path.read_bytes())
        described = {name: (leaf.shape, str(leaf.dtype)) for name, leaf in wanted.items()}
        differing = [
            f"{name} is {_shown(found.get(name))}, and not {dtype} {list(shape)}"
            for name, (shape, dtype) in described.items()
            if name not in found or (found[name].shape, str(found[name].dtype)) != (shape, dtype)
        ] + [f"{name} is not a variable of it" for name in found if name not in wanted]
        if differing:
            raise ValueError(differing[0])
    except Exception as error:  # the package's exceptions have no common base class
        raise DataError(f"cannot read {path}", in_one_line(error), "use a whole copy of the directory") from error
    return jax.tree.unflatten(jax.tree.structure(template), [found[name] for name in wanted])


def _shown(array: np.ndarray | None) -> str:
    return "missing" if array is None else f"{array.dtype} {list(array.shape)}"


def model_card(
    title: str, generator: PortableGenerator, *, dataset: str, tags: Sequence[str], license: str = "", made: str
) -> str:
    """The README.md of a repository on HuggingFace's Hub.

    Args:
      title: the headline.
      generator: the generator in the repository.
      dataset: name of the training data.
      tags: tags besides "gan" and "jax".
      license: an identifier that the Hub knows, such as apache-2.0; "" leaves a line to fill in.
      made: a sentence about the training.
    """
    header = [
        "---",
        "library_name: jaxgan",
        "pipeline_tag: unconditional-image-generation",
        f"license: {license}" if license else "# license: choose one, such as apache-2.0",
        "datasets:",
        f"- {json.dumps(dataset)}",
        "tags:",
        *(f"- {tag}" for tag in dict.fromkeys(("gan", "jax", *tags))),
        "---",
    ]
    shape, condition = list(generator.output.shape), ""
    if generator.classes is not None:
        condition = f", condition=[0, {generator.classes - 1}]"
    text = f"""
# {title}

![samples]({PICTURE})

{made} A sample is {shape}, of values from {generator.low:g} to {generator.high:g}. The directory holds weights and
JSON only: nothing in it is run as code.

```python
import jaxgan

gan = jaxgan.load_exported("DIRECTORY")  # that of this file; pip install 'jaxgan[export]'
samples = gan.sample(16, seed=0{condition})
```
`{WEIGHTS}` has the network's variables by name, such as `{next(iter(names_of(generator.variables)))}`, and
`{CONFIG}` the config of the run and, as "generator", what the inputs and outputs are.
"""
    return "\n".join(header) + "\n" + text
