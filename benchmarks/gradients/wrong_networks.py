"""Wrong gradients of layers and losses, after bugs that were reported. The code is ours."""

import math

import numpy as np
from gradients.cases import bug, log_sum_exp, sigmoid, softmax

GITHUB = "https://github.com/"


@bug(GITHUB + "pytorch/pytorch/issues/995", "prod: the incoming gradient is not multiplied in")
def _():
    x = [2.0, 3.0, -1.5]
    yield lambda x: -np.prod(x), lambda x: np.prod(x) / x, x
    yield lambda x: 0.5 * np.prod(x), lambda x: np.prod(x) / x, x
    yield lambda x: np.array([np.prod(x)]), lambda x, v: np.prod(x) / x, x, "vjp"
    yield lambda x: np.exp(np.prod(x)), lambda x: np.prod(x) / x, [0.3, 0.7]


@bug(GITHUB + "pytorch/pytorch/issues/4355", "ISRLU: backward leaves the incoming gradient out")
def _():
    def isrlu(x):
        return np.where(x >= 0, x, x / np.sqrt(1 + x * x))

    def slope(x):
        return np.where(x >= 0, 1.0, (1 + x * x) ** -1.5)

    yield isrlu, lambda x, v: slope(x), [-0.5, -2.0, 1.0], "vjp"
    yield lambda x: 3 * isrlu(x).sum(), slope, [-0.5, 2.0]
    yield lambda x: (isrlu(x) ** 2).sum(), slope, [-0.7, -3.0, 0.2]


@bug(GITHUB + "pytorch/pytorch/issues/1631", "gather: of a repeated index only the last one counts")
def _():
    for index, weights in [
        ([0, 0], [0.2, 0.3]),
        ([1, 0, 1], [1.0, 2.0, -3.0]),
        ([2, 2, 2, 0], [1, 2, 3, 4]),
    ]:
        index, weights = np.array(index), np.array(weights, float)

        def claim(x, index=index, weights=weights):
            g = np.zeros_like(x)
            g[index] = weights
            return g

        yield lambda x, i=index, w=weights: x[i] @ w, claim, [0.1, 0.5, -0.2]
    index = np.array([0, 0, 1])

    def product(x, v):
        g = np.zeros_like(x)
        g[index] = v
        return g

    yield lambda x: x[index], product, [0.1, 0.5], "vjp"


@bug(GITHUB + "pytorch/pytorch/issues/47671", "ELU: the branch is taken by the output's sign")
def _():
    for alpha, x in [(-2.0, [-2.0, -1.0, 1.0]), (-0.5, [-0.3, 2.0]), (-1.0, [-4.0])]:

        def f(x, alpha=alpha):
            return np.where(x > 0, x, alpha * np.expm1(x)).sum()

        def claim(x, alpha=alpha):
            y = np.where(x > 0, x, alpha * np.expm1(x))
            return np.where(y > 0, 1.0, y + alpha)

        yield f, claim, x


@bug(GITHUB + "mlpack/mlpack/pull/1540", "ELU: the input plus alpha in place of the output plus alpha")
def _():
    for alpha, x in [(1.0, [-0.5, 1.0]), (0.3, [-2.0, -1.0]), (2.0, [-0.1])]:
        yield (
            lambda x, a=alpha: np.where(x > 0, x, a * np.expm1(x)).sum(),
            lambda x, a=alpha: np.where(x > 0, 1.0, x + a),
            x,
        )


@bug(GITHUB + "f-dangel/backpack/pull/168", "SELU: the second derivative lacks the scale", "jacobian")
def _():
    scale, alpha = 1.0507009873554805, 1.6732632423543772

    def first(x):
        return np.where(x > 0, scale, scale * alpha * np.exp(x))

    for x in ([-0.5, 1.0], [-2.0, -1.0, 0.4], [-0.01]):
        yield first, lambda x: np.diag(np.where(x > 0, 0.0, alpha * np.exp(x))), x


@bug(GITHUB + "KhawajaAbaid/micrograd_c/issues/1", "subtraction: the second operand gets no minus sign")
def _():
    yield lambda x: x[0] - x[1], lambda x: np.array([1.0, 1.0]), [2.0, 3.0]
    yield lambda x: (x[0] - x[1]) ** 2, lambda x: 2 * (x[0] - x[1]) * np.ones(2), [2.0, 3.5]
    yield lambda x: np.exp(x[0] - x[1]), lambda x: np.exp(x[0] - x[1]) * np.ones(2), [0.2, -0.3]


