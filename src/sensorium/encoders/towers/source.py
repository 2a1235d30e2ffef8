"""Where a pretrained model comes from: a starter, a folder, or a hub id in the local cache.

Nothing is downloaded unasked, no code of a model's author is run, and weights come from
safetensors only.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from sensorium.core.errors import ExtraError, PartError
from sensorium.encoders.towers.starter import STARTERS, starter_folder

CONFIG, PREPROCESSOR = "config.json", "preprocessor_config.json"
PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")
FILES = ["*.json", "*.safetensors", "*.txt", "*.model"]
"""What is fetched from a hub."""
READERS = {
    "input_ids": "text",
    "pixel_values": "image",
    "input_features": "audio",
    "input_values": "audio",
}
"""What a model calls its cells, and the kind of column that they come from."""


def transformers() -> Any:
    """Give the package.

    Errors:
        ExtraError: it is not installed.
    """
    try:
        import transformers as package  # noqa: PLC0415  an extra
    except ImportError as error:
        raise ExtraError("transformers", "pretrained", "a pretrained encoder") from error
    return package


def folder_of(source: str, *, hub: bool) -> Path:
    """Find the folder of a model, or its file where it is one file.

    Args:
        source: the name of a starter model, a folder, a file, or a hub id such as
            ``"owner/name"``.
        hub: whether a hub id may be downloaded; else it must lie in the hub's local cache.

    Errors:
        PartError: none of them is there.
        ExtraError: the starter model is not installed.
    """
    if source in STARTERS:
        return starter_folder(source)
    folder = Path(source).expanduser()
    if folder.exists():
        return folder
    if not _is_hub_id(source):
        msg = f"there is no model {source!r}: name a folder that holds {CONFIG} and *.safetensors"
        raise PartError(msg)
    try:
        from huggingface_hub import snapshot_download  # noqa: PLC0415  an extra
    except ImportError as error:
        raise ExtraError("huggingface_hub", "pretrained", "a hub id") from error
    try:
        return Path(snapshot_download(source, local_files_only=not hub, allow_patterns=FILES))
    except Exception as error:  # the hub's client has a dozen kinds of its own
        how = "could not be fetched" if hub else "is not in the hub's local cache"
        advice = "" if hub else ", pass hub=True to download it"
        msg = (
            f"{source!r} is no folder here and {how} ({type(error).__name__}){advice}, or name a "
            f"folder that holds its {CONFIG}, *.safetensors and tokenizer or preprocessor files"
        )
        raise PartError(msg) from error


def _is_hub_id(source: str) -> bool:
    parts = source.split("/")
    one_file = source.endswith((".onnx", ".keras"))
    return len(parts) == 2 and all(parts) and not source.startswith((".", "~")) and not one_file


def read_json(folder: Path, name: str) -> dict[str, Any]:
    """Read a JSON file of a model folder; {} where there is none.

    Errors:
        PartError: it is torn.
    """
    file = folder / name
    if not file.is_file():
        return {}
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        msg = f"{file} is not JSON ({error}); take a whole copy of the model"
        raise PartError(msg) from error
    return found if isinstance(found, dict) else {"": found}


def config_of(folder: Path) -> dict[str, Any]:
    """Read a model folder's config.

    Errors:
        PartError: the folder is not a model, or holds its weights as pickles only.
    """
    config = read_json(folder, CONFIG)
    if "model_type" not in config:
        found = sorted(path.name for path in folder.iterdir())[:8] if folder.is_dir() else "a file"
        msg = f"{folder} is not a model: it has no {CONFIG} with a model_type; found {found}"
        raise PartError(msg)
    demand_safetensors(
        folder,
        "transformers.AutoModel.from_pretrained(FOLDER, weights_only=True)"
        ".save_pretrained(NEW_FOLDER)",
    )
    return config


def demand_safetensors(folder: Path, convert: str) -> None:
    """Check that a folder's weights are no pickle.

    Args:
        folder: a model folder.
        convert: the call that makes a folder of safetensors of one of pickles.

    Errors:
        PartError: it holds its weights as a pickle only, or none at all.
    """
    if any(folder.glob("*.safetensors")):
        return
    pickles = sorted(path.name for form in PICKLES for path in folder.glob(form))
    msg = f"{folder} holds no *.safetensors"
    if pickles:
        msg = (
            f"{folder} holds its weights as a pickle only ({', '.join(pickles)}), which could "
            f"run code: convert it once, where you trust it, with {convert}"
        )
    raise PartError(msg)


def preprocessor_of(folder: Path, part: str) -> dict[str, Any]:
    """Read how a model's cells are prepared.

    Args:
        folder: a model folder.
        part: which of a processor of several parts, ``"image_processor"`` or
            ``"feature_extractor"``.

    Errors:
        PartError: it is not said; what a network is given otherwise would be a guess.
    """
    said = read_json(folder, PREPROCESSOR) or read_json(folder, "processor_config.json")
    found = said.get(part, said)
    if isinstance(found, dict) and found:
        return found
    msg = f"{folder} has no {PREPROCESSOR}, which says how cells are prepared: copy it there too"
    raise PartError(msg)


def demand_reader(model: Any, folder: Path, kind: str) -> None:
    """Check that a model reads a kind of column.

    Errors:
        PartError: it reads another.
    """
    read = READERS.get(getattr(model, "main_input_name", ""), "something else")
    if read != kind:
        msg = f"{folder} ({model.config.model_type}) reads {read}, the column is {kind}"
        raise PartError(msg)


def loaded(
    part: Any,
    folder: Path,
    unused: tuple[str, ...] = (),
    options: Mapping[str, Any] | None = None,
) -> Any:
    """Load a ``transformers`` class from a folder, all of its weights or none.

    Args:
        part: the class.
        folder: a model folder.
        unused: beginnings of the names of weights that are not needed.
        options: keywords of the class, such as ``add_pooling_layer``.

    Errors:
        PartError: the weights are torn, missing or of another shape.
    """
    config = _made(part, config_of(folder))
    try:
        with _quiet():
            model, found = part.from_pretrained(
                folder, config=config, local_files_only=True, use_safetensors=True,
                output_loading_info=True, dtype="float32",
                ignore_mismatched_sizes=True,  # they are refused below, with what they are
                **(options or {}),
            )  # fmt: skip
    except Exception as error:  # transformers and safetensors raise many kinds
        msg = f"{folder} cannot be loaded as {part.__name__}, take a whole copy of it: {error}"
        raise PartError(msg) from error
    lost = sorted(n for n in found["missing_keys"] if not n.startswith(unused or ("\0",)))
    bent = sorted(str(entry[0]) for entry in found["mismatched_keys"])
    if lost or bent:
        msg = (
            f"the weights in {folder} are of another architecture than its {CONFIG} says "
            f"({part.__name__}): {len(lost)} missing, {len(bent)} of another shape; "
            f"for example {(lost + bent)[0]}"
        )
        raise PartError(msg)
    for weight in (*model.parameters(), *model.buffers()):
        weight.data = weight.data.clone()  # out of the file, where they lie askew in memory
    state = model.state_dict()
    for name in found["missing_keys"]:  # drawn at random, and not needed: the same every time
        state[name].zero_()
    return model.eval()


def fresh(part: Any, config: Mapping[str, Any], options: Mapping[str, Any] | None = None) -> Any:
    """Make a ``transformers`` model from its config, without its weights.

    Errors:
        PartError: there can be no such model.
    """
    make = getattr(part, "_from_config", None) or part.from_config
    try:
        with _quiet():
            return make(_made(part, config), **(options or {})).float().eval()
    except Exception as error:  # transformers raises many kinds
        msg = f"{part.__name__} cannot be made again from its saved config: {error}"
        raise PartError(msg) from error


def _made(part: Any, config: Mapping[str, Any]) -> Any:
    """Make a config object; a class for one side of a model of two takes that side of it."""
    made = made_config(config)
    own = getattr(part, "config_class", None)
    return made if own is None or isinstance(made, own) else getattr(made, own.base_config_key)


def made_config(config: Mapping[str, Any]) -> Any:
    """Make a config object of what a folder says, less what names code.

    Errors:
        PartError: ``transformers`` knows no such model.
    """
    package, plain = transformers(), _harmless(config)
    family = plain.pop("model_type")
    if family not in package.CONFIG_MAPPING:
        near = get_close_matches(str(family), list(package.CONFIG_MAPPING), n=1)
        msg = (
            f"transformers {package.__version__} knows no model of type {family!r}"
            f"{f' (did you mean {near[0]!r}?)' if near else ''}: name one that it knows, or "
            "update it (pip install --upgrade transformers); no code of a model's author is run"
        )
        raise PartError(msg)
    try:
        return package.AutoConfig.for_model(family, **plain)
    except ValueError as error:
        msg = f"the config cannot be one of a model of type {family!r}: {error}"
        raise PartError(msg) from error


def _harmless(config: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what names code to be fetched and run: kernels of attention, an author's own."""
    return {
        key: _harmless(value) if isinstance(value, Mapping) else value
        for key, value in config.items()
        if key != "auto_map" and "attn_implementation" not in key
    }


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep ``transformers`` from writing what the user did not ask for."""
    log = transformers().logging
    verbosity, bars = log.get_verbosity(), log.is_progress_bar_enabled()
    log.set_verbosity_error()
    log.disable_progress_bar()
    try:
        yield
    finally:
        log.set_verbosity(verbosity)
        if bars:
            log.enable_progress_bar()
