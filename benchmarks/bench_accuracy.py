"""How many units in the last place is each function, and each of its partials, wrong by?

    python benchmarks/bench_accuracy.py [points a primitive] [name …]

The judge is `tests/accuracy.py`, which the tests use too.
"""

import sys
import time
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from accuracy import PROMISE, REACHED, worst
from machine import description

from autograd_mini.engine.table import TABLE


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    names = sys.argv[2:] or list(TABLE)
    print(f"{description()}, mpmath at 60 digits")
    print(f"{'':16}{'of':16}{'max ULP':>9}{'points':>8}   at")
    for name in names:
        row = TABLE[name]
        start = time.perf_counter()
        for i, (ulps, at, n) in worst(row, count).items():
            what = "value" if i is None else f"∂/∂{row.operands[i]}"
            note = "" if ulps <= PROMISE else "   (exempt)" if ulps <= REACHED.get(name, 0) else "   OVER"
            print(f"{name:16}{what:16}{ulps:9.2f}{n:8d}   {at}{note}")
        print(f"{'':16}{time.perf_counter() - start:.1f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
