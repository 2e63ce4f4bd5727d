"""Records what torch-fidelity's InceptionV3 makes of random weights and images: inception_layers.json.

The published weights are not part of the repository, so `test_inception.py` compares the network with an independent
implementation on the random weights and images that this file makes, which need nothing but numpy.

    pip install torch==2.13.0 && pip install --no-deps torch-fidelity==0.4.0
    PYTHONPATH=. python tests/evaluation/record_inception.py

Recorded with these two, numpy 2.4.6 and Python 3.11, on a CPU. The network ran in float64; the resizing, where the
references round positions to float32, in float32.
"""

import importlib.util
import json
import pathlib
import sys
import tempfile
import types
import zlib

import numpy as np

from jaxgan.evaluation import inception_weights

RECORD = pathlib.Path(__file__).with_name("inception_layers.json")
RESIZED = ((32, 32, 3), (28, 28, 1), (400, 350, 3))


def random_weights():
    """PyTorch's names to float32 arrays in its layout, each from a seed of its own, so that their order is no matter.

    The scales keep the activations of all layers of the order of one.
    """
    return {name: _random_array(name, layer.shape) for name, layer in inception_weights.layers().items()}


def _random_array(name, shape):
    random = np.random.RandomState(zlib.crc32(name.encode()))
    normal = random.standard_normal(shape)
    if name.endswith("conv.weight") or name == "fc.weight":
        array = normal * np.sqrt(1.5 / np.prod(shape[1:]))
    elif name.endswith(("bn.weight", "running_var")):
        array = random.uniform(0.5, 1.5, shape)
    else:
        array = 0.3 * (name.endswith("bn.bias")) + 0.1 * normal
    return array.astype(np.float32)


def images(count, height, width, channels=3):
    """Bytes [count, height, width, channels] in squares of 13 pixels, with noise: patterns large and small."""
    random = np.random.RandomState(height)
    coarse = random.randint(0, 200, (count, height // 13 + 1, width // 13 + 1, channels))
    squares = coarse.repeat(13, axis=1).repeat(13, axis=2)[:, :height, :width]
    return (squares + random.randint(0, 56, squares.shape)).astype(np.uint8)


def summary(array):
    """Shape, mean, standard deviation and values at eight places of an array whose channels come last."""
    array = np.asarray(array, np.float64)
    places = (np.arange(8) * 104_729 + 17) % array.size
    values = [float(f"{value:.7g}") for value in (array.mean(), array.std(), *array.ravel()[places])]
    return {"shape": list(array.shape), "mean": values[0], "std": values[1], "values": values[2:]}


def _feature_extractor(weights):
    """torch-fidelity's network, without the rest of that package, which asks for torchvision."""
    import torch

    package = types.ModuleType("torch_fidelity")
    package.__path__ = list(importlib.util.find_spec("torch_fidelity").submodule_search_locations)
    sys.modules["torch_fidelity"] = package
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    with tempfile.NamedTemporaryFile(suffix=".pth") as file:
        torch.save({name: torch.from_numpy(array) for name, array in weights.items()}, file.name)
        network = FeatureExtractorInceptionV3("inception", ["2048", "logits"], file.name)
    # Its own option for float64 means float32 (version 0.4.0, helpers.text_to_dtype).
    network.feature_extractor_internal_dtype = torch.float64
    return network.double()


def record_layers():
    """What every convolution with its rectifier and every block puts out, then the features and the logits."""
    import torch

    network = _feature_extractor(random_weights())
    layers = {}
    for name, module in network.named_modules():
        if name and type(module).__name__.startswith(("BasicConv2d", "Inception")):
            module.register_forward_hook(
                lambda _module, _inputs, output, name=name: layers.update({name: summary(output.permute(0, 2, 3, 1))})
            )
    features, logits = network(torch.from_numpy(images(2, 299, 299)).permute(0, 3, 1, 2))
    return dict(sorted(layers.items())) | {"features": summary(features), "logits": summary(logits)}


def record_resizing():
    """What the two reference programs feed the network of images of several sizes."""
    import torch
    from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x

    recorded = {}
    for shape in RESIZED:
        levels = torch.from_numpy(images(2, *shape)).permute(0, 3, 1, 2).float().expand(-1, 3, -1, -1)
        halves = torch.nn.functional.interpolate(levels / 255, size=(299, 299), mode="bilinear", align_corners=False)
        corners = interpolate_bilinear_2d_like_tensorflow1x(levels, size=(299, 299), align_corners=False)
        for style, result in (("torch", 2 * halves - 1), ("tensorflow", (corners - 128) / 128)):
            recorded[f"{style} {'x'.join(map(str, shape))}"] = summary(result.permute(0, 2, 3, 1))
    return recorded


def main():
    parts = {"layers": record_layers(), "resizing": record_resizing()}
    lines = [
        f'"{part}": {{\n' + ",\n".join(f"{json.dumps(name)}: {json.dumps(entry)}" for name, entry in entries.items())
        for part, entries in parts.items()
    ]
    RECORD.write_text("{\n" + "\n},\n".join(lines) + "\n}\n}\n")


if __name__ == "__main__":
    main()
