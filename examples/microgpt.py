"""A GPT of scalars: one layer of attention learns how names are spelled, and invents new ones.

Every number is a `Value`. `dot` makes one node of a whole weighted sum. `take` looks a letter up, so that
the step is compiled once for each length of name. The idea of a GPT in one small file, on a scalar engine,
is Andrej Karpathy's.
"""

import math
import random

from autograd_mini import Value, compile, dot, relu, softmax, take
from autograd_mini.nn import Module, cross_entropy
from autograd_mini.optim import Adam, linear_decay

TEXT = (
    "anna emma mia lea lena lina nina ida ella ava eva hanna johanna marie maria sofia sophie clara klara "
    "laura lara sara nora flora paula paul leon noah elias ben finn jonas jona luca lukas felix max emil "
    "oskar anton theo leo mila milan lilian lilly emilia julia julian amelie maximilian"
)
NAMES = TEXT.split()
ALPHABET = sorted(set("".join(NAMES)))
SIZE, WIDTH, LENGTH = 12, 24, 10
END = len(ALPHABET)


class GPT(Module):
    def __init__(self, rng):
        def matrix(rows, columns, scale=None):
            scale = math.sqrt(1.0 / columns) if scale is None else scale
            return [[Value(rng.gauss(0.0, scale)) for _ in range(columns)] for _ in range(rows)]

        self.letters, self.places = matrix(END + 1, SIZE, 0.3), matrix(LENGTH, SIZE, 0.3)
        self.query, self.key, self.value = (matrix(SIZE, SIZE) for _ in range(3))
        self.widen, self.narrow = matrix(WIDTH, SIZE), matrix(SIZE, WIDTH)
        self.answer = matrix(END + 1, SIZE)
        self.attention = []

    def forward(self, text):
        """Return, after each letter, a logit for each possible next letter."""
        keys, values, logits, self.attention = [], [], [], []
        for place, letter in enumerate(text):
            x = [a + b for a, b in zip(take(self.letters, letter), self.places[place], strict=True)]
            keys.append(times(self.key, x))
            values.append(times(self.value, x))
            query = times(self.query, x)
            weights = softmax([dot(query, key) / math.sqrt(SIZE) for key in keys])
            self.attention.append([w.data for w in weights])
            seen = [dot(weights, column) for column in zip(*values, strict=True)]
            x = [a + b for a, b in zip(x, seen, strict=True)]
            wide = [relu(a) for a in times(self.widen, x)]
            x = [a + b for a, b in zip(x, times(self.narrow, wide), strict=True)]
            logits.append(times(self.answer, x))
        return logits


def times(matrix, vector):
    return [dot(row, vector) for row in matrix]


def train(steps=400, rng=None):
    """Train on one name a step; return the model and the losses."""
    rng = rng or random.Random(1)
    model = GPT(rng)
    optimiser = Adam(model.parameters(), linear_decay(0.02, 0.002, steps))
    losses = []

    @compile
    def surprise(letters):
        return cross_entropy(model(letters[:-1]), letters[1:])

    for _ in range(steps):
        letters = [END, *map(ALPHABET.index, rng.choice(NAMES)), END][: LENGTH + 1]
        optimiser.zero_grad()
        losses.append(surprise.backward(letters))
        optimiser.step()
    return model, losses


def invent(model, rng):
    """Return a new name, drawn letter by letter."""
    letters = [END]
    while len(letters) < LENGTH:
        chances = [p.data for p in softmax(model(letters)[-1])]
        letter = rng.choices(range(END + 1), chances)[0]
        if letter == END:
            break
        letters.append(letter)
    return "".join(ALPHABET[letter] for letter in letters[1:])


def picture(model, losses):
    from matplotlib import pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, layout="constrained", figsize=(8, 3.2))
    left.plot(losses, alpha=0.3)
    left.plot(
        range(10, len(losses) - 10),
        [sum(losses[i - 10 : i + 10]) / 20 for i in range(10, len(losses) - 10)],
    )
    left.set(xlabel="step", ylabel="loss")
    name = "johanna"
    model([END, *map(ALPHABET.index, name)])
    table = [row + [0.0] * (len(name) + 1 - len(row)) for row in model.attention]
    right.imshow(table, cmap="Blues")
    right.set(title="which letter looks at which", yticks=range(len(table)), xticks=range(len(table)))
    right.set_xticklabels([".", *name])
    right.set_yticklabels([".", *name])
    return figure


if __name__ == "__main__":
    model, losses = train()
    print(f"loss {sum(losses[:20]) / 20:.2f} at first, {sum(losses[-20:]) / 20:.2f} in the end")
    print("new names:", ", ".join(invent(model, random.Random(seed)) for seed in range(8)))
    picture(model, losses).savefig("microgpt.svg")
