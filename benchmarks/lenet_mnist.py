"""A LeNet-style network on MNIST: python -m benchmarks.lenet_mnist FOLDER [SEED]."""

import sys
import time

import numpy as np

from scratchnet import manual_seed, nn, optim
from scratchnet.data import DataLoader, load_mnist

EPOCHS = 2
start = time.perf_counter()
(x_train, y_train), (x_test, y_test) = load_mnist(sys.argv[1])
x_train, x_test = ((x[:, None].astype(np.float32) - 33.3) / 78.6 for x in (x_train, x_test))
manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)


def block(c_in: int, c_out: int) -> tuple[nn.Module, ...]:
    # Pooled first, so that batch norm and ReLU have a quarter of the entries to go through.
    return nn.Conv2d(c_in, c_out, 5), nn.MaxPool2d(2), nn.BatchNorm2d(c_out), nn.ReLU()


head = nn.Flatten(), nn.Linear(24 * 4 * 4, 128), nn.ReLU(), nn.Linear(128, 10)
model = nn.Sequential(*block(1, 8), *block(8, 24), *head)
criterion = nn.CrossEntropyLoss()
loader = DataLoader((x_train, y_train), batch_size=100, shuffle=True)
optimizer = optim.Adam(model.parameters())
scheduler = optim.lr_scheduler.OneCycleLR(optimizer, 0.01, total_steps=EPOCHS * len(loader))

for epoch in range(EPOCHS):
    model.train()
    for x, y in loader:
        optimizer.zero_grad()
        criterion(model(x), y).backward()
        optimizer.step()
        scheduler.step()
    model.eval()
    predicted = np.concatenate([model(x).argmax(1) for x in DataLoader(x_test, 500)])
    print(f"epoch {epoch + 1}: test accuracy {np.mean(predicted == y_test):.2%}", flush=True)
print(f"{time.perf_counter() - start:.1f} seconds")
