"""Parts as plain data and back: ``describe(part)`` and ``build(description, parts)``.

A description is the class name and the keywords of ``__init__``, which every part keeps unchanged
under their own names. It is JSON; building one runs no code but the named class's ``__init__``.
"""

import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np

from sensorium.core.errors import PartError, all_at_once, nearest

PART = "part"


def keywords(part: type) -> dict[str, inspect.Parameter]:
    """List the keywords of a class's ``__init__`` in order."""
    parameters = dict(inspect.signature(part).parameters)
    for name, parameter in parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD:
            msg = f"{part.__name__}.__init__ takes **{name}; parts take flat keywords"
            raise PartError(msg)
    return parameters


def describe(part: object) -> dict[str, Any]:
    """Describe a part by its class name and the keywords of its ``__init__``.

    Errors:
        PartError: the part does not keep a keyword under its own name.
    """
    names = keywords(type(part))
    lost = [name for name in names if not hasattr(part, name)]
    if lost:
        msg = f"{type(part).__name__} does not keep its keywords {lost}; set self.NAME = NAME"
        raise PartError(msg)
    return {PART: type(part).__name__, **{name: plain(getattr(part, name)) for name in names}}


def plain(value: Any) -> Any:
    """Turn a keyword's value into JSON data; nested parts become descriptions."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    return describe(value)


def build(description: Mapping[str, Any], parts: Mapping[str, type]) -> Any:
    """Build a part from its description.

    Args:
        description: what ``describe`` gave.
        parts: the classes that may be named, by name.

    Errors:
        PartError: an unknown class, or keywords that the class does not take.
    """
    name = description.get(PART)
    if not isinstance(name, str) or name not in parts:
        msg = f"no part is called {name!r}{nearest(str(name), parts)}"
        raise PartError(msg)
    part = parts[name]
    known = keywords(part)
    given = {key: _built(value, parts) for key, value in description.items() if key != PART}
    faults = [f"{name} takes no {key!r}{nearest(key, known)}" for key in given if key not in known]
    if faults:
        raise PartError(all_at_once(f"{name} cannot be built:", faults))
    starred = [key for key, p in known.items() if p.kind is p.VAR_POSITIONAL]
    positional = [item for key in starred for item in given.pop(key, ())]
    return part(*positional, **given)


def _built(value: Any, parts: Mapping[str, type]) -> Any:
    if isinstance(value, Mapping):
        if PART in value:
            return build(value, parts)
        return {key: _built(item, parts) for key, item in value.items()}
    if isinstance(value, list):
        return tuple(_built(item, parts) for item in value)
    return value


def represent(part: object) -> str:
    """Write a part as the call that makes it, leaving out defaults."""
    shown = []
    for name, parameter in keywords(type(part)).items():
        value = getattr(part, name)
        if parameter.kind is parameter.VAR_POSITIONAL:
            shown += [represent(v) if hasattr(v, "extra_repr") else repr(v) for v in value]
        elif value != parameter.default:
            shown.append(f"{name}={value!r}")
    return f"{type(part).__name__}({', '.join(shown)})"