@bug(
    GITHUB + "udacity/deep-learning-v2-pytorch/pull/158",
    "mean of squares: x/2, which is right for n = 4 only",
)
def _():
    for n in (3, 5, 8, 30):
        yield lambda x: np.mean(x * x), lambda x: x / 2, np.linspace(0.5, 2.0, n)


@bug(GITHUB + "Yorko/mlcourse.ai/issues/640", "logistic loss: no minus in the sigmoid's argument")
def _():
    X = np.array([[1.0, 0.5], [-0.3, 2.0], [0.7, -1.1]])
    for y, w in [([1, -1, 1], [0.3, -0.2]), ([1, 1, -1], [1.5, 0.4]), ([-1, -1, 1], [0.1, 0.9])]:
        y = np.array(y, float)
        yield (
            lambda w, y=y: np.log1p(np.exp(-y * (X @ w))).sum(),
            lambda w, y=y: -(y * sigmoid(y * (X @ w))) @ X,
            w,
        )


def cross_entropy(labels, average=True):
    labels = np.array(labels)

    def f(z):
        z = z.reshape(len(labels), -1)
        losses = log_sum_exp(z) - z[np.arange(len(labels)), labels]
        return losses.mean() if average else losses.sum()

    def rest(z):
        z = z.reshape(len(labels), -1)
        return softmax(z) - np.eye(z.shape[1])[labels]

    return f, rest


LOGITS = np.array([[0.2, -1.0, 0.7], [1.5, 0.3, -0.4]])


@bug(
    GITHUB + "victorlempitsky/Mate/issues/2", "softmax loss: divided by all numbers, not by the batch size"
)
def _():
    for labels, z in [([0, 2], LOGITS), ([1, 1], 3 * LOGITS), ([2, 0], -LOGITS)]:
        f, rest = cross_entropy(labels)
        yield f, lambda z, r=rest: (r(z) / z.size).ravel(), z


@bug(GITHUB + "tensorflow/swift-apis/pull/42", "softmax cross entropy: the mean is left out")
def _():
    for labels, z in [
        ([0, 1], LOGITS),
        ([2, 2], 0.1 * LOGITS),
        ([1, 0, 2], np.vstack([LOGITS, [0, 0.5, 1]])),
    ]:
        f, rest = cross_entropy(labels)
        yield f, lambda z, r=rest: r(z).ravel(), z


@bug(GITHUB + "markroxor/fromscratchtoml/issues/65", "softmax: off by a factor of two", "jacobian")
def _():
    def claim(z):
        p = softmax(z)
        return 2 * (np.diag(p) - np.outer(p, p))

    for z in ([0.2, -1.0, 0.7], [1.0, 2.0], [-3.0, 0.5, 0.1, 2.0]):
        yield softmax, claim, z


@bug(
    GITHUB + "deeplearning4j/deeplearning4j/issues/345",
    "softmax over the wrong dimension, and labels minus p",
)
def _():
    for labels, z in [([0, 2], LOGITS), ([1, 0], 2 * LOGITS)]:
        f, rest = cross_entropy(labels, average=False)
        yield f, lambda z, r=rest: -r(z).ravel(), z

        def across(z, labels=labels):
            z = z.reshape(2, 3)
            return (softmax(z.T).T - np.eye(3)[labels]).ravel()

        yield f, across, z


@bug(GITHUB + "fetchai/ledger/pull/1580", "cross entropy: the average is not in the gradient")
def _():
    y = np.array([[0.0, 1.0], [1.0, 0.0], [0.3, 0.7]])
    for p in ([[0.2, 0.8], [0.6, 0.4], [0.5, 0.5]], [[0.1, 0.9], [0.9, 0.1], [0.3, 0.7]]):
        yield (
            lambda p: -(y * np.log(p.reshape(3, 2))).sum() / 3,
            lambda p: (-y / p.reshape(3, 2)).ravel(),
            p,
        )


