"""The article's network, trained twice: by its true gradient, and as the article's program has it.

python examples/article.py [network.svg]
"""

import sys

from autograd_mini import draw
from autograd_mini.nn import MLP
from autograd_mini.optim import sgd

X = [0.35, 0.9]
Y = 0.5
W0 = [[0.1, 0.8], [0.4, 0.6]]
W1 = [[0.3, 0.9]]
STEPS = 100


def network():
    """Two inputs, two hidden neurons, one output; sigmoids, no biases; the article's first weights."""
    net = MLP(2, [2, 1], activation="sigmoid", output_activation="sigmoid", bias=False)
    net.layers[0].weights, net.layers[1].weights = W0, W1
    return net


def forward(net):
    """Return the hidden Values, the output and the loss."""
    hidden = net.layers[0](X)
    output = net.layers[1](hidden)
    return hidden, output, 0.5 * (Y - output) ** 2


def true_update(net, hidden, output):
    """Every weight takes one step of length 1 against its own gradient."""
    sgd(net.parameters(), learning_rate=1.0)


def printed_update(net, hidden, output):
    """The article's program, line by line, in numbers that the engine left on nodes and edges.

    `l1_error` is a row and `l1'` a column, so NumPy multiplies every one with every other: `l1_delta`
    is a 2 × 2 matrix where a vector was meant. Then `X.T · l1_delta` is one row, which NumPy adds to both
    rows of W0: each hidden neuron gets the same update, by a mixture of both neurons' slopes.
    """
    (output_sum,) = output.operands
    l2_delta = -output_sum.grad  # (y - l2) · l2', with the sign turned as in the program
    l1_error = [l2_delta * w for w in net.layers[1].weights[0]]
    l1_slope = [h.partials[0] for h in hidden]
    l1_delta = [[error * slope for error in l1_error] for slope in l1_slope]
    both = [sum(x * row[j] for x, row in zip(X, l1_delta, strict=True)) for j in range(2)]
    last = zip(net.layers[1].weights[0], hidden, strict=True)
    net.layers[1].weights = [[w + l2_delta * h.data for w, h in last]]
    net.layers[0].weights = [
        [w + step for w, step in zip(row, both, strict=True)] for row in net.layers[0].weights
    ]


def train(update, steps=STEPS):
    """Return the loss before each step, and the network after the last."""
    net = network()
    losses = []
    for _ in range(steps):
        hidden, output, loss = forward(net)
        losses.append(loss.data)
        net.zero_grad()
        loss.backward()
        update(net, hidden, output)
    return losses, net


def matrix(rows):
    """Return the matrix as one short line."""
    return "[" + " ".join("[" + " ".join(f"{w: .5f}" for w in row) + "]" for row in rows) + "]"


def main(picture=None):
    """Print both trainings beside the numbers of the article; draw the network if a file is named."""
    hidden, output, loss = forward(network())
    true, true_net = train(true_update)
    printed, printed_net = train(printed_update)
    line = "  {:30}{:>16}{:>16}{:>16}".format

    print("The article's network: 2 inputs, 2 hidden neurons, 1 output; sigmoids, no biases")
    print(f"  x = {X}, wanted y = {Y}, loss = ½(y − ŷ)², step 1\n")
    print("Forward, once")
    print(f"  hidden neurons  {hidden[0].data:.5f}  {hidden[1].data:.5f}")
    print(f"  output ŷ        {output.data:.5f}        residual ŷ − y  {output.data - Y:.5f}")
    print(f"  loss            {loss.data:.6f}\n")

    print(line("Training", "true gradient", "printed code", "article"))
    print(line("loss at the start", f"{true[0]:.7f}", f"{printed[0]:.7f}", "0.19 (1)"))
    print(line("loss after one step", f"{true[1]:.7f}", f"{printed[1]:.7f}", "0.165 (2)"))
    print(line("the 100th loss it prints", f"{true[99]:.6e}", f"{printed[99]:.8e}", "5.92944818e-07"))
    print("  the weights then")
    for name, net in (("true gradient", true_net), ("printed code", printed_net)):
        for i, layer in enumerate(net.layers):
            print(f"    {name if i == 0 else '':14} W{i}  {matrix(layer.weights)}")
    print(NOTES)
    if picture is not None:
        loss.backward()
        draw(loss).save(picture)


NOTES = """
 (1) is the residual ŷ − y, not the loss. (2) has its decimal point misplaced:
     the loss is 0.0166 by the gradient, 0.0165 by the printed code.

The article derives the true gradient, but its program does not compute it.
l1_error is a row and l1 a column, so NumPy's product of the two is a 2 × 2
matrix where a vector was meant; X.T · l1_delta is then one row, and NumPy adds
it to both rows of W0. Both hidden neurons always move alike. It still learns,
because the output layer's step is right, and so ends at 5.92944818e-07;
the true gradient gets further in the same hundred steps."""

if __name__ == "__main__":
    main(*sys.argv[1:2])
