"""Writes a graph as an ONNX file."""

import numpy as np

from jaxgan.portable.generator import NotPortable, PortableGenerator
from jaxgan.portable.graph import Graph, to_graph

OPERATOR_SET, FILE_VERSION = 18, 9
"""Supported by onnxruntime since 1.16 (2023)."""

LARGEST = 2**31 - 2**20
"""Maximum size of the constants in bytes. A file is a single protocol buffer, which must be smaller than 2 GiB."""


def to_onnx(generator: PortableGenerator) -> bytes:
    """The generator as an ONNX model with a free batch size; the metadata entry "jaxgan" has its description.

    Raises:
      NotPortable: a primitive has no converter, or the model is too large.
    """
    return graph_to_onnx(generator, to_graph(generator))


def graph_to_onnx(generator: PortableGenerator, graph: Graph) -> bytes:
    """`to_onnx` for an existing graph."""
    import onnx
    from onnx import helper, numpy_helper

    size = sum(array.nbytes for array in graph.constants.values())
    if size > LARGEST:
        why = f"its constants have {size:,} bytes, and a file has less than 2 GiB"
        raise NotPortable("cannot write ONNX", why, "choose --forms=jax,safetensors")

    def tensor_type(dtype: str) -> int:
        return helper.np_dtype_to_tensor_dtype(np.dtype(dtype))

    nodes = []
    for node in graph.nodes:
        attributes = dict(node.attributes)
        if node.operator == "Cast":
            attributes["to"] = tensor_type(attributes["to"])
        nodes.append(helper.make_node(node.operator, node.inputs, [node.output], **attributes))
    inputs, outputs = (
        [helper.make_tensor_value_info(each.name, tensor_type(each.dtype), ["batch", *each.shape]) for each in arrays]
        for arrays in (generator.inputs, (generator.output,))
    )
    constants = [numpy_helper.from_array(array, name) for name, array in graph.constants.items()]
    model = helper.make_model(
        helper.make_graph(nodes, "generator", inputs, outputs, constants),
        opset_imports=[helper.make_opsetid("", OPERATOR_SET)],
        producer_name="jaxgan",
        ir_version=FILE_VERSION,
    )
    helper.set_model_props(model, {"jaxgan": generator.description_json()})
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()
