"""Run a function of a module in a new process, where nothing is left of this one.

A class is named by its address (module, name, file), so that one that a test file or a plug-in
defines is found there too.
"""

import importlib
import importlib.util
import inspect
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from sensorium.testing.checks import ContractError

MAIN = """
import importlib, pathlib, sys, torch
module, function, folder, threads = sys.argv[1:]
torch.set_num_threads(int(threads))
getattr(importlib.import_module(module), function)(pathlib.Path(folder))
"""


def address(part: type) -> dict[str, str]:
    """Say where a class is defined.

    Errors:
        ContractError: it is defined where no other process can find it.
    """
    if "<locals>" in part.__qualname__ or part.__module__ == "__main__":
        msg = f"{part.__qualname__} is defined in a function or a notebook, where no other process "
        raise ContractError("new process", msg + "finds it; move it to the top of a file")
    return {
        "module": part.__module__,
        "name": part.__qualname__,
        "file": inspect.getsourcefile(part) or "",
    }


def locate(where: Mapping[str, str]) -> type:
    """Find the class that ``address`` described."""
    found: Any = _module(where["module"], where["file"])
    for name in where["name"].split("."):
        found = getattr(found, name)
    assert isinstance(found, type)  # noqa: S101
    return found


def _module(name: str, file: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        spec = importlib.util.spec_from_file_location(name, file)
        if spec is None or spec.loader is None:
            raise
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        return module


def run(module: str, function: str, folder: Path) -> None:
    """Call ``module.function(folder)`` in a new process with as many threads as this one.

    Errors:
        ContractError: the process failed; the message ends with what it wrote.
    """
    threads = str(torch.get_num_threads())
    command = [sys.executable, "-c", MAIN, module, function, str(folder), threads]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise ContractError("new process", f"the part cannot be used there:\n{done.stderr[-2000:]}")
