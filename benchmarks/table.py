"""Print the table of speeds as Markdown, from the outputs that are committed in docs/data.

    python benchmarks/table.py

The README's table is this one, and a test compares them.
"""

import re
from pathlib import Path

DATA = Path(__file__).parents[1] / "docs" / "data"
OURS = "autograd_mini"


def races(text):
    """Return {title: {contestant: (µs, our time over its)}} of what bench_replay.py printed.

    >>> races('''
    ... Rosenbrock, n = 1000
    ...   autograd_mini                              2.31 µs   ours is  1.000 of it
    ...   hand-written C                             1.25 µs   ours is  1.840 of it  (promised: 1.0)
    ... ''')
    {'Rosenbrock, n = 1000': {'autograd_mini': (2.31, 1.0), 'hand-written C': (1.25, 1.84)}}
    """
    found, title = {}, None
    for line in text.splitlines():
        match = re.match(r"  (\S.*?) +([\d.]+) µs   ours is +([\d.]+) of it", line)
        if match:
            found.setdefault(title, {})[match[1]] = float(match[2]), float(match[3])
        elif line and not line.startswith(" "):
            title = line
    return found


def steps(text):
    """Return {title: {(collector, library): median}} of what bench_eager.py printed.

    >>> steps('''
    ... One step, ms
    ...   collector  library        runs    median   fastest   median, wall clock
    ...   default    autograd_mini   100      62.8      45.8      63.0
    ... ''')
    {'One step, ms': {('default', 'autograd_mini'): 62.8}}
    """
    found, title = {}, None
    for line in text.splitlines():
        match = re.match(r"  (default|paused) +([A-Za-z_]\S+(?: \S+)*?) +(\d+) +([\d.]+) ", line)
        if match:
            found.setdefault(title, {})[match[1], match[2]] = float(match[4])
        elif line and not line.startswith(" "):
            title = line
    return found


def shown(number, unit="µs"):
    """Return a time with three digits, in ms from a thousand µs on."""
    if unit == "µs" and number >= 1000:
        number, unit = number / 1000, "ms"
    return f"{number:.3g} {unit}" if number < 1000 else f"{number:,.0f} {unit}"


def rows(replay, eager):
    """Yield the lines of the table."""
    yield "| work | here | others, and how many times our time they take |"
    yield "|:--|--:|:--|"
    for title, times in races(replay).items():
        mine, _ = times.pop(OURS)
        yield line(title, mine, times, "µs")
    for title, times in steps(eager).items():
        name, unit = title.rsplit(", ", 1)
        for collector in ("default", "paused"):
            medians = {library: t for (mode, library), t in times.items() if mode == collector}
            if collector == "paused" and all(times["default", x] < 2 * t for x, t in medians.items()):
                continue  # the collector matters to nobody here
            mine = medians.pop(OURS)
            state = "as Python starts" if collector == "default" else "collector paused"
            others = {library: (t, mine / t) for library, t in medians.items()}
            yield line(f"{name}, eager, {state}", mine, others, unit)


def line(title, mine, others, unit):
    """Return a row; a contestant who is faster stands in bold."""
    cells = []
    for name, (time, ratio) in sorted(others.items(), key=lambda item: item[1]):
        times = 1 / max(ratio, 1e-3)
        peer = name.replace(", ", ": ")  # commas stand between the peers
        cell = f"{peer} {shown(time, unit)} ({times:.{0 if times >= 10 else 1 if times >= 1 else 2}f}×)"
        cells.append(f"**{cell}**" if ratio > 1 else cell)
    return f"| {title} | {shown(mine, unit)} | {', '.join(cells) or 'nobody'} |"


def table():
    """Return the whole table, the machine below it."""
    replay = (DATA / "bench_replay.txt").read_text(encoding="utf-8")
    eager = (DATA / "bench_eager.txt").read_text(encoding="utf-8")
    machine = replay.splitlines()[0]
    return "\n".join([*rows(replay, eager), "", f"Medians of one run on one thread: {machine}."])


if __name__ == "__main__":
    print(table())
