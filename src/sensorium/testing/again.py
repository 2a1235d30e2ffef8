"""An encoder and a column written to a folder, and encoded again by a new process.

Tensors out of a file are copied before use: there they may lie at odd addresses, where matrix
products round otherwise.
"""

import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from sensorium.core.batch import Column, Encoded, Layout
from sensorium.core.describe import PART, build, describe
from sensorium.encoders.encoder import Encoder
from sensorium.testing.process import address, locate

JOB, WEIGHTS, GIVEN, FOUND = "job.json", "weights.safetensors", "in.safetensors", "out.safetensors"


def write_job(folder: Path, encoder: Encoder, layout: Layout, column: Column) -> None:
    """Write an encoder that was set up, and the column that it shall encode."""
    job = {
        "class": address(type(encoder)),
        "encoder": describe(encoder),
        "state": dict(encoder.state()),
        "layout": describe(layout),
    }
    (folder / JOB).write_text(json.dumps(job), encoding="utf-8")
    weights = {name: weight.contiguous() for name, weight in encoder.state_dict().items()}
    save_file(weights, folder / WEIGHTS)
    given = {"values": column.values, "mask": column.mask, "present": column.present}
    save_file({name: _own(tensor) for name, tensor in given.items()}, folder / GIVEN)


def encode_again(folder: Path) -> None:
    """Do all jobs in a folder and below it, and write the answers beside them."""
    for job in folder.rglob(JOB):
        _encode(job.parent)


def _encode(folder: Path) -> None:
    job = json.loads((folder / JOB).read_text(encoding="utf-8"))
    encoder: Encoder = build(job["encoder"], {job["encoder"][PART]: locate(job["class"])})
    encoder.restore(job["state"])
    encoder.setup(build(job["layout"], {"Layout": Layout}))
    encoder.load_state_dict(load_file(folder / WEIGHTS))
    with torch.inference_mode():
        given = load_file(folder / GIVEN)
        values, mask, present = (given[n].clone() for n in ("values", "mask", "present"))
        found = encoder.eval()(Column(values, mask, present))
    answer = {"tokens": found.tokens, "mask": found.mask, "present": found.present}
    save_file({name: _own(tensor) for name, tensor in answer.items()}, folder / FOUND)


def _own(tensor: Tensor) -> Tensor:
    """Copy: of a cell of one step, ``mask`` and ``present`` may share their memory."""
    return tensor.clone(memory_format=torch.contiguous_format)


def read_answer(folder: Path) -> Encoded:
    """Read what the new process gave."""
    return Encoded(**load_file(folder / FOUND))
