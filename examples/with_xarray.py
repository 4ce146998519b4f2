"""A compiled function over labelled arrays, with xarray and dask: ``python examples/with_xarray.py``."""

import numpy as np
import xarray as xr

from autograd_mini import compile, exp

saturation = compile(lambda t: 6.112 * exp(17.62 * t / (243.12 + t)))  # Magnus' formula, hPa over water


def main():
    days, places = np.arange(365), ["Oslo", "Cairo", "Lima"]
    means = 10.0 + np.array([-4.0, 12.0, 9.0]) + 10.0 * np.sin(2.0 * np.pi * days / 365.0)[:, None]
    temperature = xr.DataArray(means, {"day": days, "place": places}, ("day", "place")).chunk({"day": 73})
    pressure = xr.apply_ufunc(
        lambda t: saturation.map(t.ravel()).reshape(t.shape), temperature, dask="allowed"
    )
    slope = xr.apply_ufunc(
        lambda t: saturation.grad.map(t.ravel()).reshape(t.shape), temperature, dask="allowed"
    )
    print(pressure.mean("day").compute().to_series().round(2).to_string())
    print("per kelvin:")
    print(slope.mean("day").compute().to_series().round(3).to_string())
    one_machine = saturation.map(means.ravel()).reshape(means.shape)
    print("the bits of one machine:", bool((pressure.values == one_machine).all()))


if __name__ == "__main__":
    main()
