"""A batch in dask arrays, computed by Ray: ``python examples/with_ray.py``."""

import dask.array as da
import numpy as np
import ray
from ray.util.dask import ray_dask_get

from autograd_mini import compile, tanh

loss = compile(lambda p, x, y: (tanh(p[0] * x + p[1]) - y) ** 2)


def main():
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    x, p = np.linspace(-2.0, 2.0, 200_000), np.array([0.5, 0.1])
    chunks = da.from_array(x, chunks=20_000)
    mean = loss.map(p, chunks, chunks, in_axes=(None, 0, 0), reduce="mean")
    found = float(mean.compute(scheduler=ray_dask_get))
    print("mean loss:", found)
    print("the bits of one machine:", found == loss.map(p, x, x, in_axes=(None, 0, 0), reduce="mean"))
    ray.shutdown()


if __name__ == "__main__":
    main()
