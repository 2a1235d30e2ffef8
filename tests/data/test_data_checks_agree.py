"""What an inspection calls damaged or missing is what preparing calls so, cell by cell."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from sensorium.core.errors import CellError
from sensorium.core.schema import (
    Audio,
    Category,
    Date,
    Field,
    Flag,
    Image,
    Number,
    Series,
    Text,
    Vector,
)
from sensorium.data.checks import check, is_absent
from sensorium.preprocess.steps import step_for

CELLS: list[Any] = [
    None, "", "  ", float("nan"), "a", "a|b", "007", "1,200.5", "1_000", " 3 ", "1e3", "1e999",
    "NA", "null", "inf", "-", "?", "yes", "No", "T", "是", "maybe", "2024-01-02",
    "2024-01-02 03:04", "31.12.2024", "2024-13-01", "中文", "😀", 0, 1, 2, -7, 2.5, 2**70,
    float("inf"), True, False,
    Decimal("1.5"), date(2024, 1, 2), datetime(2024, 1, 2, 3, 4), b"bytes", [], ["a"], [1, 2.5],
    [[1, 2], [3, 4]], {"a": 1}, {"bytes": None, "path": None}, np.zeros(3), np.zeros((4, 2)),
    np.zeros((4, 4, 3), np.uint8), Pillow.new("L", (4, 4)), "gone.png", "https://x.org/a.wav",
    "data:image/png;base64,AAAA", {"array": np.zeros(50), "sampling_rate": 8_000},
]  # fmt: skip

FIELDS = [Text(), Number(), Category(), Category(many=True), Flag(), Date(), Vector(), Series(),
          Image(), Audio()]  # fmt: skip


def judged_by_check(cell: Any, field: Field) -> str:
    if is_absent(cell, field):
        return "missing"
    try:
        check(cell, field)
        check(cell, field, decode=True)
    except CellError:
        return "damaged"
    return "sound"


def judged_by_step(cell: Any, field: Field) -> str:
    try:
        return "missing" if step_for(field).read(cell) is None else "sound"
    except CellError:
        return "damaged"


@pytest.mark.parametrize("field", FIELDS, ids=repr)
def test_checks_and_steps_agree(field):
    wrong = {
        repr(cell)[:40]: (judged_by_check(cell, field), judged_by_step(cell, field))
        for cell in CELLS
        if judged_by_check(cell, field) != judged_by_step(cell, field)
    }
    assert not wrong
