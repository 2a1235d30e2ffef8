"""What ``sensorium doctor`` looks at."""

import json
import os
import platform
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from sensorium.core.counted import counted
from sensorium.core.errors import ArtifactError
from sensorium.core.version import __version__
from sensorium.encoders.towers.starter import available_starters
from sensorium.store.features import default_folder, default_limit

EXTRAS = {
    "faiss": ("search", "fast searches of 100,000 rows and more"),
    "jieba": ("chinese", "Chinese words"),
    "tensorboard": ("tensorboard", "TensorBoard events"),
    "pandas": ("frames", "pandas tables"),
    "polars": ("frames", "polars tables"),
    "datasets": ("frames", "Hugging Face datasets"),
    "transformers": ("pretrained", "pretrained encoders"),
    "peft": ("pretrained", "low-rank adapters"),
    "onnxruntime": ("onnx", "ONNX models as encoders"),
    "keras": ("keras", "Keras models as encoders"),
    "gensim": ("words", "word vectors of your own texts"),
}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; ``advice`` says what to do where something is wrong."""

    name: str
    found: str
    advice: str = ""


def environment() -> list[Finding]:
    """Look at versions, processor, threads, memory, disk and extras."""
    return [
        Finding("sensorium", f"{__version__}, Python {platform.python_version()}"),
        Finding("torch", f"{torch.__version__}, {_device()}"),
        _threads(),
        Finding("processor", f"{torch.backends.cpu.get_cpu_capability()}, {_matrix_units()}"),
        _disk(),
        _features(),
        _starters(),
        *(_extra(package, *about) for package, about in EXTRAS.items()),
    ]


def _device() -> str:
    if torch.cuda.is_available():
        return f"{torch.cuda.device_count()} x {torch.cuda.get_device_name(0)}"
    return "no GPU"


def _threads() -> Finding:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    threads = torch.get_num_threads()
    advice = ""
    if cores and threads > cores:
        advice = f"more threads than cores: set OMP_NUM_THREADS={cores} or Plan(threads={cores})"
    told = f"{threads} on {counted(cores, 'core')}" if cores else str(threads)
    return Finding("threads", told, advice)


def _matrix_units() -> str:
    bf16 = torch.ops.mkldnn._is_mkldnn_bf16_supported()
    amx = bool(getattr(torch.cpu, "_is_amx_tile_supported", lambda: False)())
    return f"bf16 {'yes' if bf16 else 'no'}, AMX {'yes' if amx else 'no'}"


def _disk() -> Finding:
    free = shutil.disk_usage(Path.cwd()).free / 1e9
    advice = "checkpoints need room: free some, or put out= elsewhere" if free < 2 else ""
    return Finding("disk", f"{free:,.1f} GB free here", advice)


def _features() -> Finding:
    folder, most = default_folder(), default_limit() / 1e9
    files = [file for file in folder.rglob("*") if file.is_file()] if folder.is_dir() else []
    taken = sum(file.stat().st_size for file in files) / 1e9
    return Finding("features", f"{taken:,.2f} of {most:,.0f} GB kept in {folder}")


def _starters() -> Finding:
    found = ", ".join(available_starters())
    how = "none installed; quality 'good' needs them: pip install 'sensorium[starter]'"
    return Finding("starters", found or how)


def _extra(package: str, extra: str, purpose: str) -> Finding:
    if find_spec(package):
        return Finding(package, f"installed ({purpose})")
    return Finding(package, f"not installed; {purpose} need it: pip install 'sensorium[{extra}]'")


def signs(run: Path) -> list[Finding]:
    """Read a fit's history for signs of sickness.

    Errors:
        ArtifactError: the folder holds no metrics.jsonl.
    """
    file = run / "metrics.jsonl"
    if not file.is_file():
        msg = f"{run} holds no metrics.jsonl; name the folder of a fit, such as runs/mood-1"
        raise ArtifactError(msg)
    history = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    if not history:
        return [Finding("history", "no epoch is finished yet")]
    checks = (_learning, _overfitting, _late_best, _starved)
    found = [finding for check in checks for finding in check(history)]
    last = history[-1]
    score = "" if last.get("score") is None else f", score {last['score']:.4f}"
    told = f"{counted(len(history), 'epoch')}, loss {last['loss']:.4f}{score}"
    return [Finding("history", told), *(found or [Finding("signs", "nothing looks sick")])]


History = Sequence[Mapping[str, Any]]


def _learning(history: History) -> list[Finding]:
    first, last = history[0]["loss"], history[-1]["loss"]
    if len(history) < 3 or last < 0.98 * first:
        return []
    return [
        Finding(
            "not learning",
            f"the loss went from {first:.4f} to {last:.4f}",
            "try a rate ten times higher, then lower; check that the target fits its inputs "
            "(sensorium inspect)",
        )
    ]


def _overfitting(history: History) -> list[Finding]:
    scores = [record["score"] for record in history if record.get("score") is not None]
    if len(scores) < 5 or max(scores) - scores[-1] < 0.03:
        return []
    best = scores.index(max(scores)) + 1
    return [
        Finding(
            "overfitting",
            f"the validation score fell from {max(scores):.4f} (epoch {best}) to {scores[-1]:.4f}",
            "fewer epochs, more augmentation or weight_decay, smaller encoders; the best "
            "epoch's weights are kept in any case",
        )
    ]


def _late_best(history: History) -> list[Finding]:
    scores = [record["score"] for record in history if record.get("score") is not None]
    if len(scores) < 5 or scores[-1] <= max(scores[:-2]) + 0.005:
        return []
    return [
        Finding(
            "unfinished",
            f"the score still rose at the end, to {scores[-1]:.4f}",
            "more epochs or --minutes would help",
        )
    ]


def _starved(history: History) -> list[Finding]:
    found = []
    for name, last in history[-1].get("losses", {}).items():
        first = history[0].get("losses", {}).get(name, last)
        if "/" in name and len(history) >= 3 and last > 0.97 * first > 0:
            part = name.split("/", 1)[1]
            found.append(
                Finding(
                    "starved",
                    f"the part {part!r} learns nothing alone ({first:.3f} to {last:.3f})",
                    "its column may hold nothing about the target, or needs a larger encoder "
                    "or a higher auxiliary weight",
                )
            )
    return found
