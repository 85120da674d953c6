"""`tl.associative_scan` for Triton's interpreter as a tree of vectorised combinations, in log2(T) rounds."""

import numpy as np


def tree_scan(self, operands):
    """Stands in for `ScanOps.generic_scan`; `operands` are the interpreter's tensors, the axis has 2^n elements."""
    arrays = [np.moveaxis(x.handle.data, self.axis, 0) for x in operands]
    distance = 1
    while distance < len(arrays[0]):
        # The wrapped-around rows are computed in vain: the interpreter wants whole powers of two.
        earlier = [self.to_tensor(np.roll(x, distance, axis=0), y.dtype) for x, y in zip(arrays, operands, strict=True)]
        here = [self.to_tensor(x, y.dtype) for x, y in zip(arrays, operands, strict=True)]
        with np.errstate(over="ignore", invalid="ignore"):
            combined = self.combine_fn.fn(*earlier, *here)
        arrays = [
            np.concatenate((x[:distance], y.handle.data[distance:])) for x, y in zip(arrays, combined, strict=True)
        ]
        distance *= 2
    moved = (np.ascontiguousarray(np.moveaxis(x, 0, self.axis)) for x in arrays)
    return [self.to_tensor(x, y.dtype) for x, y in zip(moved, operands, strict=True)]
