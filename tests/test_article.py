"""Every figure of the article, by the true gradient and by the update its program makes."""

import runpy
from pathlib import Path

import numpy as np
import pytest

article = runpy.run_path(str(Path(__file__).parent.parent / "examples" / "article.py"))
forward, network, train = article["forward"], article["network"], article["train"]


def program(steps, *, repaired=False):
    """The article's own program, in NumPy; `repaired`: with the outer product made a vector."""
    x, y = np.array([[0.35], [0.9]]), 0.5
    w0, w1 = np.array([[0.1, 0.8], [0.4, 0.6]]), np.array([[0.3, 0.9]])
    losses = []
    for _ in range(steps):
        l1 = 1 / (1 + np.exp(-np.dot(w0, x)))
        l2 = 1 / (1 + np.exp(-np.dot(w1, l1)))
        losses.append(float((0.5 * (y - l2) ** 2).item()))
        l2_delta = (y - l2) * l2 * (1 - l2)
        l1_error = l2_delta * w1
        l1_delta = (l1_error.T if repaired else l1_error) * l1 * (1 - l1)
        w1 = w1 + l2_delta * l1.T
        w0 = w0 + (l1_delta @ x.T if repaired else x.T.dot(l1_delta))
    return losses, w0, w1


def test_forward():
    hidden, output, loss = forward(network())
    assert [f"{h.data:.5f}" for h in hidden] == ["0.68027", "0.66374"]
    assert f"{output.data:.5f}" == "0.69028"
    assert f"{output.data - 0.5:.2f}" == "0.19"  # the article's "0.19"
    assert f"{loss.data:.6f}" == "0.018104"


def test_true_gradient():
    losses, net = train(article["true_update"])
    assert f"{losses[1]:.7f}" == "0.0165654"
    assert f"{losses[99]:.6e}" == "3.266879e-07"
    expected, w0, w1 = program(100, repaired=True)
    assert losses == pytest.approx(expected, rel=1e-11)
    assert np.allclose(net.layers[0].weights, w0, rtol=1e-13, atol=0)
    assert np.allclose(net.layers[1].weights, w1, rtol=1e-13, atol=0)


def test_printed_code():
    losses, net = train(article["printed_update"])
    assert f"{losses[1]:.7f}" == "0.0165263"  # the article's "0.165", its point in the right place
    assert f"{losses[99]:.8e}" == "5.92944818e-07"  # the article's last figure, to its last digit
    assert [[f"{w:.5f}" for w in row] for row in net.layers[0].weights] == [
        ["0.09933", "0.64253"],
        ["0.39933", "0.44253"],
    ]
    assert [[f"{w:.5f}" for w in row] for row in net.layers[1].weights] == [["-0.30032", "0.31509"]]
    expected, w0, w1 = program(100)
    assert losses == pytest.approx(expected, rel=1e-11)
    assert np.allclose(net.layers[0].weights, w0, rtol=1e-13, atol=0)
    assert np.allclose(net.layers[1].weights, w1, rtol=1e-13, atol=0)


def test_printed_code_moves_both_neurons_alike():
    def moves(update):
        return np.subtract(train(article[update], steps=1)[1].layers[0].weights, article["W0"])

    first, second = moves("printed_update")
    assert first == pytest.approx(second, rel=1e-12)
    first, second = moves("true_update")
    assert first != pytest.approx(second, rel=0.5)


def test_example_prints_both_beside_the_article(capsys):
    article["main"]()
    text = capsys.readouterr().out
    for figure in ("0.68027", "0.66374", "0.69028", "0.19028", "0.018104", "0.0165654", "0.0165263"):
        assert figure in text
    assert "3.266879e-07  5.92944818e-07  5.92944818e-07" in text
    assert max(map(len, text.splitlines())) <= 80
