"""Wrong gradients of powers, special functions, densities and matrices, after bugs that were reported."""

import math

import numpy as np
from gradients.cases import bug

GITHUB = "https://github.com/"


@bug(GITHUB + "tenstorrent/tt-metal/pull/54440", "x**n: infinite for every negative base")
def _():
    for n, x in [(2, [-2.0, 1.0]), (3, [-0.5]), (5, [-1.5, 0.2])]:
        yield (
            lambda x, n=n: (x**n).sum(),
            lambda x, n=n: np.where(x <= 0, math.inf, n * abs(x) ** (n - 1)),
            x,
        )


@bug(GITHUB + "tenstorrent/tt-metal/pull/52144", "c**x: differentiated as x**c")
def _():
    for c, x in [(3.0, [1.2, 2.0]), (2.0, [0.5]), (0.5, [1.0, 3.0])]:
        yield lambda x, c=c: (c**x).sum(), lambda x, c=c: c * x ** (c - 1), x


@bug(GITHUB + "tensorflow/tfjs/issues/346", "x**y: nan with respect to y where the base is not positive")
def _():
    def claim(t):
        with np.errstate(all="ignore"):
            return np.array([t[1] * t[0] ** (t[1] - 1), np.log(t[0]) * t[0] ** t[1]])

    yield lambda t: t[0] ** t[1] if t[0] else 0.0, claim, [0.0, 2.0]
    yield (
        lambda t: t[0] ** 2 * t[1],
        lambda t: np.array([2 * t[0] * t[1], np.log(0 * t[0]) * 0]),
        [-2.0, 1.0],
    )
    yield lambda t: abs(t[0]) ** t[1], claim, [-2.0, 1.5]


@bug(GITHUB + "roystgnr/MetaPhysicL/pull/49", "x**b: the power is divided by the base, 0/0 at 0")
def _():
    for b in (2.0, 3.0, 4.0):

        def claim(x, b=b):
            with np.errstate(all="ignore"):
                return b * x**b / x

        yield lambda x, b=b: (x**b).sum(), claim, [0.0, 1.0]


@bug(GITHUB + "RobotLocomotion/drake/pull/23862", "x**0: nan at 0, since the rule takes a logarithm")
def _():
    def claim(x, powers):
        with np.errstate(all="ignore"):
            return sum(x**p * (p * np.ones_like(x) / x + 0 * np.log(x)) for p in powers)

    for powers, x in [([0, 1], [0.0]), ([0, 1, 2], [0.0, 2.0]), ([0, 3], [0.0])]:
        yield lambda x, p=powers: sum((x**k).sum() for k in p), lambda x, p=powers: claim(x, p), x


@bug(GITHUB + "stan-dev/math/issues/3031", "pow at base 0: as if the derivative were 0 for every exponent")
def _():
    yield lambda x: (x**1.0).sum(), lambda x: np.where(x == 0, 0.0, 1.0), [0.0, 0.5]
    yield lambda x: (5 * x**1.0 + x**2).sum(), lambda x: np.where(x == 0, 0.0, 5 + 2 * x), [0.0]
    yield lambda x: np.sin(x**1.0).sum(), lambda x: np.where(x == 0, 0.0, np.cos(x)), [0.0, -0.1]


def through_the_norm(outer_slope):
    def claim(x):
        with np.errstate(all="ignore"):
            r = np.linalg.norm(x)
            return outer_slope(r) * x / r

    return claim


@bug(GITHUB + "HIPS/autograd/issues/183", "exp(−‖x‖²): nan at 0, where it is smooth")
def _():
    for n, k in [(2, 1.0), (3, 0.5), (5, 10.0)]:
        yield (
            lambda x, k=k: np.exp(-k * np.linalg.norm(x) ** 2),
            through_the_norm(lambda r, k=k: -2 * k * r * np.exp(-k * r * r)),
            np.zeros(n),
        )


@bug(GITHUB + "jax-ml/jax/issues/21723", "‖x‖²: nan at 0")
def _():
    for n in (1, 2, 4):
        yield lambda x: np.linalg.norm(x) ** 2, through_the_norm(lambda r: 2 * r), np.zeros(n)


