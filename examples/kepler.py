"""Kepler's orbit: only the potential energy is written down; the force is its gradient."""

from autograd_mini import compile, hypot


@compile
def potential(position):
    """The energy of a unit mass in the field of a sun of mass 1."""
    x, y = position
    return -1.0 / hypot(x, y)


def energy(position, velocity):
    return potential(position) + 0.5 * sum(v * v for v in velocity)


def orbit(position=(1.0, 0.0), velocity=(0.0, 1.2), dt=0.01, steps=2200):
    """Return the positions and velocities of a leapfrog integration."""
    position, velocity, states = list(position), list(velocity), []
    force = [-slope for slope in potential.grad(position)]
    for _ in range(steps):
        states.append((position, velocity))
        half = [v + 0.5 * dt * f for v, f in zip(velocity, force, strict=True)]
        position = [x + dt * v for x, v in zip(position, half, strict=True)]
        force = [-slope for slope in potential.grad(position)]
        velocity = [v + 0.5 * dt * f for v, f in zip(half, force, strict=True)]
    return states


def swept(states):
    """Return the area swept by the line to the sun in a unit of time, at each step: all equal."""
    return [0.5 * abs(x * v - y * u) for (x, y), (u, v) in states]


def picture(states):
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(layout="constrained", figsize=(5.6, 4))
    xs, ys = zip(*(position for position, _ in states), strict=True)
    axes.plot(xs, ys, lw=1)
    for start in (0, 520, 1060):  # the same time in each, and the same area
        wedge = states[start : start + 150]
        axes.fill([0.0, *[p[0] for p, _ in wedge]], [0.0, *[p[1] for p, _ in wedge]], alpha=0.5)
    axes.plot(0, 0, "o", color="orange", ms=12)
    axes.set_aspect("equal")
    axes.set_title("Equal times, equal areas", fontsize=10)
    return figure


if __name__ == "__main__":
    states = orbit()
    first, last = energy(*states[0]), energy(*states[-1])
    print(f"energy {first:.6f}, {last:.6f} after {len(states)} steps")
    print(f"area in a unit of time: {min(swept(states)):.6f} to {max(swept(states)):.6f}")
    picture(states).savefig("kepler.svg")
