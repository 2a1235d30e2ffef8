"""What the house promises: floors, sizes, the face, and parts that describe themselves."""

import ast
import importlib
import inspect
import json
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import sensorium
from sensorium.core.describe import build, describe, keywords
from sensorium.core.errors import SensoriumError
from sensorium.core.schema import FIELDS, Field
from sensorium.decoders import Decoder
from sensorium.encoders import Encoder
from sensorium.fusion import Fusion
from sensorium.preprocess import Step
from sensorium.tasks import Task

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "sensorium"
FILES = sorted(SOURCE.rglob("*.py"))
DOORS: dict[type, str] = {
    Step: "sensorium.preprocess",
    Encoder: "sensorium.encoders",
    Fusion: "sensorium.fusion",
    Task: "sensorium.tasks",
    Decoder: "sensorium.decoders",
    Field: "sensorium.core.schema",
}
VARIANTS: dict[type, set[str]] = {Step: {"TagsStep", "WrittenStep"}}
"""Parts that a room chooses by more than a field's kind: an option, or being a target."""
OPTIONS: dict[type, set[str]] = {Task: {"Teaching"}, Decoder: {"Sampling"}}
"""What stands in a room's dict beside its parts, for they are described with it."""
HEAVY = {
    "accelerate",
    "datasets",
    "fastapi",
    "gradio",
    "huggingface_hub",
    "jieba",
    "matplotlib",
    "pandas",
    "polars",
    "pyarrow",
    "scipy",
    "sklearn",
    "tokenizers",
    "torch",
    "transformers",
}
FLAT = {
    "decoders/language_model.py __init__": "of a pretrained network there is that much to decide",
    "encoders/pretrained.py __init__": "of a pretrained network there is that much to decide",
    "auto/begin.py fit": "the one line has a keyword for each thing a user may decide",
    "search/index.py of": "what is kept, where, by what name and in which way: a keyword each",
    "tasks/transcribe.py __init__": "what listens and what writes have their options side by side",
    "sklearn/estimators.py __init__": "scikit-learn searches over flat parameters",
}
"""Where more than eight arguments are right, and why."""
CODE_FROM_DATA = {"cloudpickle", "dill", "joblib", "marshal", "pickle", "shelve"}
Function = ast.FunctionDef | ast.AsyncFunctionDef