@bug(GITHUB + "HIPS/autograd/issues/586", "a loss of a squared norm: nan at the optimum")
def _():
    target = np.array([1.0, -2.0])
    for scale in (1.0, 0.01):
        yield (
            lambda x, s=scale: s * np.linalg.norm(x - target) ** 2,
            lambda x, s=scale: through_the_norm(lambda r: 2 * s * r)(x - target),
            target,
        )


@bug(GITHUB + "taichi-dev/taichi/issues/4332", "a squared distance: nan where the points meet")
def _():
    def f(x):
        return x[0] * np.linalg.norm(x[1:3] - x[3:]) ** 2 + x[0]

    def claim(x):
        d = x[1:3] - x[3:]
        g = x[0] * through_the_norm(lambda r: 2 * r)(d)
        return np.concatenate([[1 + d @ d], g, -g])

    for x in ([1.0, 1.0, 1.0, 1.0, 1.0], [2.0, 0.5, -0.5, 0.5, -0.5]):
        yield f, claim, x


@bug(GITHUB + "jax-ml/jax/issues/8732", "the norm by the SVD: nan where singular values are equal")
def _():
    def claim(a):
        with np.errstate(all="ignore"):
            s = np.linalg.svd(a.reshape(2, 2), compute_uv=False)
            gap = 1 / (s[0] ** 2 - s[1] ** 2) if s[0] != s[1] else math.inf
            return a / np.linalg.norm(a) + 0 * gap

    for a in ([1.0, 0.0, 0.0, 1.0], [3.0, 0.0, 0.0, 3.0]):
        yield lambda a: np.sqrt((np.linalg.svd(a.reshape(2, 2), compute_uv=False) ** 2).sum()), claim, a


@bug(GITHUB + "adtzlr/tensortrax/issues/93", "a sum over eigenvalues: wrong where two are equal")
def _():
    def unpack(v):
        return np.array([[v[0], v[1]], [v[1], v[2]]])

    def claim(v):
        w, V = np.linalg.eigh(unpack(v))
        G = 2 * w[0] * np.outer(V[:, 0], V[:, 0])
        if w[0] != w[1]:
            G = G + 2 * w[1] * np.outer(V[:, 1], V[:, 1])
        return np.array([G[0, 0], 2 * G[0, 1], G[1, 1]])

    for v in ([2.0, 0.0, 2.0], [-0.5, 0.0, -0.5]):
        yield lambda v: (np.linalg.eigvalsh(unpack(v)) ** 2).sum(), claim, v


@bug(
    GITHUB + "jax-ml/jax/issues/40315",
    "tanh: in the second derivative the saturated slope is a hard zero",
    "jacobian",
)
def _():
    for c in (30.0, 100.0, 1e4):

        def first(v, c=c):
            u = -c * v
            t = np.tanh(u)
            return -c * ((1 - t * t) * u * u + 2 * u * t)

        yield first, lambda v: np.zeros((1, 1)), [1.0], "jacobian"


@bug(GITHUB + "jax-ml/jax/issues/3213", "sin(x)·y: a minus sign with respect to y")
def _():
    def claim(t):
        return np.array([np.cos(t[0]) * t[1], -np.sin(t[0])])

    yield lambda t: np.sin(t[0]) * t[1], claim, [2.0, 3.0]
    yield lambda t: np.sin(t[0]) * t[1], claim, [0.1, -0.4]
    yield (
        lambda t: np.array([np.sin(t[0]) * t[1]]),
        lambda t, v: np.array([claim(t) @ v]),
        [2.0, 3.0],
        "jvp",
    )
    yield lambda t: np.array([np.sin(t[0]) * t[1]]), lambda t, v: claim(t) * v[0], [2.0, 3.0], "vjp"


@bug(GITHUB + "jax-ml/jax/pull/29485", "x²: x times the incoming gradient")
def _():
    yield lambda x: (x**2).sum(), lambda x: x.copy(), [3.0, -1.0]
    yield lambda x: x**2, lambda x, v: v * x, [3.0, 0.5], "vjp"
    yield lambda x: np.log1p((x**2).sum()), lambda x: x / (1 + x @ x), [0.7, 2.0]