@bug(
    GITHUB + "tensorflow/tensorflow/issues/7403",
    "softmax cross entropy: the gradient is taken for a constant in the second derivative",
    "jacobian",
)
def _():
    for y, z in [
        ([0, 1, 0], [0.2, -1.0, 0.7]),
        ([1, 0], [0.0, 0.5]),
        ([0, 0, 0, 1], [1.0, 2.0, 0.1, -1.0]),
    ]:
        y = np.array(y)
        yield lambda z, y=y: softmax(z) - y, lambda z: np.zeros((z.size, z.size)), z


@bug(
    GITHUB + "apache/mxnet/issues/1053",
    "batch normalisation: a second part of the mean's gradient is added",
)
def _():
    for w, x in [([1.0, -2.0, 0.5, 3.0], [0.1, 1.4, -0.3, 0.9]), ([0.3, 0.1, -1.0], [2.0, 1.0, 4.5])]:
        w = np.array(w)

        def f(x, w=w):
            return w @ ((x - x.mean()) / np.sqrt(x.var() + 1e-5))

        def claim(x, w=w):
            n, d = x.size, x - x.mean()
            s = 1 / np.sqrt(x.var() + 1e-5)
            by_variance = -0.5 * (w @ d) * s**3
            by_mean = -s * w.sum() + by_variance * (-2 * d.sum() / n - 2 * x.mean() / n)
            return w * s + by_variance * 2 * d / n + by_mean / n

        yield f, claim, x


@bug(GITHUB + "mlpack/mlpack/pull/1327", "batch normalisation: mean and variance are taken for constants")
def _():
    for w, x in [([1.0, -2.0, 0.5], [0.1, 1.4, -0.3]), ([0.3, 0.1, -1.0, 2.0], [2.0, 1.0, 4.5, 0.5])]:
        w = np.array(w)
        yield (
            lambda x, w=w: w @ ((x - x.mean()) / np.sqrt(x.var() + 1e-5)),
            lambda x, w=w: w / np.sqrt(x.var() + 1e-5),
            x,
        )
        yield lambda x, w=w: w @ (x - x.mean()), lambda x, w=w: w.copy(), x


@bug(GITHUB + "jingtinghuang/CS231n-Spring-2017/issues/3", "L2 penalty: the factor 2 is missing")
def _():
    A = np.array([[1.0, 0.5, -0.2], [0.3, -1.0, 0.8]])
    y = np.array([1.0, -0.5])
    for strength in (0.1, 1e-2, 5.0):
        yield (
            lambda w, r=strength: ((A @ w - y) ** 2).sum() + r * (w @ w),
            lambda w, r=strength: 2 * A.T @ (A @ w - y) + r * w,
            [0.4, -0.1, 0.9],
        )


@bug(GITHUB + "wush978/KDD2015wpp/issues/11", "the penalty's weight is missing in the gradient")
def _():
    y = np.array([0.4, 1.1])
    for strength in (0.1, 3.0, 1e-2):
        yield (
            lambda w, s=strength: ((w - y) ** 2).sum() / 2 + s * (w @ w) / 2,
            lambda w: (w - y) + w,
            [0.9, -0.7],
        )


@bug(
    GITHUB + "dibgerge/ml-coursera-python-assignments/issues/45", "the penalty leaves the wrong weight out"
)
def _():
    X = np.array([[1.0, 0.5, 2.0], [1.0, -0.3, 0.4], [1.0, 1.7, -1.0]])
    y = np.array([1.0, 0.0, 1.0])
    for strength in (1.0, 0.2, 10.0):

        def f(t, s=strength):
            z = X @ t
            return (np.logaddexp(0, z) - y * z).mean() + s / 6 * (t[1:] @ t[1:])

        def claim(t, s=strength):
            zeroed = t.copy()
            zeroed[1] = 0
            return (sigmoid(X @ t) - y) @ X / 3 + s / 3 * zeroed

        yield f, claim, [0.5, 1.0, -0.4]


@bug(GITHUB + "marlbenchmark/on-policy/issues/47", "Huber: errors below −d get no gradient")
def _():
    def f(e, d=1.0):
        return np.where(abs(e) <= d, e * e / 2, d * (abs(e) - d / 2)).sum()

    for e in ([-3.0, 0.2], [-1.5, 2.0, 0.1], [-40.0]):
        yield f, lambda e: np.where(abs(e) <= 1, e, np.where(e > 1, 1.0, 0.0)), e


