"""Networks for images under torchvision's names, their pretrained weights, and a look inside them.

lenet.py               LeNet-5
resnet.py              ResNet-18 to 152 for photographs
cifar_resnet.py        ResNets of depth 6n + 2 for small images, and plain networks beside them
crnn.py                a reader of text lines, trained with CTC
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
from scratchnet.models.grad_cam import grad_cam
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
    "BasicBlock",
    "Bottleneck",
    "CifarResNet",
    "FeatureExtractor",
    "FusedBlock",
    "LeNet",
    "PlainBlock",
    "ResNeXt50_32X4D_Weights",
    "ResNet",
    "ResNet18_Weights",
    "ResNet34_Weights",
    "ResNet50_Weights",
    "ResNet101_Weights",
    "ResNet152_Weights",
    "Weights",
    "WeightsEnum",
    "Wide_ResNet50_2_Weights",
    "ZeroPadShortcut",
    "cifar_resnet",
    "create_feature_extractor",
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
    "wide_resnet50_2",
]