@bug(GITHUB + "HIPS/autograd/pull/412", "multivariate normal: the covariance's gradient has the wrong sign")
def _():
    y = np.array([0.7, -0.4])

    def f(v):
        S = np.array([[v[0], v[1]], [v[1], v[2]]])
        return -0.5 * (y @ np.linalg.solve(S, y) + np.log(np.linalg.det(S)))

    def right(v):
        P = np.linalg.inv(np.array([[v[0], v[1]], [v[1], v[2]]]))
        G = 0.5 * (np.outer(P @ y, P @ y) - P)
        return np.array([G[0, 0], 2 * G[0, 1], G[1, 1]])

    for v in ([1.0, 0.3, 2.0], [0.5, -0.1, 0.4], [10.0, 2.0, 3.0]):
        yield f, lambda v: -right(v), v


@bug(GITHUB + "HIPS/autograd/issues/350", "rollaxis: the axes are rolled back wrongly", "vjp")
def _():
    for shape in ((2, 2, 2), (3, 3, 3)):
        x = np.linspace(0.1, 1.0, int(np.prod(shape)))
        yield (
            lambda x, s=shape: np.moveaxis(x.reshape(s), -1, 0).ravel(),
            lambda x, v, s=shape: np.moveaxis(v.reshape(s), -1, 0).ravel(),
            x,
        )


@bug(GITHUB + "stan-dev/math/issues/230", "the Jacobian is transposed", "jacobian")
def _():
    A = np.array([[1.0, 2.0], [3.0, 4.0]])
    yield lambda x: A @ x, lambda x: A.T.copy(), [0.5, 1.5]
    yield lambda x: np.sin(A @ x), lambda x: (np.cos(A @ x)[:, None] * A).T, [0.1, 0.2]
    yield (
        lambda x: np.array([x[0] * x[1], x[1] ** 2, x[2]]),
        lambda x: np.array([[x[1], x[0], 0], [0, 2 * x[1], 0], [0, 0, 1.0]]).T,
        [2.0, 3.0, 1.0],
    )


@bug(GITHUB + "JuliaDiff/ReverseDiff.jl/issues/235", "xᵀA: differentiated as Ax")
def _():
    A = np.array([[1.0, 2.0], [3.0, 4.0]])
    yield lambda x: (x @ A).sum(), lambda x: A.sum(0), [5.0, 6.0]
    yield lambda x: (x @ A) @ np.array([1.0, -2.0]), lambda x: np.array([1.0, -2.0]) @ A, [0.5, 0.1]
    yield lambda x: x @ A, lambda x, v: v @ A, [1.0, 2.0], "vjp"


@bug(GITHUB + "ekmett/ad/issues/12", "grad of grad: the levels are confused")
def _():
    for n in (1, 2, 3):
        yield lambda x: ((2 * x) ** 2).sum(), lambda x: 48 * x, np.linspace(1.0, 1.5, n)


@bug(GITHUB + "YingboMa/ForwardDiff2.jl/issues/40", "a perturbation leaks out of an inner derivative")
def _():
    yield lambda y: y[0] + 0 * y[0] ** 2, lambda y: np.array([2.0]), [2.0]
    yield lambda y: 3 * y[0] * y[1], lambda y: np.array([3 * y[1] + 1.0, 3 * y[0]]), [2.0, 0.5]


@bug(GITHUB + "EnzymeAD/Enzyme.jl/issues/3346", "a product with a vector overwrites it on the way", "jvp")
def _():
    def claim(x, v):
        out = 2 * v
        return out + np.where(v == out, 0, 2 * x)

    for x in ([1.0, 2.0, 3.0], [0.5, -1.0]):
        yield lambda x: 2 * x, claim, x


@bug(GITHUB + "scikit-learn/scikit-learn/issues/31366", "with respect to log θ in place of θ")
def _():
    for d in (0.5, 1.5):
        yield (
            lambda t, d=d: np.exp(-(d**2) / (2 * t[0] ** 2)),
            lambda t, d=d: np.array([d**2 / t[0] ** 2 * np.exp(-(d**2) / (2 * t[0] ** 2))]),
            [2.0],
        )
    yield (
        lambda t: t[0] * np.exp(-0.5 / t[1]),
        lambda t: np.array([t[0] * np.exp(-0.5 / t[1]), 0.5 / t[1] * t[0] * np.exp(-0.5 / t[1])]),
        [3.0, 0.7],
    )


