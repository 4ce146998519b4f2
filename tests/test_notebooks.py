"""The notebooks run from top to bottom, and what they say comes true; `make notebooks` runs these tests.

What runs is kept in build/notebooks with its outputs, for the site.
"""

from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OUTPUTS = ROOT / "build" / "notebooks"

CLAIMS = {
    "01-debts": [
        "(a.grad, b.grad) == (2.0, 5.0)",
        "x.grad == 2.0**60",
        "abs((moved - 6.0) / h - 5) < 0.01",
    ],
    "02-the-articles-network": [
        "f'{true[99]:.6e}' == '3.266879e-07'",
        "f'{printed[99]:.8e}' == '5.92944818e-07'",
        "(f'{true[1]:.4f}', f'{output.data - Y:.3f}') == ('0.0166', '0.190')",
        "np.allclose(l1_delta @ x.T, true_step)",
    ],
    "03-why-the-order": [
        "pay_when_first_met(y)[x] == 6.0",
        "pay_at_once(y, 1.0, {})[x] == pay_in_order(y)[x] == 1464.0",
        "steps[-1] > 1000 * 2 * 16",
    ],
    "04-micrograds-demo": [
        "abs(losses[0] - 0.8958441028683222) < 1e-14",  # micrograd's published first and last
        "abs(losses[-1] - 0.010978370135492717) < 1e-13",
        "losses[:5] == eager",
        "all(abs(a - b) < 1e-14 for a, b in zip(eager, theirs))",
        "acc == 1.0",
        "64_000 < nodes(loss()[0]) < 66_000",
    ],
    "05-from-a-line-to-lbfgs": [
        "np.allclose([k.data, b.data], exact, atol=1e-3)",
        "np.all(np.abs(found.x - truth) < 4 * np.sqrt(np.diag(covariance)))",
        "misfit(p) > 2 * found.fun",
    ],
    "06-check-your-gradient": [
        "not compare_grads(log_likelihood, by_hand, 1.0, -2.0).ok",
        "compare_grads(log_likelihood, mended, 1.0, -2.0).ok",
        "compare_grads(abs, lambda x: 0.0, 0.0).ok",
        "not compare_grads(cost, printed, W0).ok",
    ],
    "07-derivatives-of-derivatives": [
        "derivatives == [1.0, 1.0, 1.0, 0.0, -3.0, -8.0, -3.0, 56.0, 217.0]",
        "abs(grad(f)(x)) < 1e-15",
        "error < 0.02",
    ],
    "08-from-eager-to-machine-code": [
        "all(compile(f, argnums=(0, 1)).grad(*p) == grad(f, argnums=(0, 1))(*p) for p in points)",
        "abs(w.data - 0.5) < 1e-3",
    ],
    "09-handwritten-digits": [
        "not set(map(tuple, train[0])) & set(map(tuple, test[0]))",
        "accuracy >= 0.95",
        "len(model.parameters()) == 2410",
        "7_000 < nodes(cross_entropy([model(train[0][0])], [train[1][0]])) < 7_500",
    ],
    "10-more-data-than-memory": [
        "len(set(sums.values())) == 1",
        "after < before / 2",
    ],
    "11-verdicts-without-counts": [
        "apart[0] < 1e-12 and apart[1] < 1e-5",
        "compare_grads(lambda theta: misfit(theta, X[0, :3], *lot), truth[:3]).ok",
        "np.abs(deviations).max() < 4",
    ],
}
"""What a notebook claims, as expressions that are true once it has run."""

NODES = """
from autograd_mini import topological_order
def nodes(root):
    return len(topological_order(root))
"""


def test_each_notebook_has_its_claims():
    assert {path.stem for path in (ROOT / "notebooks").glob("*.ipynb")} == set(CLAIMS)


@pytest.mark.notebooks
@pytest.mark.parametrize("name", CLAIMS)
def test_a_notebook_runs_and_its_claims_are_true(name):
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    notebook = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
    claims = map(nbformat.v4.new_code_cell, [NODES, *(f"assert {claim}" for claim in CLAIMS[name])])
    count = len(notebook.cells)
    notebook.cells += claims
    nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": ROOT}}).execute()
    del notebook.cells[count:]
    OUTPUTS.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, OUTPUTS / f"{name}.ipynb")
