"""An ONNX model as a module: its bytes are its only weight, ONNX Runtime runs it on the CPU.

It knows neither kinds of columns nor what its numbers mean.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sensorium.core.errors import ExtraError, PartError, all_at_once

TYPES: dict[str, Any] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(uint8)": np.uint8,
}
ELSEWHERE = "session.model_external_initializers_file_folder_path"
"""Where weights outside the file would be looked for: set to a place where there can be none."""


@dataclass(frozen=True, slots=True)
class Port:
    """One input of an ONNX model; a size that may vary is 0."""

    name: str
    type: str
    shape: tuple[int, ...]

    @property
    def is_float(self) -> bool:
        """Whether it takes numbers rather than ids."""
        return "float" in self.type or "double" in self.type

    def __str__(self) -> str:
        """Render it as in ``input_ids tensor(int64) [?, ?]``."""
        return f"{self.name} {self.type} [{', '.join(str(size or '?') for size in self.shape)}]"


class Graph(nn.Module):
    """Runs an ONNX model; without gradients, without a device other than the CPU.

    Args:
        content: the file, UInt8[bytes]; saved with the other weights of a model.
    """

    content: Tensor
    even: Tensor
    """Its precision and place are those of what comes out."""

    def __init__(self, content: Tensor) -> None:
        super().__init__()
        self.register_buffer("content", content)
        self.register_buffer("even", torch.zeros(()), persistent=False)
        self._session: Any = None
        self.register_load_state_dict_post_hook(_forget)  # type: ignore[no-untyped-call]

    @classmethod
    def read(cls, file: Path) -> "Graph":
        """Read an ONNX file.

        Errors:
            PartError: it cannot be run, or an input is of a type that is not known here.
            ExtraError: ``onnxruntime`` is not installed.
        """
        graph = cls(torch.frombuffer(bytearray(file.read_bytes() or b"\0"), dtype=torch.uint8))
        try:
            ports = graph.ports
        except ExtraError:
            raise
        except Exception as error:  # the runtime has a dozen kinds of its own
            msg = (
                f"{file} cannot be run by ONNX Runtime ({error}); give one file that holds graph "
                "and weights, of standard operators"
            )
            raise PartError(msg) from error
        odd = [str(port) for port in ports if port.type not in TYPES]
        if odd:
            raise PartError(all_at_once(f"{file} has inputs of a type not known here:", odd))
        return graph

    @classmethod
    def blank(cls, size: int) -> "Graph":
        """Make one of so many bytes, which will be loaded."""
        return cls(torch.zeros(size, dtype=torch.uint8))

    @property
    def ports(self) -> tuple[Port, ...]:
        """What goes in."""
        return tuple(
            Port(i.name, i.type, tuple(n if isinstance(n, int) and n > 0 else 0 for n in i.shape))
            for i in self.session.get_inputs()
        )

    @property
    def session(self) -> Any:
        """What runs it, made when it is first needed."""
        if self._session is None:
            try:
                import onnxruntime  # noqa: PLC0415  an extra
            except ImportError as error:
                raise ExtraError("onnxruntime", "onnx", "an ONNX model") from error
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = torch.get_num_threads()
            options.log_severity_level = 3
            options.add_session_config_entry(ELSEWHERE, os.devnull)
            content = self.content.cpu().numpy().tobytes()
            self._session = onnxruntime.InferenceSession(
                content, options, providers=["CPUExecutionProvider"]
            )
        return self._session

    def forward(self, given: Mapping[str, Tensor]) -> Tensor:
        """Run it, in steps of as many rows as it takes.

        Args:
            given: a tensor for each input, by name, all of the same rows.

        Returns:
            Its first output, in the precision and on the device of the model.
        """
        ports = self.ports
        arrays = {
            port.name: given[port.name].detach().cpu().numpy().astype(TYPES[port.type])
            for port in ports
        }
        rows = len(arrays[ports[0].name])
        step = ports[0].shape[0] or rows
        first = self.session.get_outputs()[0].name
        found = []
        for start in range(0, rows, step):
            part = {name: _filled(a[start : start + step], step) for name, a in arrays.items()}
            found.append(self.session.run([first], part)[0])
        whole = torch.from_numpy(np.concatenate(found)[:rows].astype(np.float32))
        return whole.to(self.even)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what runs it when it is copied."""
        return {**self.__dict__, "_session": None}


def _forget(graph: Graph, _keys: Any) -> None:
    """Run the bytes that were loaded, not those before."""
    graph._session = None


def _filled(rows: Any, step: int) -> Any:
    """Repeat the last row up to the number that the model takes."""
    lack = step - len(rows)
    return np.concatenate([rows, np.repeat(rows[-1:], lack, 0)]) if lack else rows