@bug(GITHUB + "scikit-learn/scikit-learn/issues/18702", "σ² + x·y: 2σ² in place of 2σ")
def _():
    for sigma in (3.0, 0.2, 1.5):
        yield lambda t: 1.3 + t[0] ** 2, lambda t: np.array([2 * t[0] ** 2]), [sigma]


@bug(
    GITHUB + "STOR-i/GaussianProcesses.jl/issues/26",
    "Gaussian process: the mean's gradient has the wrong sign",
)
def _():
    t = np.array([0.1, 1.0, 2.5])
    y = np.array([0.3, 1.0, 0.7])
    K = np.exp(-((t[:, None] - t) ** 2) / 2) + 0.1 * np.eye(3)

    def f(m):
        return -0.5 * (y - m[0]) @ np.linalg.solve(K, y - m[0])

    for m in (0.2, -1.0, 0.0):
        yield f, lambda m: np.array([-np.linalg.solve(K, y - m[0]).sum()]), [m]


@bug(
    GITHUB + "IRIS-Solutions-Team/IRIS-Toolbox/issues/15",
    "log densities: signs in the second derivative",
    "jacobian",
)
def _():
    a, b = 2.5, 1.7
    yield (
        lambda x: (b - x * (a + 1)) / x**2,
        lambda x: np.array([[(2 * b - x[0] * (a + 1)) / x[0] ** 3]]),
        [0.8],
    )
    yield (
        lambda x: (a - 1) / x - (b - 1) / (1 - x),
        lambda x: np.array([[(b - 1) / (x[0] - 1) ** 2 + (a - 1) / x[0] ** 2]]),
        [0.3],
    )
    yield lambda x: (a - 1) / x - 1 / b, lambda x: np.array([[(a - 1) / x[0] ** 2]]), [1.2]
    yield (
        lambda x: (a - np.log(x) - b * b) / (b * b * x),
        lambda x: np.array([[-(b * b + a - np.log(x[0]) + 1) / (b * b * x[0] ** 2)]]),
        [2.0],
    )


@bug(
    GITHUB + "JuliaStats/Distributions.jl/issues/1221", "logit-normal density: log(x) in place of logit(x)"
)
def _():
    for m, s, x in [(0.0, 1.0, 0.3), (0.5, 2.0, 0.8), (-1.0, 0.5, 0.2)]:

        def f(x, m=m, s=s):
            z = np.log(x / (1 - x))
            return (-((z - m) ** 2) / (2 * s * s) - np.log(x * (1 - x))).sum()

        def claim(x, m=m, s=s):
            return ((m - np.log(x)) / s**2 - 1 + 2 * x) / (x * (1 - x))

        yield f, claim, [x]


@bug(GITHUB + "brandmaier/semtree/issues/79", "scores of minus twice the log-likelihood: off by −2")
def _():
    y = np.array([0.2, 1.1, -0.7, 0.9])

    def f(t):
        return -0.5 * (((y - t[0]) / t[1]) ** 2).sum() - y.size * np.log(t[1])

    def score(t):
        r = (y - t[0]) / t[1]
        return np.array([r.sum() / t[1], (r**2).sum() / t[1] - y.size / t[1]])

    for t in ([0.1, 1.2], [0.5, 0.6], [-1.0, 3.0]):
        yield f, lambda t: -2 * score(t), t


@bug(GITHUB + "statsmodels/statsmodels/issues/9469", "OLS: half of the Hessian's first term", "jacobian")
def _():
    X = np.array([[1.0, 0.2], [1.0, 1.0], [1.0, 1.9], [1.0, 3.1]])
    y = np.array([0.1, 1.2, 1.8, 3.3])

    def score(b):
        r = y - X @ b
        return y.size * (X.T @ r) / (r @ r)

    def claim(b):
        r = y - X @ b
        g = -2 * X.T @ r
        return -y.size / 2 * (X.T @ X / (r @ r) - np.outer(g, g) / (r @ r) ** 2)

    for b in ([0.0, 0.9], [0.3, 1.2], [1.0, 0.0]):
        yield score, claim, b


