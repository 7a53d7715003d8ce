"""A residual network of depth 8 on Fashion-MNIST: python -m benchmarks.resnet_fashion_mnist FOLDER [SEED]."""

import sys
import time

import numpy as np

from scratchnet import manual_seed, nn, optim
from scratchnet.data import DataLoader, load_mnist
from scratchnet.models import cifar_resnet
from scratchnet.transforms import RandomHorizontalFlip

EPOCHS = 6
start = time.perf_counter()
(x_train, y_train), (x_test, y_test) = load_mnist(sys.argv[1])
# The mean and the standard deviation of the pixels of the training images.
x_train, x_test = ((x[:, None].astype(np.float32) - 72.9) / 90.0 for x in (x_train, x_test))
manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)

model = cifar_resnet(8, in_channels=1, width=16, shortcut="B")
flip = RandomHorizontalFlip()
criterion = nn.CrossEntropyLoss()
loader = DataLoader((x_train, y_train), batch_size=128, shuffle=True)
optimizer = optim.SGD(model.parameters(), momentum=0.9, nesterov=True, weight_decay=5e-4)
scheduler = optim.lr_scheduler.OneCycleLR(optimizer, 0.2, total_steps=EPOCHS * len(loader))


def accuracy() -> float:
    form = nn.optimize_for_inference(model.eval())
    predicted = [form(x).argmax(1) for x in DataLoader(x_test, batch_size=500)]
    model.train()
    return float(np.mean(np.concatenate(predicted) == y_test))


for epoch in range(EPOCHS):
    for x, y in loader:
        optimizer.zero_grad()
        criterion(model(flip.batch(x)), y).backward()
        optimizer.step()
        scheduler.step()
    seconds = time.perf_counter() - start
    print(f"epoch {epoch + 1}: test accuracy {accuracy():.2%}, {seconds:.0f} seconds", flush=True)
