import io
import pickle
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from sensorium.core.errors import CellError
from sensorium.media import read_npy


def saved(array: Any, *, pickled: bool = False) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=pickled)
    return stream.getvalue()


@pytest.mark.parametrize(
    "array",
    [
        np.arange(12.0).reshape(6, 2),
        np.arange(12, dtype=">i4").reshape(6, 2),
        np.asfortranarray(np.arange(12.0).reshape(6, 2)),
        np.array([True, False]),
        np.zeros((0, 3)),
        np.array(3.5),
    ],
)
def test_arrays_of_numbers_come_back(array: NDArray[Any]) -> None:
    np.testing.assert_array_equal(read_npy(saved(array)), array)


def test_pickles_are_refused_and_never_opened(tmp_path: Any) -> None:
    trap = tmp_path / "sprung"

    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (trap.touch, ())

    for data in (saved(np.array([Trap()]), pickled=True), pickle.dumps(Trap())):
        with pytest.raises(CellError, match=r"object|not a \.npy file"):
            read_npy(data)
    assert not trap.exists()


def test_a_declared_length_that_is_not_there_is_refused() -> None:
    data = saved(np.zeros((1_000, 3)))
    for part in (data[:-1], data[:200], data[:100], data[:9], data[:6], data + b"x"):
        with pytest.raises(CellError, match=r"damaged \.npy file"):
            read_npy(part)
    huge = data.replace(b"(1000, 3)", b"(9**9, 9)")
    for forged in (huge, data.replace(b"(1000, 3)", b"(10**9,3)")):
        with pytest.raises(CellError):
            read_npy(forged)
    with pytest.raises(CellError, match="bytes of 719,999,976,000"):
        read_npy(data.replace(b"(1000, 3), }" + b" " * 9, b"(29999999, 3000), }  "))


@pytest.mark.parametrize("array", [np.array(["a"]), np.array([1j]), np.array(["2024"], "M8[Y]")])
def test_what_is_no_number_is_refused(array: NDArray[Any]) -> None:
    with pytest.raises(CellError, match="array of numbers"):
        read_npy(saved(array))


def test_another_file_is_named_by_its_beginning() -> None:
    with pytest.raises(CellError, match="begins with b'PK"):
        read_npy(b"PK\x03\x04 an archive")
