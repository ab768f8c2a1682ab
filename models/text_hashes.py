"""Compiled hashes of many texts, to see in little memory whether one comes twice.

Import this module inside functions only: it loads numba.
"""

from __future__ import annotations

import numpy as np
from numba import njit

OFFSET = np.uint64(0xCBF29CE484222325)
PRIME = np.uint64(0x100000001B3)


@njit(cache=True, nogil=True)
def text_hashes(offsets: np.ndarray, data: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Hash texts by FNV-1a (Fowler, Noll and Vo), 64 bits.

    Parameters
    ----------
    offsets : ndarray of int, shape (n + 1,)
        Where each text begins in `data`.
    data : ndarray of uint8
    before : ndarray of uint64, shape (n,)
        What to go on from: 0, or the hashes of another column.

    Returns
    -------
    ndarray of uint64, shape (n,)
    """
    n = len(offsets) - 1
    found = np.empty(n, dtype=np.uint64)
    for i in range(n):
        own = OFFSET ^ before[i]
        own *= PRIME
        for at in range(offsets[i], offsets[i + 1]):
            own ^= np.uint64(data[at])
            own *= PRIME
        found[i] = own
    return found