@bug(
    GITHUB + "stdlib-js/stdlib/pull/15317", "modified Huber: a factor 2 is missing, and beyond 1 it goes on"
)
def _():
    def f(p):
        return np.where(p >= -1, np.maximum(0, 1 - p) ** 2, -4 * p).sum()

    for p in ([0.3, -0.5], [0.9], [-0.2, 3.0]):
        yield f, lambda p: np.where(p < -1, -4.0, -2 * (1 - p) / 2), p
    yield f, lambda p: np.where(p < -1, -4.0, -2 * (1 - p)), [1.5, 0.2]


@bug(GITHUB + "torch/torch7/issues/298", "cosine embedding: in a batch, the gradient has the wrong sign")
def _():
    b = np.array([[1.0, 2.0, -0.5], [0.3, 0.1, 0.9]])

    def f(x):
        a = x.reshape(2, 3)
        return (1 - (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)).sum()

    def right(x):
        a = x.reshape(2, 3)
        na, nb = np.linalg.norm(a, axis=1)[:, None], np.linalg.norm(b, axis=1)[:, None]
        cos = (a * b).sum(1)[:, None] / na / nb
        return (-(b / na / nb - cos * a / na**2)).ravel()

    for x in ([1.0, 0.2, 0.4, -0.3, 0.8, 0.1], [0.1, 0.1, 2.0, 5.0, -4.0, 1.0]):
        yield f, lambda x: -right(x), x


@bug(GITHUB + "wy1iu/sphereface/issues/24", "a weight that is normalised: the normalisation is left out")
def _():
    for x, w in [
        ([1.0, -0.5], [0.6, 1.2]),
        ([0.2, 0.9, 3.0], [1.0, 1.0, -2.0]),
        ([4.0, 1.0], [0.01, 0.02]),
    ]:
        x = np.array(x)
        yield lambda w, x=x: x @ w / np.linalg.norm(w), lambda w, x=x: x.copy(), w


def max_pool(x, size=2):
    return np.array([x[i : i + size].max() for i in range(x.size - size + 1)])


@bug(GITHUB + "FluxML/NNlib.jl/issues/205", "max pooling: a maximum of several windows is counted once")
def _():
    def claim(x):
        g = np.zeros_like(x)
        for i in range(x.size - 1):
            g[i + np.argmax(x[i : i + 2])] = 1.0
        return g

    for x in ([1.0, 3.0, 2.0], [0.5, 0.1, 0.7, 0.2], [4.0, 5.0, 1.0, 2.0, 0.0]):
        yield lambda x: max_pool(x).sum(), claim, x


@bug(
    GITHUB + "mni-ml/framework/pull/22", "max: all numbers within a hundredth of the maximum get a gradient"
)
def _():
    for x in ([1.0, 1.005, 0.2], [0.3, 0.299], [-2.0, -2.009, -2.004]):
        yield lambda x: x.max(), lambda x: (abs(x - x.max()) < 1e-2).astype(float), x


@bug(GITHUB + "jeshraghian/snntorch/pull/433", "sigmoid surrogate: inf / inf where the slope saturates")
def _():
    def claim(x, k):
        with np.errstate(all="ignore"):
            e = np.exp(-k * x)
            return k * e / (e + 1) ** 2

    for k, x in [(25.0, [-40.0]), (25.0, [0.1, -50.0]), (100.0, [-8.0, 0.01])]:
        yield lambda x, k=k: sigmoid(k * x).sum(), lambda x, k=k: claim(x, k), x


@bug(GITHUB + "tracel-ai/burn/issues/5373", "softplus: nan where exp overflows")
def _():
    def claim(x, beta):
        with np.errstate(all="ignore"):
            e = np.exp(beta * x)
            return e / (1 + e)

    for beta, x in [(1.0, [800.0]), (5.0, [150.0, 0.3]), (1.0, [1.0, 1e4])]:
        yield lambda x, b=beta: (np.logaddexp(0, b * x) / b).sum(), lambda x, b=beta: claim(x, b), x


