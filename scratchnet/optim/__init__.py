"""Optimisers and learning-rate schedules under torch's names: the update equations, one file each.

    optimizer = SGD(model.parameters(), lr=0.1, momentum=0.9)
    for x, y in loader:
        optimizer.zero_grad()
        cross_entropy(model(x), y).backward()
        optimizer.step()

Schedules are in `lr_scheduler`; what happens around the step (epochs, validation, checkpoints) in
`scratchnet.training`.
"""

from scratchnet.optim import lr_scheduler
from scratchnet.optim.adagrad import Adagrad
from scratchnet.optim.adam import Adam, AdamW
from scratchnet.optim.optimizer import Optimizer
from scratchnet.optim.rmsprop import RMSprop
from scratchnet.optim.sgd import SGD

__all__ = ["SGD", "Adagrad", "Adam", "AdamW", "Optimizer", "RMSprop", "lr_scheduler"]
