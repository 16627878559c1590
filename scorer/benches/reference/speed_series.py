"""Series that both speed programs judge."""
import numpy as np


def run(rng, samples):
    """AR(1) at .5 about 100 with sd 10."""
    z, e = rng.normal(), rng.normal(size=samples)
    out = np.empty(samples)
    for i in range(samples):
        z = .5 * z + .75 ** .5 * e[i]
        out[i] = z
    return 100 + 10 * out
