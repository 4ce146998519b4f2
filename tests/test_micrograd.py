"""micrograd's published programs run here with only the import changed, and give its published numbers.

The README example and the demo are quoted from micrograd (Andrej Karpathy, MIT licence), the figures from
its README and from the output stored in its demo.ipynb. Where micrograd itself is installed, the same text
is run by both.
"""

import contextlib
import importlib.util
import io
import random

import numpy as np
import pytest

from autograd_mini import collector_paused

README = """\
from micrograd.engine import Value

a = Value(-4.0)
b = Value(2.0)
c = a + b
d = a * b + b**3
c += c + 1
c += 1 + c + (-a)
d += d * 2 + (b + a).relu()
d += 3 * d + (b - a).relu()
e = c - d
f = e**2
g = f / 2.0
g += 10.0 / f
print(f'{g.data:.4f}') # prints 24.7041, the outcome of this forward pass
g.backward()
print(f'{a.grad:.4f}') # prints 138.8338, i.e. the numerical value of dg/da
print(f'{b.grad:.4f}') # prints 645.5773, i.e. the numerical value of dg/db
"""

DEMO = """\
from micrograd.engine import Value
from micrograd.nn import Neuron, Layer, MLP

# initialize a model
model = MLP(2, [16, 16, 1]) # 2-layer neural network
print(model)
print("number of parameters", len(model.parameters()))

# loss function
def loss(batch_size=None):

    # inline DataLoader :)
    if batch_size is None:
        Xb, yb = X, y
    else:
        ri = np.random.permutation(X.shape[0])[:batch_size]
        Xb, yb = X[ri], y[ri]
    inputs = [list(map(Value, xrow)) for xrow in Xb]

    # forward the model to get scores
    scores = list(map(model, inputs))

    # svm "max-margin" loss
    losses = [(1 + -yi*scorei).relu() for yi, scorei in zip(yb, scores)]
    data_loss = sum(losses) * (1.0 / len(losses))
    # L2 regularization
    alpha = 1e-4
    reg_loss = alpha * sum((p*p for p in model.parameters()))
    total_loss = data_loss + reg_loss

    # also get accuracy
    accuracy = [(yi > 0) == (scorei.data > 0) for yi, scorei in zip(yb, scores)]
    return total_loss, sum(accuracy) / len(accuracy)

# optimization
for k in range(steps):

    # forward
    total_loss, acc = loss(batch_size)

    # backward
    model.zero_grad()
    total_loss.backward()

    # update (sgd)
    learning_rate = 1.0 - 0.9*k/100
    for p in model.parameters():
        p.data -= learning_rate * p.grad

    if k % 1 == 0:
        print(f"step {k} loss {total_loss.data}, accuracy {acc*100}%")
"""

PUBLISHED_LOSSES = [
    0.8958441028683222,
    1.7235905336972022,
    0.7429006313851131,
    0.7705641260584198,
    0.3692793385976538,
    0.313545481918522,
    0.2814234349772435,
    0.26888733313983904,
    0.2567147286057417,
    0.2704862551637922,
    0.24507023853658053,
    0.2509905529791503,
    0.21560951851922952,
    0.23090378446402726,
    0.20152151227899445,
    0.22574506279282217,
    0.19447987596204114,
    0.21089496199246363,
    0.159830773563036,
    0.1845374874688392,
    0.18977522856087634,
    0.19072704042579647,
    0.11733695088756485,
    0.12173524408232454,
    0.1261571261277045,
    0.16049097780801674,
    0.18747197705245805,
    0.16741837891059408,
    0.09586583491455399,
    0.0877878370742091,
    0.11731297569011848,
    0.09340146460619836,
    0.12454454903103446,
    0.07984002652777272,
    0.07727519232921673,
    0.07661250143094483,
    0.10610492379198365,
    0.09062808429265976,
    0.10671887043036932,
    0.05225659921975849,
    0.06016009895234464,
    0.08596724533333942,
    0.051121079431796,
    0.052401424016428284,
    0.045306841790015734,
    0.07211073370655095,
    0.03334238651310234,
    0.03143222795751122,
    0.03658536747111507,
    0.04829139382390309,
    0.09875114765619622,
    0.05449063965875453,
    0.03392679435708309,
    0.05261517263568441,
    0.03250295251424923,
    0.02888327387207822,
    0.04139151104027239,
    0.018987407426128502,
    0.0252383352388374,
    0.02079656521341895,
    0.0325971115781023,
    0.017863351693480307,
    0.023008717832211683,
    0.022079325463581503,
    0.029432917853529684,
    0.01625151464409193,
    0.02846853448326446,
    0.013994365546208731,
    0.015552344843651405,
    0.0338911994616017,
    0.014229870065926908,
    0.013255281583285504,
    0.012300277590022063,
    0.012676052498355976,
    0.020593811955954763,
    0.011845398205364453,
    0.016012697472883086,
    0.025458360239222128,
    0.014382930289661911,
    0.011698962425817985,
    0.012318500800515763,
    0.014121117031464233,
    0.011664591962446225,
    0.011589314549188726,
    0.010990299347735226,
    0.01098922672069161,
    0.010988193757655071,
    0.010987200447388707,
    0.010986246779084925,
    0.010985332742365272,
    0.010984458327280174,
    0.010983623524308862,
    0.010982828324359073,
    0.010982072718767003,
    0.010981356699297042,
    0.010980680258141723,
    0.010980043387921506,
    0.010979446081684675,
    0.010978888332907229,
    0.010978370135492717,
]
PUBLISHED_ACCURACIES = [
    50,
    81,
    77,
    82,
    84,
    86,
    89,
    91,
    91,
    91,
    91,
    92,
    91,
    93,
    92,
    93,
    92,
    93,
    94,
    93,
    91,
    93,
    97,
    95,
    95,
    95,
    92,
    95,
    97,
    96,
    95,
    97,
    95,
    97,
    97,
    98,
    96,
    99,
    95,
    98,
    100,
    96,
    99,
    97,
    100,
    97,
    99,
    100,
    99,
    99,
    96,
    99,
    100,
    97,
    99,
    100,
    98,
    100,
    100,
    100,
    99,
    100,
    100,
    100,
    99,
    100,
    99,
    100,
    100,
    99,
    100,
    100,
    100,
    100,
    100,
    100,
    100,
    100,
    100,
    100,
    100,
    100,
    100,
    100,
    100,
    100,
    100,
    100,
    100,
    100,
    100,
    100,
    100,
    100,
    100,
    100,
    100,
    100,
    100,
    100,
]

