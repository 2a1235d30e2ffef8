"""What names content: sha256 digests of arrays, texts and the rules of tokenizers."""

import hashlib
import json
from typing import Any

import numpy as np

from sensorium.core.errors import ArtifactError


def digest(*parts: Any) -> bytes:
    """Give the sha256 of strings, bytes and arrays, one after the other.

    Two contents that differ in a type, a shape or a border between parts differ in it.
    """
    found = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            head = f"{part.dtype.str}{part.shape}".encode()
            body: Any = np.ascontiguousarray(part).data
        elif isinstance(part, bytes):
            head, body = b"bytes", part
        elif isinstance(part, str):
            head, body = b"str", part.encode("utf-8", "surrogatepass")
        else:
            msg = f"content to be named is text, bytes or an array, found {type(part).__name__}"
            raise ArtifactError(msg)
        found.update(head + str(len(body)).encode() + b":")
        found.update(body)
    return found.digest()


def tokenizer_digest(rules: str) -> str:
    """Give the sha256 of a ``tokenizer.json``; how it cuts and pads does not count."""
    known = json.loads(rules) | {"truncation": None, "padding": None}
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()
