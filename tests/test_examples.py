"""The examples compute what they say: each is held to something that it did not compute itself."""

import math
import random
import runpy
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"


def load(name):
    return runpy.run_path(str(EXAMPLES / f"{name}.py"))


def test_curve_fitting_finds_the_parameters_up_to_the_noise():
    example = load("curve_fitting")
    assert example["fit"]() == pytest.approx(example["TRUTH"], rel=0.1)


def test_the_robot_arm_reaches_every_point():
    for angles, target, distance in load("robot_arm")["follow"]():
        assert distance < 1e-6
        x = sum(length * math.cos(sum(angles[: i + 1])) for i, length in enumerate((1.0, 0.8, 0.5)))
        assert x == pytest.approx(target[0], abs=1e-6)


def test_the_orbit_keeps_its_energy_and_comes_back():
    example = load("kepler")
    states = example["orbit"]()
    energies = [example["energy"](*state) for state in states]
    assert max(energies) - min(energies) < 1e-4
    assert example["swept"](states) == pytest.approx([0.6] * len(states), rel=1e-12)
    axis = -0.5 / energies[0]
    period = 2.0 * math.pi * axis**1.5  # Kepler's third law
    (x, y), _ = states[round(period / 0.01)]
    assert (x, y) == pytest.approx((1.0, 0.0), abs=0.02)


def test_the_greeks_are_those_of_the_textbook():
    market = spot, strike, rate, volatility, time = 100.0, 110.0, 0.03, 0.25, 0.75

    def density(x):
        return math.exp(-x * x / 2) / math.sqrt(2 * math.pi)

    def normal(x):
        return math.erfc(-x / math.sqrt(2)) / 2

    spread = volatility * math.sqrt(time)
    d1 = (math.log(spot / strike) + (rate + volatility**2 / 2) * time) / spread
    worth = strike * math.exp(-rate * time)
    found = load("greeks")["greeks"](*market)
    assert found == pytest.approx(
        {
            "price": spot * normal(d1) - worth * normal(d1 - spread),
            "delta": normal(d1),
            "gamma": density(d1) / (spot * spread),
            "vega": spot * density(d1) * math.sqrt(time),
            "theta": -spot * density(d1) * volatility / (2 * math.sqrt(time))
            - rate * worth * normal(d1 - spread),
            "rho": worth * time * normal(d1 - spread),
        },
        rel=1e-9,
    )


def test_the_likelihood_has_its_maximum_where_the_filter_says():
    example = load("kalman")
    level, noise = example["estimate"]()

    def loss(level, noise):
        return example["filtered"](math.log(level), math.log(noise))[0]

    least = loss(level, noise)
    for factor in (0.95, 1.05):
        assert loss(level * factor, noise) > least < loss(level, noise * factor)


def test_newtons_method_ends_at_a_root_and_the_basins_are_mirror_images():
    import numpy as np

    nearest, taken = load("newton_fractal")["basins"](size=61)
    mirrored = np.where(nearest == 0, 0, 3 - nearest)
    assert (nearest[::-1] == mirrored)[:, taken.max(axis=0) < 20].all()
    assert (taken < 25).mean() > 0.99


def test_the_network_solves_the_equation():
    assert load("physics_informed")["train"](iterations=150) < 0.05


def test_the_gpt_learns():
    example = load("microgpt")
    model, losses = example["train"](steps=80)
    assert sum(losses[-20:]) < 0.85 * sum(losses[:20])
    assert example["invent"](model, random.Random(1)).isalpha()
