"""A generator as a file that needs jax only: StableHLO for CPUs, CUDA GPUs and TPUs."""

import jax

from jaxgan.portable.generator import PortableGenerator, specs

PLATFORMS = ("cpu", "cuda", "tpu")


def to_jax(generator: PortableGenerator) -> bytes:
    """The generator serialised by `jax.export`: one program for all `PLATFORMS`, with a free batch.

    Elsewhere: `jax.export.deserialize(bytearray(content)).call(*inputs)`.

    Returns:
      The content of a file, parameters included. jax reads it for at least six months of later versions.

    Raises:
      ModuleNotFoundError: flatbuffers is not installed.
    """
    import flatbuffers  # noqa: F401  # jax would name it in an ImportError without a module

    exported = jax.export.export(jax.jit(generator.function), platforms=PLATFORMS)(*specs(generator.inputs))
    return bytes(exported.serialize())
