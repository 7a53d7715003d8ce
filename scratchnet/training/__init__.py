"""Training: the loop, and what stands around it.

    scratchnet.manual_seed(0)
    model = LeNet()
    history = fit(
        model,
        (x_train, y_train),
        epochs=5,
        optimizer=Adam(model.parameters()),
        validation=(x_valid, y_valid),
        metrics={"accuracy": accuracy},
        checkpoint="lenet.npz",
    )
    probabilities = softmax(predict(model, x_test))

`loop.py` is the loop itself: read it from top to bottom. `evaluation.py` runs a model without
training it, `checkpoint.py` keeps all that changes in a training run in one file.
"""

from scratchnet.training.evaluation import accuracy, evaluate, predict
from scratchnet.training.loop import NonFiniteError, fit

__all__ = ["NonFiniteError", "accuracy", "evaluate", "fit", "predict"]
