"""Handwritten digits, told apart by a network of 2,410 parameters that trains in seconds, compiled."""

import time

import numpy as np

from autograd_mini import compile
from autograd_mini.nn import MLP, cross_entropy, digits, fit, split
from autograd_mini.optim import AdamW, cosine_decay

EPOCHS = 20
BATCH = 64


def train(epochs=EPOCHS, rng=0, progress=False):
    """Return a network, the history of its training, and the rows it has never seen."""
    (inputs, targets), test = split(*digits(), test=0.2, rng=rng)
    model = MLP(64, [32, 10], activation="tanh", initial="glorot", rng=rng)
    steps = epochs * -(-len(inputs) // BATCH)
    history = fit(
        model,
        inputs,
        targets,
        loss=cross_entropy,
        optimiser=AdamW(model.parameters(), cosine_decay(0.02, 0.0, steps), weight_decay=0.3),
        epochs=epochs,
        batch_size=BATCH,
        rng=rng,
        mode="batched",
        progress=progress,
    )
    return model, history, test


def answers(model, inputs):
    """Return the digit that the network holds each image for: all images at once."""
    return np.argmax(compile(model).map(np.array(inputs)), axis=0).tolist()


def accuracy(model, test):
    """Return the share of right answers."""
    inputs, targets = test
    return sum(map(int.__eq__, answers(model, inputs), targets)) / len(targets)


def main():
    """Train, and tell how long it took and how good it is."""
    start = time.perf_counter()
    model, history, test = train()
    seconds = time.perf_counter() - start
    inputs, targets = test
    share = accuracy(model, test)
    print(f"{len(model.parameters())} parameters, {EPOCHS} epochs in {seconds:.1f} s")
    print(f"loss {history.losses[0]:.3f} in the first epoch, {history.losses[-1]:.3f} in the last")
    print(f"{share:.1%} of {len(targets)} images right that it has never seen")
    wrong = [(t, a) for t, a in zip(targets, answers(model, inputs), strict=True) if t != a]
    print("taken for another:", ", ".join(f"{t} for {a}" for t, a in sorted(wrong)))


if __name__ == "__main__":
    main()
