"""NumPy's .npy files, read without trust: no pickles, and the header's size checked first."""

import io

import numpy as np
from jaxtyping import Shaped

from sensorium.core.errors import CellError
from sensorium.media.limits import damaged


def read_npy(data: bytes) -> Shaped[np.ndarray, " *shape"]:
    """Read a ``.npy`` file of numbers.

    Errors:
        CellError: not a .npy file, not numbers, or not as long as its header declares.
    """
    if not data.startswith(b"\x93NUMPY"):
        raise CellError(
            f"not a .npy file (it begins with {data[:8]!r})", "write it with numpy.save"
        )
    stream = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(stream)
        read = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        shape, _, dtype = read(stream)
    except (ValueError, KeyError, SyntaxError, EOFError, TypeError, RecursionError) as error:
        raise damaged(".npy file", error) from error
    if dtype.kind not in "biuf":
        raise CellError(f"a .npy file of {dtype}", "give an array of numbers; pickles are refused")
    need = dtype.itemsize
    for side in shape:
        need *= side
    if need != len(data) - stream.tell():
        raise damaged(".npy file", f"{len(data) - stream.tell():,} bytes of {need:,} declared")
    stream.seek(0)
    return np.lib.format.read_array(stream, allow_pickle=False)