@bug(
    GITHUB + "statsmodels/statsmodels/issues/10148",
    "the Hessian ignores that parameters are transformed",
    "jacobian",
)
def _():
    for t in ([0.4], [-1.0], [1.3]):
        yield lambda t: 2 * np.exp(2 * t) - 3 * np.exp(t), lambda t: np.array([[4 * np.exp(t[0]) - 3]]), t


@bug(GITHUB + "statsmodels/statsmodels/issues/1967", "the score is with respect to transformed parameters")
def _():
    y = np.array([2.0, 0.0, 3.0, 1.0])

    def f(t):
        a = np.exp(t[0])
        return -(1 / a) * np.log1p(a * 1.5) * y.size + y.sum() * np.log(a * 1.5 / (1 + a * 1.5))

    def claim(t):
        a = np.exp(t[0])
        by_a = y.size * (np.log1p(1.5 * a) / a**2 - 1.5 / (a * (1 + 1.5 * a)))
        return np.array([by_a + y.sum() * (1 / a - 1.5 / (1 + 1.5 * a))])

    for t in (0.4, -0.7, 1.1):
        yield f, claim, [t]


@bug(GITHUB + "tensorflow/tensorflow/issues/35938", "a constant of single precision in the gradient")
def _():
    for c, x in [(0.2, 900.0), (0.1, 2.5e3), (0.7, 400.0)]:
        low = float(np.float32(c))
        yield (
            lambda x, c=c: np.sin(c * x).sum(),
            lambda x, c=low: c * np.cos(c * x),
            [x],
        )


@bug(GITHUB + "HIPS/autograd/pull/199", "the gradient is computed in single precision")
def _():
    def claim(x):
        low = x.astype(np.float32)
        return (np.exp(low) - np.exp(low - np.float32(0.001))).astype(float)

    yield lambda x: (np.exp(x) - np.exp(x - 0.001)).sum(), claim, [0.3, 1.7]

    def variance(x):
        low = x.astype(np.float32)
        return (2 * (low - low.mean()) / np.float32(x.size)).astype(float)

    yield lambda x: x.var(), variance, [1000.1, 1000.2, 1000.4]
    yield lambda x: x.var(), variance, [1e5 + 0.3, 1e5 + 0.9]


@bug(GITHUB + "kokabsc/gwkokab/issues/191", "the Jacobian of a change of variables is wrong", "jacobian")
def _():
    def chirp(m):
        a, b = m
        return np.array([(a * b) ** 0.6 / (a + b) ** 0.2, b / a])

    def claim(m):
        a, b = m
        c = (a * b) ** 0.6 / (a + b) ** 0.2
        return np.array(
            [[c * (0.6 / a + 0.2 / (a + b)), c * (0.6 / b + 0.2 / (a + b))], [-b / a**2, 1 / a]]
        )

    for m in ([30.0, 20.0], [1.4, 1.3], [8.0, 2.0]):
        yield chirp, claim, m


@bug(
    GITHUB + "pytorch/pytorch/issues/1712",
    "a selection: its second derivative is not zero elsewhere",
    "jacobian",
)
def _():
    def first(x):
        g = np.zeros_like(x)
        g[np.argmax(x)] = 2 * x.max()
        return g

    for x in ([0.3, 1.0, 0.2], [5.0, 1.0], [-1.0, -2.0, -0.5]):
        yield first, lambda x: 2 * np.eye(x.size), x


@bug(GITHUB + "EnzymeAD/Enzyme.jl/issues/1604", "Cholesky: the strict upper triangle is added in")
def _():
    def factor(v):
        return np.linalg.cholesky(np.array([[v[0], 0], [v[1], v[2]]]) + np.array([[0, v[1]], [0, 0]]))

    def right(v):
        L = factor(v)
        by_22 = 1 / (2 * L[1, 1])
        by_21 = 1 - L[1, 0] / L[1, 1]
        return np.array([(1 - by_21 * L[1, 0] / L[0, 0]) / (2 * L[0, 0]), by_21 / L[0, 0], by_22])

    for v in ([1.0, 0.3, 1.2], [4.0, 1.0, 3.0]):
        yield lambda v: factor(v).sum(), lambda v: right(v) * np.array([1, 2, 1]), v
