"""Layers and networks under torch's names: they hold parameters and state, and call `functional`."""

from scratchnet.nn import init, utils
from scratchnet.nn._fused import FusedConv2d, FusedLinear, FusedMaxPool2d, FusedSequential
from scratchnet.nn.activation import (
    ELU,
    GELU,
    Hardsigmoid,
    Hardswish,
    Hardtanh,
    LeakyReLU,
    LogSoftmax,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from scratchnet.nn.additive_attention import AdditiveAttention
from scratchnet.nn.attention import MultiheadAttention
from scratchnet.nn.causal_self_attention import CausalSelfAttention
from scratchnet.nn.containers import ModuleList, Sequential
from scratchnet.nn.convolution import (
    Conv1d,
    Conv2d,
    ConvTranspose1d,
    ConvTranspose2d,
    Fold,
    Unfold,
)
from scratchnet.nn.dropout import Dropout, Dropout1d, Dropout2d
from scratchnet.nn.embedding import Embedding
from scratchnet.nn.gradient_flow import gradient_norms
from scratchnet.nn.inference import can_fuse, fold_batch_norm, fuse, optimize_for_inference
from scratchnet.nn.key_value_cache import KeyValueCache
from scratchnet.nn.layers import Flatten, Identity, Linear
from scratchnet.nn.loss import (
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    CTCLoss,
    HuberLoss,
    L1Loss,
    MSELoss,
    NLLLoss,
)
from scratchnet.nn.module import Module
from scratchnet.nn.normalization import (
    BatchNorm1d,
    BatchNorm2d,
    GroupNorm,
    InstanceNorm1d,
    InstanceNorm2d,
    LayerNorm,
)
from scratchnet.nn.padding import (
    CircularPad1d,
    CircularPad2d,
    ConstantPad1d,
    ConstantPad2d,
    ReflectionPad1d,
    ReflectionPad2d,
    ReplicationPad1d,
    ReplicationPad2d,
    ZeroPad1d,
    ZeroPad2d,
)
from scratchnet.nn.parameter import Parameter
from scratchnet.nn.pooling import (
    AdaptiveAvgPool1d,
    AdaptiveAvgPool2d,
    AdaptiveMaxPool1d,
    AdaptiveMaxPool2d,
    AvgPool1d,
    AvgPool2d,
    MaxPool1d,
    MaxPool2d,
)
from scratchnet.nn.positions import LearnedPositions, RotaryPositions, SinusoidalPositions
from scratchnet.nn.recurrent import GRU, LSTM, RNN
from scratchnet.nn.recurrent_cell import GRUCell, LSTMCell, RNNCell
from scratchnet.nn.transformer import Transformer, TransformerDecoder, TransformerEncoder
from scratchnet.nn.transformer_layer import TransformerDecoderLayer, TransformerEncoderLayer
from scratchnet.nn.upsampling import Upsample, UpsamplingBilinear2d, UpsamplingNearest2d

__all__ = [
    "ELU",
    "GELU",
    "GRU",
    "LSTM",
    "RNN",
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AdditiveAttention",
    "AvgPool1d",
    "AvgPool2d",
    "BCEWithLogitsLoss",
    "BatchNorm1d",
    "BatchNorm2d",
    "CTCLoss",
    "CausalSelfAttention",
    "CircularPad1d",
    "CircularPad2d",
    "ConstantPad1d",
    "ConstantPad2d",
    "Conv1d",
    "Conv2d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "CrossEntropyLoss",
    "Dropout",
    "Dropout1d",
    "Dropout2d",
    "Embedding",
    "Flatten",
    "Fold",
    "FusedConv2d",
    "FusedLinear",
    "FusedMaxPool2d",
    "FusedSequential",
    "GRUCell",
    "GroupNorm",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "HuberLoss",
    "Identity",
    "InstanceNorm1d",
    "InstanceNorm2d",
    "KeyValueCache",
    "L1Loss",
    "LSTMCell",
    "LayerNorm",
    "LeakyReLU",
    "LearnedPositions",
    "Linear",
    "LogSoftmax",
    "MSELoss",
    "MaxPool1d",
    "MaxPool2d",
    "Module",
    "ModuleList",
    "MultiheadAttention",
    "NLLLoss",
    "Parameter",
    "RNNCell",
    "ReLU",
    "ReLU6",
    "ReflectionPad1d",
    "ReflectionPad2d",
    "ReplicationPad1d",
    "ReplicationPad2d",
    "RotaryPositions",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "SinusoidalPositions",
    "Softmax",
    "Softplus",
    "Tanh",
    "Transformer",
    "TransformerDecoder",
    "TransformerDecoderLayer",
    "TransformerEncoder",
    "TransformerEncoderLayer",
    "Unfold",
    "Upsample",
    "UpsamplingBilinear2d",
    "UpsamplingNearest2d",
    "ZeroPad1d",
    "ZeroPad2d",
    "can_fuse",
    "fold_batch_norm",
    "fuse",
    "gradient_norms",
    "init",
    "optimize_for_inference",
    "utils",
]
