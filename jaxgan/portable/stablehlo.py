"""A generator as a file that needs only jax: StableHLO for CPUs, CUDA GPUs and TPUs."""

import jax

from jaxgan.portable.generator import PortableGenerator, specs

PLATFORMS = ("cpu", "cuda", "tpu")


def to_jax(generator: PortableGenerator) -> bytes:
    """Serialises the generator with `jax.export`: one program for all `PLATFORMS`, with a free batch size.

    To load it elsewhere: `jax.export.deserialize(bytearray(content)).call(*inputs)`.

    Returns:
      The content of a file, including parameters. Later versions of jax can read it for at least six months.

    Raises:
      ModuleNotFoundError: flatbuffers is not installed.
    """
    import flatbuffers  # noqa: F401  # jax would name it in an ImportError without a module

    exported = jax.export.export(jax.jit(generator.function), platforms=PLATFORMS)(*specs(generator.inputs))
    return bytes(exported.serialize())
