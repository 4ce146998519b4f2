"""A robot arm: which angles of three joints bring the hand to a point? Gradient descent finds them."""

import math

from autograd_mini import compile, cos, sin

LENGTHS = (1.0, 0.8, 0.5)


def joints(angles):
    """Return the points of the arm, shoulder first; each angle is relative to the link before."""
    points, x, y, angle = [(0.0, 0.0)], 0.0, 0.0, 0.0
    for length, bend in zip(LENGTHS, angles, strict=True):
        angle = angle + bend
        x, y = x + length * cos(angle), y + length * sin(angle)
        points.append((x, y))
    return points


@compile
def miss(angles, target):
    """Half the squared distance of the hand from the target."""
    (x, y), (goal_x, goal_y) = joints(angles)[-1], target
    return 0.5 * ((x - goal_x) ** 2 + (y - goal_y) ** 2)


def reach(angles, target, steps=300):
    """Move the joints downhill; the distance that remains is the second result."""
    for _ in range(steps):
        slopes = miss.grad(angles, target)
        angles = [angle - 0.2 * slope for angle, slope in zip(angles, slopes, strict=True)]
    return angles, math.sqrt(2.0 * miss(angles, target))


def follow(count=12):
    """Draw a circle with the hand: each pose starts from the one before."""
    angles, poses = [0.5, 0.5, 0.5], []
    for i in range(count):
        turn = 2.0 * math.pi * i / count
        target = [1.1 + 0.5 * math.cos(turn), 0.9 + 0.5 * math.sin(turn)]
        angles, distance = reach(angles, target)
        poses.append((angles, target, distance))
    return poses


def picture(poses):
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(layout="constrained", figsize=(5, 4.4))
    for i, (angles, target, _) in enumerate(poses):
        xs, ys = zip(*joints(angles), strict=True)
        axes.plot(xs, ys, "o-", color=plt.cm.viridis(i / len(poses)), lw=2, ms=4)
        axes.plot(*target, "k+", ms=10)
    axes.set_aspect("equal")
    axes.set(xlabel="x", ylabel="y")
    return figure


if __name__ == "__main__":
    poses = follow()
    print(f"largest distance from a target: {max(distance for *_, distance in poses):.1e}")
    picture(poses).savefig("robot_arm.svg")
