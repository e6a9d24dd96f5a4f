"""Symmetric block tridiagonal systems: the solution, and the diagonal blocks of the inverse."""

import numpy as np
from jaxtyping import Float


def solved(
    diagonal: Float[np.ndarray, "n m m"],
    above: Float[np.ndarray, "n-1 m m"],
    right: Float[np.ndarray, "n m"],
) -> tuple[Float[np.ndarray, "n m"], Float[np.ndarray, "n m m"]]:
    """x of A x = right, and the blocks (A^-1)[k, k]; A is positive definite.

    Eliminated from both ends: what stands left and right of a block reaches it through its
    neighbours alone.
    """
    n = len(diagonal)
    forward, backward = diagonal.copy(), diagonal.copy()
    carried, brought = right.copy(), right.copy()
    for k in range(1, n):
        passed = np.linalg.solve(forward[k - 1], np.column_stack([above[k - 1], carried[k - 1]]))
        forward[k] -= above[k - 1].T @ passed[:, :-1]
        carried[k] -= above[k - 1].T @ passed[:, -1]
    for k in range(n - 2, -1, -1):
        passed = np.linalg.solve(backward[k + 1], np.column_stack([above[k].T, brought[k + 1]]))
        backward[k] -= above[k] @ passed[:, :-1]
        brought[k] -= above[k] @ passed[:, -1]
    marginal = forward + backward - diagonal
    inverse = np.linalg.inv(marginal)
    x = np.einsum("kij,kj->ki", inverse, carried + brought - right)
    return x, (inverse + inverse.mT) / 2
