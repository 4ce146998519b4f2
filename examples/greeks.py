"""An option's Greeks: Black and Scholes' price, and its derivatives with respect to everything."""

import math

from autograd_mini import compile, erfc, exp, grad, log, sqrt


def normal(x):
    """The standard normal distribution function."""
    return 0.5 * erfc(-x * math.sqrt(0.5))


def call(spot, strike, rate, volatility, time):
    """The price of a European call option."""
    spread = volatility * sqrt(time)
    d1 = (log(spot / strike) + (rate + 0.5 * volatility**2) * time) / spread
    return spot * normal(d1) - strike * exp(-rate * time) * normal(d1 - spread)


def greeks(*market):
    """Return the price and five derivatives; gamma is a second derivative."""
    delta, _, rho, vega, minus_theta = grad(call, argnums=(0, 1, 2, 3, 4))(*market)
    gamma = grad(grad(call))(*market)
    return {
        "price": call(*market),
        "delta": delta,
        "gamma": gamma,
        "vega": vega,
        "theta": -minus_theta,
        "rho": rho,
    }


def picture():
    import numpy as np
    from matplotlib import pyplot as plt

    spots = np.linspace(60.0, 140.0, 400)
    price = compile(call)
    gamma = compile(grad(call))
    market = (100.0, 0.05, 0.2, 0.5)
    curves = {
        "price": price.map(spots, *market, in_axes=(0, None, None, None, None)),
        "delta": price.grad.map(spots, *market, in_axes=(0, None, None, None, None)),
        "gamma": gamma.grad.map(spots, *market, in_axes=(0, None, None, None, None)),
    }
    figure, plots = plt.subplots(3, 1, layout="constrained", figsize=(5.6, 5), sharex=True)
    for axes, (name, curve) in zip(plots, curves.items(), strict=True):
        axes.plot(spots, curve)
        axes.set_ylabel(name)
    plots[-1].set_xlabel("price of the share")
    return figure


if __name__ == "__main__":
    for name, number in greeks(100.0, 100.0, 0.05, 0.2, 1.0).items():
        print(f"{name:6} {number:10.6f}")
    picture().savefig("greeks.svg")