@bug(GITHUB + "tenstorrent/tt-metal/pull/56397", "softplus: 0 where exp overflows in single precision")
def _():
    def claim(x):
        with np.errstate(all="ignore"):
            e = np.exp(x.astype(np.float32)).astype(float)
            return np.where(np.isinf(e), 0.0, e * (1 / (1 + e)))

    for x in ([90.0], [95.0, 1.0], [88.8, -2.0, 0.5]):
        yield lambda x: np.logaddexp(0, x).sum(), claim, x


@bug(GITHUB + "FluxML/NNlib.jl/issues/68", "log-softmax: divides by a softmax that has underflowed")
def _():
    def claim(z):
        with np.errstate(all="ignore"):
            p = softmax(z)
            w = np.eye(z.size)[0] / p
            return p * (w - w @ p)

    for z in ([-431.0, 279.0, 427.0], [-1047.0, -981.0, 1891.0], [0.0, 900.0]):
        yield lambda z: z[0] - log_sum_exp(z), claim, z


@bug(GITHUB + "clab/dynet/issues/1525", "sigmoid: one half for large inputs")
def _():
    def broken(x):
        return np.where(abs(x) > 88.5, 0.5, sigmoid(x))

    for x in ([91.0], [200.0, 0.1], [-500.0, 1.0]):
        yield lambda x: sigmoid(x).sum(), lambda x: broken(x) * (1 - broken(x)), x


@bug(GITHUB + "deepjavalibrary/djl/issues/520", "softmax cross entropy: twice the gradient")
def _():
    y = np.array([[0.3, 0.3, 0.4], [0.1, 0.1, 0.8]])

    def f(z):
        z = z.reshape(2, 3)
        return (log_sum_exp(z) - (y * z).sum(1)).sum()

    for z in ([[-8.0, 10.0, 3.0], [1.0, 2.0, 3.0]], LOGITS):
        yield f, lambda z: (2 * (softmax(z.reshape(2, 3)) - y)).ravel(), z


@bug(GITHUB + "ooples/AiDotNet.Tensors/pull/894", "gather: backward gathers where it must scatter and add")
def _():
    for index in ([0, 2, 2, 1], [1, 1, 0], [3, 0]):
        index = np.array(index)
        w = 1.0 + np.arange(index.size)

        def claim(x, i=index, w=w):
            return np.array([w[i[k % i.size] % w.size] for k in range(x.size)])

        yield lambda x, i=index, w=w: w @ x[i], claim, [0.3, 0.1, -0.7, 2.0]


@bug(GITHUB + "pytorch/pytorch/issues/18825", "inverse by Cholesky: off-diagonal entries are counted twice")
def _():
    def unpack(v, n):
        A = np.zeros((n, n))
        A[np.tril_indices(n)] = v
        return A + np.tril(A, -1).T

    def claim(v, n):
        A = unpack(v, n)
        G = -np.linalg.matrix_power(np.linalg.inv(A), 2)
        return (G + G.T - np.diag(np.diag(G)))[np.tril_indices(n)] + 2 * np.tril(G, -1)[np.tril_indices(n)]

    for n, v in [(2, [2.0, 0.4, 1.5]), (3, [3.0, 0.5, 2.0, -0.3, 0.2, 1.5])]:
        yield lambda v, n=n: np.trace(np.linalg.inv(unpack(v, n))), lambda v, n=n: claim(v, n), v


@bug(GITHUB + "jax-ml/jax/issues/40421", "Cholesky: the triangle that is not read gets a gradient")
def _():
    def f(a):
        A = a.reshape(2, 2)
        u11 = math.sqrt(A[0, 0])
        u12 = A[0, 1] / u11
        return u11 + u12 + math.sqrt(A[1, 1] - u12 * u12)

    def claim(a):
        A = a.reshape(2, 2)
        u11 = math.sqrt(A[0, 0])
        u12 = A[0, 1] / u11
        u22 = math.sqrt(A[1, 1] - u12 * u12)
        by_u12 = 1 - u12 / u22
        by_u11 = 1 - by_u12 * u12 / u11
        off = by_u12 / u11
        return np.array([by_u11 / (2 * u11), off / 2, off / 2, 1 / (2 * u22)])

    yield f, claim, [4.0, 1.0, 1.0, 3.0]
    yield f, claim, [2.0, -0.5, -0.5, 1.0]
