"""What is in the pictures of the test set: gradients, edges and noise, the same in every run."""

import numpy as np

WIDTH, HEIGHT = 203, 149


def smooth(width=WIDTH, height=HEIGHT, channels=3, seed=1):
    """Values from 0 to 1 that no lossy format finds hard: waves, a few soft edges."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width] / max(width, height)
    planes = []
    for _ in range(channels):
        a, b, c, d = rng.uniform(1, 6, 4)
        planes.append(0.5 + 0.25 * np.sin(a * x * 3 + b) * np.cos(c * y * 3 + d) + 0.24 * np.sin(7 * a * x * y + c))
    return np.clip(np.stack(planes, -1), 0, 1)


def rough(width=WIDTH, height=HEIGHT, channels=3, seed=1):
    """The same with noise and hard edges, so that a wrong row or byte shows."""
    rng = np.random.default_rng(seed + 100)
    values = smooth(width, height, channels, seed) + rng.normal(0, 0.03, (height, width, channels))
    values[height // 3 : height // 2, width // 4 : width // 2] = rng.uniform(0, 1, channels)
    values[:3] = 0
    values[-2:, ::2] = 1
    return np.clip(values, 0, 1)


def whole(dtype, bits=None, **options):
    """A picture of unsigned whole numbers that use all values of `bits`."""
    dtype = np.dtype(dtype)
    top = 2 ** (bits or dtype.itemsize * 8) - 1
    return np.round(rough(**options) * top).astype(dtype)


def signed(dtype, **options):
    """A picture of signed whole numbers, the lowest and the highest among them."""
    info = np.iinfo(dtype)
    values = np.round(rough(**options) * (float(info.max) - info.min) + info.min)
    return np.clip(values, info.min, info.max).astype(dtype)


def real(dtype, **options):
    """A picture of floats, some beyond 0 to 1."""
    return (rough(**options) * 5 - 1).astype(dtype)


def bilevel(width=WIDTH, height=HEIGHT, seed=1):
    """Zeros and ones, in runs and in single pixels."""
    values = (smooth(width, height, 1, seed)[..., 0] > 0.5).astype(np.uint8)
    values[5:9] ^= (np.arange(width) % 3 == 0).astype(np.uint8)
    return values


def halves(pixels, n_levels=None):
    """A pyramid of `pixels` by leaving out every other one: as good as any to tell the levels apart."""
    levels = [pixels]
    while max(levels[-1].shape[:2]) > 1 and len(levels) != n_levels:
        height, width = (max(1, side // 2) for side in levels[-1].shape[:2])
        levels.append(np.ascontiguousarray(levels[-1][::2, ::2][:height, :width]))
    return levels
