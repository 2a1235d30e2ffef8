"""Whether the parts of a model fit together: columns, kinds, widths and targets."""

from collections.abc import Mapping

from sensorium.core.errors import PartError, all_at_once, nearest
from sensorium.encoders import Encoder
from sensorium.fusion import Fusion
from sensorium.preprocess import Preprocess
from sensorium.tasks import Task


def check_parts(
    prep: Preprocess, encoders: Mapping[str, Encoder], fusion: Fusion, task: Task
) -> None:
    """Refuse parts that do not fit together.

    Errors:
        PartError: names every misfit.
    """
    inputs, faults = prep.schema.inputs, []
    asked, lost = task.asked, [name for name in task.asked if name not in inputs]
    faults += [f"input {n!r} has no encoder" for n in inputs if n not in {*encoders, *asked}]
    faults += [f"the prompt repeats {n!r}, which is no input{nearest(n, inputs)}" for n in lost]
    for name, encoder in encoders.items():
        if name not in inputs:
            faults.append(f"there is no input {name!r}{nearest(name, inputs)}")
        elif prep.steps[name].layout.kind not in encoder.kinds:
            kind, reads = prep.steps[name].layout.kind, sorted(encoder.kinds)
            faults.append(f"{name!r} is {kind}, but {type(encoder).__name__} reads {reads}")
        if encoder.width != fusion.width:
            faults.append(f"{name!r} has width {encoder.width}, the fusion has {fusion.width}")
    targets = prep.schema.targets
    faults += [f"no target {name!r}{nearest(name, targets)}" for name in task.targets
               if name not in targets]  # fmt: skip
    if faults:
        raise PartError(all_at_once("These parts do not fit together:", faults))
