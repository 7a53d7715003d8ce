"""An LSTM learns to write like Shakespeare: python -m benchmarks.char_lstm TEXT [STEPS].

It reads 64 parts of the first nine tenths of the text side by side, 100 characters at a time; its state
goes on from piece to piece, the gradient ends between them. Losses are means of
−ln P(character | those before), in nats; of the validation, over all characters of the last tenth.
"""

import sys
import time
from pathlib import Path

import numpy as np

from scratchnet import nn, optim
from scratchnet.data import BPTTIterator, CharVocabulary
from scratchnet.functional import cross_entropy
from scratchnet.models import RecurrentLanguageModel, detach_state, generate

steps = int(sys.argv[2]) if len(sys.argv) > 2 else 1500
start, text = time.perf_counter(), Path(sys.argv[1]).read_text(encoding="utf-8")
vocabulary = CharVocabulary.from_texts(text)
tokens, end = vocabulary.encode(text), len(text) * 9 // 10
training = BPTTIterator(tokens[:end], 64, 100, batch_first=True)
validation = BPTTIterator(tokens[end - 1 :], 60, 100, batch_first=True)  # tokens[end] is a target

model = RecurrentLanguageModel(len(vocabulary), 64, hidden_size=256, dropout=0.1, rng=0)
optimizer = optim.Adam(model.parameters(), betas=(0.9, 0.99))
scheduler = optim.lr_scheduler.OneCycleLR(optimizer, 0.005, total_steps=steps, pct_start=0.1)


def validation_loss() -> float:
    total, state = 0.0, None
    model.eval()
    for x, y in validation:
        logits, state = model(x, state)
        total += float(cross_entropy(logits.reshape(y.size, -1), y.reshape(-1))) * y.size
    model.train()
    return total / validation.targets.size


losses: list[float] = []
for step in range(1, steps + 1):
    if (step - 1) % len(training) == 0:
        pieces, state = iter(training), None  # from the beginning of the text
    x, y = next(pieces)
    logits, state = model(x, detach_state(state))
    loss = cross_entropy(logits.reshape(y.size, -1), y.reshape(-1))
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