def run(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a command in the project's folder."""
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def where(file: Path, node: ast.AST) -> str:
    return f"{file.relative_to(ROOT)}:{getattr(node, 'lineno', 1)}"


def functions() -> Iterator[tuple[Path, Function]]:
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield file, node


def modules() -> list[str]:
    found = pkgutil.walk_packages([str(SOURCE)], "sensorium.")
    return [m.name for m in found if not m.name.endswith("__main__")]


def classes() -> list[type]:
    """List every class that the project defines, each once."""
    found = {}
    for name in modules():
        for _, kind in inspect.getmembers(importlib.import_module(name), inspect.isclass):
            if kind.__module__ == name:
                found[f"{name}.{kind.__qualname__}"] = kind
    return list(found.values())


def constants_then_classes(name: str) -> tuple[int, str]:
    """Order names as the linter does: CONSTANTS, Classes, functions."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)


# --- floors -----------------------------------------------------------------------------------


def test_every_room_imports_only_from_floors_below() -> None:
    lint = "from importlinter.cli import lint_imports_command as c; c()"
    done = run(sys.executable, "-c", lint, "--no-cache")
    assert done.returncode == 0, done.stdout + done.stderr


def test_rooms_that_use_one_another_have_no_hidden_imports() -> None:
    """An import inside a function may name a third-party extra, never a module of our own."""
    hidden = [
        where(file, node)
        for file, function in functions()
        for node in ast.walk(function)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sensorium")
    ]
    assert [place for place in hidden if "/cli/" not in place] == []


# --- the face ---------------------------------------------------------------------------------


def test_the_face_is_sorted_and_every_name_can_be_had() -> None:
    names = list(sensorium.__all__)
    assert names == sorted(names, key=constants_then_classes)
    assert len(names) == len(set(names))
    for name in names:
        assert getattr(sensorium, name) is not None
    assert set(names) <= set(dir(sensorium))


def test_the_face_says_no_to_a_name_it_does_not_have() -> None:
    with pytest.raises(AttributeError, match="Classifyy"):
        _ = sensorium.Classifyy  # type: ignore[attr-defined]


def test_every_public_part_can_be_reached_from_the_face() -> None:
    rooms = {"Encoder": "encoders", "Fusion": "fusion", "Task": "tasks"}
    for door, room in rooms.items():
        parts = getattr(sensorium, room)
        for name in parts.__all__:
            assert hasattr(parts, name), f"{door}: {room}.{name}"
    for name in [*FIELDS, "Schema"]:
        assert hasattr(sensorium, name), name


@pytest.mark.parametrize("name", modules())
def test_each_all_is_sorted_and_true(name: str) -> None:
    module = importlib.import_module(name)
    names = list(getattr(module, "__all__", []))
    assert names == sorted(names, key=constants_then_classes)
    for attribute in names:
        assert hasattr(module, attribute), f"{name}.{attribute}"


def test_importing_the_package_loads_nothing_heavy() -> None:
    program = "import json, sys, sensorium; print(json.dumps(sorted(sys.modules)))"
    done = run(sys.executable, "-W", "ignore", "-c", program)
    assert done.returncode == 0, done.stderr
    loaded = {name.split(".")[0] for name in json.loads(done.stdout)}
    assert loaded & HEAVY == set()


# --- sizes and habits -------------------------------------------------------------------------


def test_files_are_at_most_400_lines() -> None:
    long = {str(f): n for f in FILES if (n := len(f.read_text("utf-8").splitlines())) > 400}
    assert long == {}


def test_functions_are_at_most_60_lines_without_their_docstring() -> None:
    long = [f"{where(f, node)} {node.name}" for f, node in functions() if _length(node) > 60]
    assert long == []


def _length(node: Function) -> int:
    first = node.body[0]
    text = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    doc = (first.end_lineno or 0) - first.lineno + 1 if text else 0
    return (node.end_lineno or 0) - node.lineno + 1 - doc


def test_functions_take_at_most_8_arguments() -> None:
    many = [
        f"{f.relative_to(SOURCE)} {node.name}"
        for f, node in functions()
        if "cli" not in f.relative_to(SOURCE).parts and len(_arguments(node)) > 8
    ]
    assert set(many) <= set(FLAT)


def _arguments(node: Function) -> list[str]:
    given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    return [a.arg for a in given if a.arg not in ("self", "cls")]


def test_only_users_columns_come_as_free_keywords() -> None:
    free = [
        f"{where(f, node)} **{node.args.kwarg.arg}"
        for f, node in functions()
        if node.args.kwarg and node.args.kwarg.arg != "columns"
    ]
    assert free == []


def test_public_functions_and_classes_say_what_they_do() -> None:
    silent = [
        where(file, node)
        for file in FILES
        for node in _public(ast.parse(file.read_text(encoding="utf-8")))
        if not ast.get_docstring(node)
    ]
    assert silent == []


def _public(
    tree: ast.Module | ast.ClassDef,
) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            if node.name.startswith("_"):
                continue
            yield node
            if isinstance(node, ast.ClassDef):
                yield from _public(node)


def test_nothing_runs_code_that_came_as_data() -> None:
    """No pickle in any guise, no eval, no torch.load of more than weights: a model is only data."""
    found = []
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [a.name for a in node.names] + [getattr(node, "module", None) or ""]
                if {n.split(".")[0] for n in names} & CODE_FROM_DATA:
                    found.append(where(file, node))
            if isinstance(node, ast.Call) and _runs_code(node):
                found.append(where(file, node))
    assert found == []


def _runs_code(call: ast.Call) -> bool:
    name = ast.unparse(call.func)
    if name in ("eval", "exec", "compile", "__import__", "torch.save", "yaml.load"):
        return True
    if name == "torch.load":  # published weights; weights_only reads numbers and nothing else
        given = {k.arg: k.value for k in call.keywords}.get("weights_only")
        return not (isinstance(given, ast.Constant) and given.value is True)
    return any(
        k.arg in ("allow_pickle", "trust_remote_code", "shell")
        and not (isinstance(k.value, ast.Constant) and k.value.value is False)
        for k in call.keywords
    )


# --- classes: abstract or final ---------------------------------------------------------------


def test_classes_are_at_most_two_deep() -> None:
    ours = {kind: [b for b in kind.__mro__[1:] if _ours(b)] for kind in classes()}
    deep = {kind.__qualname__: bases for kind, bases in ours.items() if len(bases) > 1}
    assert deep == {}


def test_classes_are_abstract_or_final() -> None:
    """What has heirs among us cannot be made itself (errors are a tree, and Field says so)."""
    concrete = {
        base.__qualname__
        for kind in classes()
        for base in kind.__bases__
        if _ours(base) and not inspect.isabstract(base)
        if not issubclass(base, SensoriumError) and base is not Field
    }
    assert concrete == set()


def _ours(kind: type) -> bool:
    return kind.__module__.startswith("sensorium")


# --- parts ------------------------------------------------------------------------------------


def finals(door: type) -> list[type]:
    """List the final parts behind a door."""
    kinds = [k for k in classes() if issubclass(k, door) and k is not door]
    return [k for k in kinds if not inspect.isabstract(k) and not k.__name__.startswith("_")]


def listed(room: str) -> dict[str, type]:
    """Read the one plain dict of a room: upper-case, names or kinds to classes."""
    dicts = [v for k, v in vars(importlib.import_module(room)).items() if _is_parts(k, v)]
    assert len(dicts) == 1, f"{room} has {len(dicts)} dicts of parts; it should have one"
    return dict(dicts[0])


def _is_parts(name: str, value: Any) -> bool:
    whole = isinstance(value, dict) and name.isupper() and name != "SCHEMA_PARTS"
    return whole and all(isinstance(part, type) for part in value.values())


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
def test_each_rooms_dict_holds_all_its_parts(door: type) -> None:
    parts = listed(DOORS[door])
    named = {p.__name__ for p in parts.values()} | VARIANTS.get(door, set())
    assert {p.__name__ for p in finals(door)} == named - OPTIONS.get(door, set())
    for name, part in parts.items():
        assert name in (part.__name__, getattr(part, "kind", None))


def parts() -> list[type]:
    return [part for door in (Encoder, Fusion, Task, Field) for part in finals(door)]


def made(part: type) -> object:
    """Make a part with plain values for the keywords that it requires."""
    plain = {int: 16, str: "mood"}
    given, starred = {}, []
    for name, parameter in keywords(part).items():
        if parameter.kind is parameter.VAR_POSITIONAL:
            starred = (
                ["mood", "score"] if parameter.annotation is str else [sensorium.Classify("mood")]
            )
        elif parameter.default is parameter.empty:
            given[name] = plain[parameter.annotation]
    return part(*starred, **given)


@pytest.mark.parametrize("part", parts(), ids=lambda part: part.__name__)
def test_each_part_can_be_rebuilt_from_its_own_description(part: type) -> None:
    known = {**FIELDS, **{p.__name__: p for p in parts()}}
    description = describe(made(part))
    again = build(json.loads(json.dumps(description)), known)
    assert type(again) is part
    assert describe(again) == description


@pytest.mark.parametrize("part", parts(), ids=lambda part: part.__name__)
def test_each_part_takes_flat_keywords_with_types(part: type) -> None:
    for name, parameter in keywords(part).items():
        assert parameter.annotation is not parameter.empty, f"{part.__name__}: {name}"
