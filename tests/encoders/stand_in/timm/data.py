"""What ``timm.data`` says of a network's pictures."""

from typing import Any


def resolve_model_data_config(
    model: Any,
    args: Any = None,
    pretrained_cfg: Any = None,
    use_test_size: bool = False,
    verbose: bool = False,
) -> dict[str, Any]:
    usual = {
        "input_size": (3, 224, 224),
        "interpolation": "bicubic",
        "mean": (0.485, 0.456, 0.406),
        "std": (0.229, 0.224, 0.225),
        "crop_pct": 0.875,
        "crop_mode": "center",
    }
    return usual | (pretrained_cfg or model.pretrained_cfg)
