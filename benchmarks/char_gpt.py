"""A small GPT learns to write like Shakespeare: python -m benchmarks.char_gpt TEXT [STEPS].

It is trained on windows of 64 characters from anywhere in the first nine tenths of the text. Losses are
means of −ln P(character | those before in its window), in nats; of the validation, over all characters
of the last tenth, in windows one after the other.
"""

import sys
import time
from pathlib import Path

import numpy as np

from scratchnet import manual_seed, nn, optim
from scratchnet.data import BPTTIterator, CharVocabulary, DataLoader, SlidingWindows
from scratchnet.functional import cross_entropy
from scratchnet.models import GPT, generate

steps = int(sys.argv[2]) if len(sys.argv) > 2 else 1500
start, text = time.perf_counter(), Path(sys.argv[1]).read_text(encoding="utf-8")
vocabulary = CharVocabulary.from_texts(text)
tokens, end = vocabulary.encode(text), len(text) * 9 // 10
training = DataLoader(SlidingWindows(tokens[:end], 64, stride=1), 64, shuffle=True)
validation = BPTTIterator(tokens[end - 1 :], 60, 64, batch_first=True)  # tokens[end] is a target

manual_seed(0)
model = GPT(len(vocabulary), 64, embed_dim=128, num_heads=4, num_layers=4, rotary=True)
optimizer = optim.AdamW(model.parameters(), betas=(0.9, 0.99), weight_decay=0.1)
scheduler = optim.lr_scheduler.OneCycleLR(optimizer, 0.003, total_steps=steps, pct_start=0.1)


def validation_loss() -> float:
    total = 0.0
    model.eval()
    for x, y in validation:
        total += float(cross_entropy(model(x).reshape(y.size, -1), y.reshape(-1))) * y.size
    model.train()
    return total / validation.targets.size


losses: list[float] = []
for step, (x, y) in zip(range(1, steps + 1), training, strict=False):
    loss = cross_entropy(model(x).reshape(y.size, -1), y.reshape(-1))
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    scheduler.step()
    losses.append(loss.item())
    if step % 100 == 0 or step == steps:
        figures = f"training {np.mean(losses[-100:]):.3f}, validation {validation_loss():.3f}"
        print(f"step {step}, {time.perf_counter() - start:.0f} seconds: {figures}", flush=True)
print(vocabulary.decode(generate(model, vocabulary.encode("\n"), 500, 0.8, rng=0)))