needs_micrograd = pytest.mark.skipif(
    importlib.util.find_spec("micrograd") is None, reason="micrograd is not installed"
)


def run(text, library, **names):
    """What the program prints, with `library` in the place of micrograd."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), collector_paused():
        exec(text.replace("from micrograd.", f"from {library}."), names)
    return printed.getvalue().splitlines()


def demo(library, steps, batch_size=None):
    """The demo's printed lines, on the data set and from the weights that its seeds give."""
    np.random.seed(1337)
    random.seed(1337)
    angle = np.linspace(0, np.pi, 50)  # as sklearn's make_moons(n_samples=100, noise=0.1) draws it
    X = np.column_stack(
        [
            np.append(np.cos(angle), 1 - np.cos(angle)),
            np.append(np.sin(angle), 1 - np.sin(angle) - 0.5),
        ]
    )
    y = np.repeat([-1, 1], 50)
    order = np.arange(100)
    np.random.shuffle(order)
    X = X[order] + np.random.normal(scale=0.1, size=X.shape)
    return run(DEMO, library, X=X, y=y[order], np=np, steps=steps, batch_size=batch_size)


def figures(lines):
    """Losses and accuracies of the demo's step lines."""
    words = [line.split() for line in lines if line.startswith("step")]
    return [float(w[3].rstrip(",")) for w in words], [float(w[5].rstrip("%")) for w in words]


def test_readme_example():
    assert run(README, "autograd_mini") == ["24.7041", "138.8338", "645.5773"]


@pytest.mark.parametrize("steps", [8, pytest.param(100, marks=pytest.mark.nightly)])
def test_demo_gives_the_published_numbers(steps):
    lines = demo("autograd_mini", steps)
    hidden = "Layer of [" + ", ".join(["ReLUNeuron({})"] * 16) + "]"
    layers = [hidden.replace("{}", "2"), hidden.replace("{}", "16"), "Layer of [LinearNeuron(16)]"]
    assert lines[0] == f"MLP of [{', '.join(layers)}]"
    assert lines[1] == "number of parameters 337"
    losses, accuracies = figures(lines)
    assert losses == pytest.approx(PUBLISHED_LOSSES[:steps], rel=1e-14 if steps < 10 else 1e-12)
    assert accuracies == PUBLISHED_ACCURACIES[:steps]


@needs_micrograd
def test_readme_example_in_micrograd_itself():
    assert run(README, "micrograd") == run(README, "autograd_mini")


@needs_micrograd
def test_demo_beside_micrograd_itself():
    ours, theirs = (
        figures(demo(library, steps=5, batch_size=10)) for library in ("autograd_mini", "micrograd")
    )
    assert ours[0] == pytest.approx(theirs[0], rel=1e-14)
    assert ours[1] == theirs[1]
