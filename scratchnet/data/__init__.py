"""Data: data sets in memory and in folders of images, text, batches, the IDX files of MNIST.

Data sets that ship with the package are in `scratchnet.datasets`.
"""

from scratchnet.data.dataset import Dataset, Subset, TensorDataset, default_collate, random_split
from scratchnet.data.idx import load_mnist, read_idx, write_idx
from scratchnet.data.image_folder import ImageFolder
from scratchnet.data.loader import DataLoader
from scratchnet.data.sequences import BucketBatchSampler, pad_collate, pad_sequence
from scratchnet.data.vocabulary import CharVocabulary, Vocabulary, WordVocabulary
from scratchnet.data.windows import BPTTIterator, SlidingWindows

__all__ = [
    "BPTTIterator",
    "BucketBatchSampler",
    "CharVocabulary",
    "DataLoader",
    "Dataset",
    "ImageFolder",
    "SlidingWindows",
    "Subset",
    "TensorDataset",
    "Vocabulary",
    "WordVocabulary",
    "default_collate",
    "load_mnist",
    "pad_collate",
    "pad_sequence",
    "random_split",
    "read_idx",
    "write_idx",
]
