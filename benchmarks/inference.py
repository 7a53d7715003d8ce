"""Residual networks in eval mode, float32, 224×224: plain, and optimised, beside torch and ONNX Runtime.

The weights and the running statistics are drawn from seeds, the same on all sides, and logits are
compared. `optimised` is `nn.optimize_for_inference(model, inplace=True)`; torch runs eagerly under
`inference_mode`; ONNX Runtime is given the layers one by one and folds batch norms itself, all its
optimisations on. Peak memory counts from before the network is built; ONNX Runtime's holds the graph
as the `onnx` package made it, besides its own.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.harness import Case

Call = Callable[[], Any]


def images(n: int) -> npt.NDArray[np.float32]:
    return np.random.default_rng(0).standard_normal((n, 3, 224, 224), np.float32)


def fill(state: Mapping[str, npt.NDArray[Any]]) -> None:
    """Write the same seeded numbers into the arrays of either side, by name, one after the other."""
    for seed, (name, array) in enumerate(state.items()):
        rng = np.random.default_rng(seed)
        if array.ndim > 1:  # weights whose outputs are of the size of their inputs
            fan_in = array[0].size
            array[...] = rng.standard_normal(array.shape, np.float32) * (2.0 / fan_in) ** 0.5
        elif name.endswith(("running_var", "weight")):
            array[...] = rng.uniform(0.5, 1.0, array.shape)
        elif array.ndim:
            array[...] = rng.standard_normal(array.shape, np.float32) * 0.1


def scratchnet_plain(name: str, n: int) -> Call:
    from scratchnet import models

    model = getattr(models, name)().eval()
    fill(model.state_dict())
    x = images(n)
    return lambda: model(x)


def scratchnet_optimised(name: str, n: int) -> Call:
    from scratchnet import models, nn

    model = getattr(models, name)().eval()
    fill(model.state_dict())
    model = nn.optimize_for_inference(model, inplace=True)
    x = images(n)
    return lambda: model(x)


def torch_eager(name: str, n: int) -> Call:
    import torch

    from tests.models import torch_resnet

    model = getattr(torch_resnet, name)().eval()
    fill({key: tensor.numpy() for key, tensor in model.state_dict().items()})
    x = torch.from_numpy(images(n))

    def call() -> Any:
        with torch.inference_mode():
            return model(x)

    return call


def onnx_model(name: str) -> bytes:
    """Return the network as an ONNX file, layer by layer as PyTorch's exporter writes it."""
    from onnx import TensorProto, helper, numpy_helper

    from scratchnet import models

    model = getattr(models, name)().eval()
    state = model.state_dict()
    fill(state)
    nodes: list[Any] = []

    def add(kind: str, *inputs: str, **attributes: Any) -> str:
        """Append a node, and return the name of its output."""
        nodes.append(helper.make_node(kind, inputs, [f"y{len(nodes)}"], **attributes))
        return f"y{len(nodes) - 1}"

    def conv_norm(x: str, conv: str, norm: str) -> str:
        layer = model.get_submodule(conv)
        (s, t), (p, q) = layer.stride, layer.padding
        y = add("Conv", x, f"{conv}.weight", strides=[s, t], pads=[p, q, p, q])
        kinds = "weight", "bias", "running_mean", "running_var"
        return add("BatchNormalization", y, *(f"{norm}.{kind}" for kind in kinds), epsilon=1e-5)

    x = add("Relu", conv_norm("x", "conv1", "bn1"))
    x = add("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    for i in range(1, 5):
        for j, _ in enumerate(getattr(model, f"layer{i}")):
            block, y = f"layer{i}.{j}", x
            n = sum(f"{block}.conv{k}.weight" in state for k in (1, 2, 3))
            for k in range(1, n + 1):
                y = conv_norm(y, f"{block}.conv{k}", f"{block}.bn{k}")
                y = add("Relu", y) if k < n else y
            if f"{block}.downsample.0.weight" in state:
                x = conv_norm(x, f"{block}.downsample.0", f"{block}.downsample.1")
            x = add("Relu", add("Add", y, x))
    x = add("Flatten", add("GlobalAveragePool", x))
    nodes.append(helper.make_node("Gemm", [x, "fc.weight", "fc.bias"], ["logits"], transB=1))

    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, 224, 224])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", 1000])],
        [numpy_helper.from_array(a, key) for key, a in state.items() if a.ndim],
    )
    opsets = [helper.make_opsetid("", 17)]
    file: bytes = helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()
    return file


def onnx_runtime(name: str, n: int) -> Call:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(os.environ["OMP_NUM_THREADS"])
    options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    session = onnxruntime.InferenceSession(
        onnx_model(name), options, providers=["CPUExecutionProvider"]
    )
    x = images(n)
    return lambda: session.run(None, {"x": x})


FORMS = {"optimised": scratchnet_optimised, "plain": scratchnet_plain}

# Of one image: the multiplications of all convolutions and the last affine map, and as many additions.
# Winograd's convolutions do fewer.
FLOPS = {"resnet18": 2 * 1.814e9, "resnet50": 2 * 4.089e9}

CASES = [
    Case(
        f"{name}, {n} image{'s' * (n > 1)}, {form}",
        {"scratchnet": side, "torch": torch_eager, "onnxruntime": onnx_runtime},
        (name, n),
        # Winograd's convolutions round at 3e-6 of their largest output, in some twenty layers.
        tolerance=1e-4,
        mean=f"{form}, batch {n}" if name == "resnet18" and n in (1, 8) else None,
        sweep=("batch", n) if name == "resnet18" and form == "optimised" else None,
        flops=n * FLOPS[name],
    )
    for form, side in FORMS.items()
    for name, batches in (("resnet18", (1, 2, 4, 8)), ("resnet50", (1, 8)))
    for n in batches
    if form == "optimised" or n in (1, 8)
]
