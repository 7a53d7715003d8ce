"""Make the checkpoints in this folder with PyTorch: `python tests/serialization/samples/make.py`.

They are committed so that the reader is tested where PyTorch is absent. What they hold is written
down a second time, in NumPy, in `test_torch_samples.py`.
"""

from collections import Counter, OrderedDict, defaultdict
from pathlib import Path

HERE = Path(__file__).parent
FORMATS = {
    "zip": {},
    "zip-protocol-5": {"pickle_protocol": 5},
    "older": {"_use_new_zipfile_serialization": False},
}


def content():
    import numpy as np
    import torch

    base = torch.arange(24.0).reshape(4, 6)
    parameter = torch.nn.Parameter(torch.tensor([1.0, -1.0]))
    parameter.note = "dropped"
    batch_norm = torch.nn.BatchNorm1d(2)
    return {
        "state_dict": batch_norm.state_dict(),
        "base": base,
        "transposed": base.T,
        "part": base[1:3, ::2],
        "expanded": torch.tensor([7.0]).expand(2, 3),
        "scalar": torch.tensor(2.5, dtype=torch.float64),
        "empty": torch.empty(0, 3, dtype=torch.int32),
        "parameter": parameter,
        "buffer": torch.nn.Buffer(torch.tensor([3, 4])),
        "half": torch.tensor([0.5, -2.0]).half(),
        "bfloat16": torch.tensor([1.0, -3.0, 2.0**100]).bfloat16()[1:],
        "bool": torch.tensor([True, False]),
        "conjugated": torch.tensor([1 + 2j]).conj(),
        "negated": torch.tensor([1 + 2j]).conj().imag,
        "uint16": torch.tensor([1, 65535, 3], dtype=torch.uint16)[1:],
        "array": np.arange(6, dtype=np.int16).reshape(2, 3).T,
        "number": np.float64(0.1),
        "plain": [None, True, -1, 2**70, 1.5, 2j, "é", b"\xff", (1, (2,)), {1, 2}, slice(1, None)],
        "kinds": [OrderedDict(a=1), defaultdict(list, {2: []}), Counter("aab")],
        "torch": (torch.Size([2, 3]), torch.device("cuda", 1), torch.bfloat16),
    }


def main():
    import torch

    for name, options in FORMATS.items():
        torch.save(content(), HERE / f"{name}.pt", **options)


if __name__ == "__main__":
    main()
