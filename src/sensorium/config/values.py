"""Plain data against the signatures of classes: does it fit, what was expected, what does it make?

What a key may hold is read from the class that takes it, so no part is described a second time.
"""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from sensorium.core.describe import PART, keywords
from sensorium.core.errors import SensoriumError, nearest

Parts = Mapping[str, type]
NAMES: dict[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    Path: "a path",
}


@dataclass(frozen=True)
class Checked:
    """A value that was checked: what it became, and what is wrong with it.

    Attributes:
        value: the value, with parts built and lists as tuples; meaningless when there are faults.
        faults: one line each: ``[section] key: what was expected, what was found``.
    """

    value: Any
    faults: tuple[str, ...] = ()


def annotations(part: type) -> dict[str, Any]:
    """Give the type of each keyword of a class's ``__init__``; ``*targets`` is a list of them."""
    hints = get_type_hints(part.__init__)  # type: ignore[misc]  # a class's own, never an heir's
    found = {name: hints.get(name, Any) for name in keywords(part)}
    return {n: Sequence[hint] if n in _starred(part) else hint for n, hint in found.items()}  # type: ignore[valid-type]


def check_call(section: str, part: type, given: Mapping[str, Any], parts: Parts) -> Checked:
    """Check keywords against a class's signature and call it.

    Args:
        section: where the keywords stand, for the faults.
        part: the class.
        given: its keywords as plain data.
        parts: the classes that nested parts may name.
    """
    hints = annotations(part)
    faults, kept = [], {}
    for key, value in given.items():
        if key not in hints:
            faults.append(f"[{section}] {key}: no such key{nearest(key, hints)}")
            continue
        checked = check_value(section, key, value, hints[key], parts)
        faults += checked.faults
        if not checked.faults:
            kept[key] = checked.value
    required = [n for n, p in keywords(part).items() if _is_required(p)]
    faults += [
        f"[{section}] {key}: missing; expected {expected(hints[key])}"
        for key in required
        if key not in given
    ]
    if not set(required) <= set(kept):
        return Checked(None, tuple(faults))
    made = _called(section, part, kept)
    return Checked(made.value, (*faults, *made.faults))


def check_value(section: str, key: str, value: Any, hint: Any, parts: Parts) -> Checked:
    """Check one value against one annotation."""
    if _is_part(hint):
        return check_part(f"{section}.{key}", value, parts, hint)
    if get_origin(hint) in (Union, UnionType):
        return _check_union(section, key, value, hint, parts)
    if isinstance(value, list) and _is_list(hint):
        return _check_list(section, key, value, hint, parts)
    if isinstance(value, dict) and get_origin(hint) in (dict, Mapping):
        return _check_mapping(section, key, value, hint, parts)
    if _is_plain(value, hint):
        return Checked(Path(value) if hint is Path else value)
    text = f"[{section}] {key}: expected {expected(hint)}, found {value!r}"
    return Checked(value, (text + _near_choice(value, hint),))


def check_part(section: str, given: Any, parts: Parts, door: type, key: str = PART) -> Checked:
    """Check the description of a part, and make it.

    Args:
        section: where it stands, for the faults.
        given: a table with the part's name under ``key``, and its keywords.
        parts: the classes that may be named.
        door: what the part must be.
        key: the key that names the part.
    """
    known = {n: p for n, p in parts.items() if issubclass(p, door)}
    if not isinstance(given, dict):
        return Checked(None, (f"[{section}]: expected a table with {key} = NAME, found {given!r}",))
    if key not in given:
        text = f"[{section}] {key}: missing; expected one of {', '.join(map(repr, known))}"
        return Checked(None, (text,))
    name = given[key]
    if not isinstance(name, str) or name not in known:
        text = f"[{section}] {key}: no {door.__name__.lower()} is called {name!r}"
        return Checked(None, (text + nearest(str(name), known),))
    rest = {n: v for n, v in given.items() if n != key}
    return check_call(section, known[name], rest, parts)


