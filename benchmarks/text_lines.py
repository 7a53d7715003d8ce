"""Lines of digits read without segmentation: python -m benchmarks.text_lines [SEED [STEPS]].

Digits of 8 × 8 pixels are enlarged and set side by side, two to eight in a line, touching or apart, high
or low. Told are the digits of a line, not where they stand; those of the test are new to the network.
"""

import sys
import time

import numpy as np

from scratchnet import manual_seed, nn, optim
from scratchnet.ctc_decoding import ctc_beam_search, ctc_greedy_decode
from scratchnet.datasets import load_digits
from scratchnet.functional import interpolate
from scratchnet.models import CRNN

seed, steps = [int(a) for a in sys.argv[1:]] + [0, 400][len(sys.argv) - 1 :]
start, rng, digits = time.perf_counter(), np.random.default_rng(seed), load_digits()
manual_seed(seed)
images = interpolate(digits.images[:, None] / 16, scale_factor=2, mode="bilinear")[:, 0]
training, held_out = np.split(rng.permutation(len(images)), [1400])


def compose(which: np.ndarray, n: int) -> tuple[np.ndarray, ...]:
    """Return n lines (n, 1, 24, W), their widths, their labels one after the other, how many of each."""
    counts = rng.integers(2, 9, n)
    x, widths = np.zeros((n, 1, 24, 8 * 22), np.float32), np.zeros(n, int)
    chosen = rng.choice(which, counts.sum())
    for i, line in enumerate(np.split(chosen, counts.cumsum()[:-1])):
        for digit in line:
            top, left = rng.integers(9), max(0, widths[i] + rng.integers(-3, 7))
            place = x[i, 0, top : top + 16, left : left + 16]
            np.maximum(place, images[digit], out=place)
            widths[i] = left + 16
    return x[:, :, :, : widths.max()], widths, digits.target[chosen] + 1, counts  # 0 is the blank


model = CRNN(11, height=24, channels=(16, 32, 64), hidden_size=64, num_layers=1)
criterion, optimizer = nn.CTCLoss(), optim.Adam(model.parameters())
scheduler = optim.lr_scheduler.OneCycleLR(optimizer, 0.01, total_steps=steps)
for step in range(1, steps + 1):
    x, widths, labels, counts = compose(training, 32)
    optimizer.zero_grad()
    loss = criterion(model(x, widths), labels, model.output_lengths(widths), counts)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 5.0)
    optimizer.step()
    scheduler.step()
    if step % 100 == 0 or step == steps:
        print(f"step {step}: loss {loss.item():.3f}", flush=True)

x, widths, labels, counts = compose(held_out, 500)
log_probs, lengths = model.eval()(x, widths), model.output_lengths(widths)
beam = [line[0][0] for line in ctc_beam_search(log_probs, lengths)]
for name, found in (("best path", ctc_greedy_decode(log_probs, lengths)), ("beam of 10", beam)):
    right = map(np.array_equal, found, np.split(labels, counts.cumsum()[:-1]))
    print(f"{name}: {np.mean(list(right)):.1%} of the lines read without an error")
print(f"{time.perf_counter() - start:.1f} seconds")
