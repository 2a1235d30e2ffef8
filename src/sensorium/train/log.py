"""metrics.jsonl, one line an epoch; TensorBoard events where they are asked for."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sensorium.core.errors import ExtraError


class Log:
    """Writes the history of a fit into its folder, if it has one."""

    def __init__(self, folder: Path | None, *, tensorboard: bool = False) -> None:
        self.folder = folder
        self._events: Any = None
        if tensorboard and folder:
            try:
                from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415
            except ImportError as error:
                raise ExtraError("tensorboard", "tensorboard", "Plan(tensorboard=True)") from error
            self._events = SummaryWriter(str(folder / "tensorboard"))

    def write(self, history: Sequence[Mapping[str, Any]]) -> None:
        """Write all records; the file always holds the whole history."""
        if self.folder is None:
            return
        lines = [json.dumps(record, ensure_ascii=False) + "\n" for record in history]
        (self.folder / "metrics.jsonl").write_text("".join(lines), encoding="utf-8")
        if self._events:
            record = history[-1]
            for name in ("loss", "score", "rate", "rows_per_second"):
                if record.get(name) is not None:
                    self._events.add_scalar(name, record[name], record["step"])

    def close(self) -> None:
        """Finish the event file."""
        if self._events:
            self._events.close()