def expected(hint: Any) -> str:
    """Say in words what an annotation allows."""
    if get_origin(hint) in (Union, UnionType):
        return " or ".join(expected(h) for h in get_args(hint) if h is not NoneType)
    if get_origin(hint) is Literal:
        return "one of " + ", ".join(map(repr, get_args(hint)))
    if _is_list(hint):
        inner = {expected(item) for item in get_args(hint) if item is not Ellipsis}
        return f"a list of {' and '.join(sorted(inner))}" if inner else "a list"
    if get_origin(hint) in (dict, Mapping):
        return f"a table whose values are {expected(get_args(hint)[1])}"
    if _is_part(hint):
        return f"a table with {PART} = NAME"
    return NAMES.get(hint, str(getattr(hint, "__name__", hint)))


def _called(section: str, part: type, kept: dict[str, Any]) -> Checked:
    positional = [item for name in _starred(part) for item in kept.pop(name, ())]
    try:
        return Checked(part(*positional, **kept))
    except SensoriumError as error:
        return Checked(None, tuple(_as_faults(section, str(error), kept)))


def _as_faults(section: str, message: str, keys: Mapping[str, Any]) -> list[str]:
    """Take apart a message of several faults; a line that starts with a key is about that key."""
    lines = [line[4:] for line in message.splitlines() if line.startswith("  - ")] or [message]
    firsts = [(line.partition(" "), line) for line in lines]
    return [
        f"[{section}] {first}: {rest}" if first in keys else f"[{section}]: {line}"
        for (first, _, rest), line in firsts
    ]


def _check_union(section: str, key: str, value: Any, hint: Any, parts: Parts) -> Checked:
    tried = [
        (choice, check_value(section, key, value, choice, parts))
        for choice in get_args(hint)
        if choice is not NoneType
    ]
    for _, checked in tried:
        if not checked.faults:
            return checked
    if isinstance(value, dict) and (deep := [c for choice, c in tried if _is_part(choice)]):
        return deep[0]
    if len(tried) == 1:
        return tried[0][1]
    return Checked(value, (f"[{section}] {key}: expected {expected(hint)}, found {value!r}",))


def _check_list(section: str, key: str, value: list[Any], hint: Any, parts: Parts) -> Checked:
    items = get_args(hint) or (Any, ...)
    fixed = get_origin(hint) is tuple and Ellipsis not in items
    if fixed and len(items) != len(value):
        text = f"[{section}] {key}: expected {len(items)} values, found {len(value)}: {value!r}"
        return Checked(value, (text,))
    hints = items if fixed else [items[0]] * len(value)
    checked = [
        check_value(section, f"{key}[{number}]", item, item_hint, parts)
        for number, (item, item_hint) in enumerate(zip(value, hints, strict=True))
    ]
    faults = tuple(fault for one in checked for fault in one.faults)
    return Checked(tuple(one.value for one in checked), faults)


def _check_mapping(
    section: str, key: str, value: dict[str, Any], hint: Any, parts: Parts
) -> Checked:
    checked = {
        name: check_value(f"{section}.{key}", name, item, get_args(hint)[1], parts)
        for name, item in value.items()
    }
    faults = tuple(fault for one in checked.values() for fault in one.faults)
    return Checked({name: one.value for name, one in checked.items()}, faults)


def _is_plain(value: Any, hint: Any) -> bool:
    if hint is Any:
        return True
    if get_origin(hint) is Literal:
        return any(value == choice and type(value) is type(choice) for choice in get_args(hint))
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if hint is Path:
        return isinstance(value, str)
    return hint in (bool, str) and isinstance(value, hint)


def _near_choice(value: Any, hint: Any) -> str:
    choices = [c for c in get_args(hint) if isinstance(c, str)]
    if get_origin(hint) is not Literal or not isinstance(value, str):
        return ""
    near = nearest(value, choices)
    return near if "did you mean" in near else ""


def _is_list(hint: Any) -> bool:
    return get_origin(hint) in (tuple, list, Sequence) or hint in (tuple, list)


def _is_part(hint: Any) -> bool:
    return (
        inspect.isclass(hint)
        and get_origin(hint) is None
        and hint.__module__.startswith("sensorium.")
    )


def _starred(part: type) -> list[str]:
    return [name for name, p in keywords(part).items() if p.kind is p.VAR_POSITIONAL]


def _is_required(parameter: inspect.Parameter) -> bool:
    return parameter.default is parameter.empty
