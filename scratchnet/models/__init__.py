"""Networks for images and for text, under the names of torchvision where it has them.

lenet.py               LeNet-5
resnet.py              ResNet-18 to 152 for photographs
cifar_resnet.py        ResNets of depth 6n + 2 for small images, and plain networks beside them
crnn.py                a reader of text lines, trained with CTC
language_model.py      a recurrent language model
gpt.py                 a language model of attention
generation.py          texts drawn from language models, token by token
sequence_classifier.py a classifier of sequences that tells which steps it looked at
seq2seq.py             one sequence into another, with attention; greedy and beam search
weights.py             ResNet18_Weights and its relatives
by_name.py             list_models, get_model
download.py            the cache folder, and how a file gets into it
feature_extraction.py  what the layers inside return
grad_cam.py            where a network looked
"""

from scratchnet.models.by_name import (
    get_model,
    get_model_builder,
    get_model_weights,
    list_models,
)
from scratchnet.models.cifar_resnet import CifarResNet, PlainBlock, ZeroPadShortcut, cifar_resnet
from scratchnet.models.crnn import CRNN
from scratchnet.models.feature_extraction import FeatureExtractor, create_feature_extractor
from scratchnet.models.generation import generate, sample
from scratchnet.models.gpt import GPT, GPTBlock
from scratchnet.models.grad_cam import grad_cam
from scratchnet.models.language_model import RecurrentLanguageModel, detach_state
from scratchnet.models.lenet import LeNet
from scratchnet.models.residual_block import BasicBlock, Bottleneck, FusedBlock
from scratchnet.models.resnet import (
    ResNet,
    resnet18,
    resnet34,
    resnet50,
    resnet101,
    resnet152,
    resnext50_32x4d,
    wide_resnet50_2,
)
from scratchnet.models.seq2seq import Seq2Seq
from scratchnet.models.sequence_classifier import SequenceClassifier
from scratchnet.models.weights import (
    ResNet18_Weights,
    ResNet34_Weights,
    ResNet50_Weights,
    ResNet101_Weights,
    ResNet152_Weights,
    ResNeXt50_32X4D_Weights,
    Weights,
    WeightsEnum,
    Wide_ResNet50_2_Weights,
    get_weight,
)

__all__ = [
    "CRNN",
    "GPT",
    "BasicBlock",
    "Bottleneck",
    "CifarResNet",
    "FeatureExtractor",
    "FusedBlock",
    "GPTBlock",
    "LeNet",
    "PlainBlock",
    "RecurrentLanguageModel",
    "ResNeXt50_32X4D_Weights",
    "ResNet",
    "ResNet18_Weights",
    "ResNet34_Weights",
    "ResNet50_Weights",
    "ResNet101_Weights",
    "ResNet152_Weights",
    "Seq2Seq",
    "SequenceClassifier",
    "Weights",
    "WeightsEnum",
    "Wide_ResNet50_2_Weights",
    "ZeroPadShortcut",
    "cifar_resnet",
    "create_feature_extractor",
    "detach_state",
    "generate",
    "get_model",
    "get_model_builder",
    "get_model_weights",
    "get_weight",
    "grad_cam",
    "list_models",
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
    "resnet152",
    "resnext50_32x4d",
    "sample",
    "wide_resnet50_2",
]
