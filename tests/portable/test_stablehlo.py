"""The serialised program, which needs jax only."""

import json
import re
import subprocess
import sys

import jax
import numpy as np
import pytest

from jaxgan.portable.generator import specs
from jaxgan.portable.stablehlo import PLATFORMS, to_jax
from tests.portable.generators import ALL, dcgan, inputs_of, made

QUICK = ["mlp of labels", "dcgan of labels"]

LOADER = """
import json, sys
import jax, numpy as np
for path in sys.argv[1:]:
    generator = jax.export.deserialize(bytearray(open(path + ".jax", "rb").read()))
    with np.load(path + ".npz") as given:
        inputs = [given[f"arr_{i}"] for i in range(len(given))]
    np.save(path + ".npy", np.concatenate([generator.call(*inputs), generator.call(*(x[:1] for x in inputs))]))
print(json.dumps([name for name in ("jaxgan", "flax", "optax") if name in sys.modules]))
"""
"""A program that loads files and calls them with batches of 3 and of 1."""


def check(names, folder):
    wanted = {}
    for number, name in enumerate(names):
        generator, path = ALL[name](), folder / str(number)
        path.with_suffix(".jax").write_bytes(to_jax(generator))
        given = inputs_of(generator, 3)
        np.savez(path.with_suffix(".npz"), *given)
        function = jax.jit(generator.function)
        wanted[str(path)] = np.concatenate([function(*given), function(*(x[:1] for x in given))])
    script = [sys.executable, "-c", LOADER, *wanted]
    done = subprocess.run(script, capture_output=True, text=True, cwd=folder, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == []  # nothing but jax was loaded
    for name, (path, values) in zip(names, wanted.items(), strict=True):
        np.testing.assert_allclose(np.load(path + ".npy"), values, atol=1e-5, err_msg=name)


@pytest.mark.medium
def test_a_program_without_jaxgan_calls_it(tmp_path):
    check(QUICK, tmp_path)


@pytest.mark.slow
def test_every_generator_has_a_batch_of_any_size(tmp_path):
    check([name for name in ALL if name not in QUICK], tmp_path)


@pytest.mark.medium
def test_accelerators_get_native_convolutions():
    """One program for all platforms, written on a CPU: under the branch of GPUs and TPUs it has XLA's convolutions."""
    generator = made(dcgan(normalization="none"))

    def convolutions(platforms):
        exported = jax.export.export(jax.jit(generator.function), platforms=platforms)(*specs(generator.inputs))
        return exported.mlir_module().count("stablehlo.convolution")

    # Two transposed convolutions of stride 2, which a CPU computes as products.
    assert convolutions(("cpu",)) == 0
    assert convolutions(("cuda",)) == convolutions(("tpu",)) == 2
    program = jax.export.deserialize(bytearray(to_jax(generator)))
    assert program.platforms == PLATFORMS == ("cpu", "cuda", "tpu")
    # In the program for all, they are in the branch for other platforms than the CPU, which is branch 0.
    assert set(re.findall(r"branch_(\d)_fun/conv_general_dilated", program.mlir_module())) == {"1"}
    assert program.mlir_module().count("stablehlo.convolution") >= 2
