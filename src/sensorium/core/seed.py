"""Seeds: every random draw comes from (seed, purpose, step), so that nothing need be remembered.

Because each draw is derived and not taken from a running stream, a fit that was killed and
resumed draws the same numbers as one that ran through.
"""

import hashlib

import numpy as np
import torch


def derive(seed: int, *purpose: str | int) -> int:
    """Derive a seed for one purpose.

    Args:
        seed: the user's seed.
        purpose: words and counters that name the draw, for example ``("order", epoch)``.

    Returns:
        A number from 0 to 2**63 - 1, the same on every machine.
    """
    text = "\x1f".join(map(str, (seed, *purpose)))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def generator(seed: int, *purpose: str | int) -> torch.Generator:
    """Make a torch generator for one purpose."""
    return torch.Generator().manual_seed(derive(seed, *purpose))


def numpy_generator(seed: int, *purpose: str | int) -> np.random.Generator:
    """Make a numpy generator for one purpose."""
    return np.random.default_rng(derive(seed, *purpose))
