"""Data: data sets in memory and in folders of images, batches, the IDX files of MNIST.

Data sets that ship with the package are in `scratchnet.datasets`.
"""

from scratchnet.data.dataset import Dataset, Subset, TensorDataset, default_collate, random_split
from scratchnet.data.idx import load_mnist, read_idx, write_idx
from scratchnet.data.image_folder import ImageFolder
from scratchnet.data.loader import DataLoader

__all__ = [
    "DataLoader",
    "Dataset",
    "ImageFolder",
    "Subset",
    "TensorDataset",
    "default_collate",
    "load_mnist",
    "random_split",
    "read_idx",
    "write_idx",
]
