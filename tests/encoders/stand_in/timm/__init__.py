"""A tiny package with the signatures of ``timm``, for machines where that cannot be imported.

Its networks have the shapes and names of parts that the real ones have, in three kinds: a grid and
``layer1`` to ``layer4`` (ResNet), tokens and ``blocks`` in a sequence (ViT), a grid and ``blocks``
with a head convolution behind them (EfficientNet), blocks and transitions in one sequence with a
norm behind them (DenseNet), stages beside transitions (HRNet), single layers in a sequence and
features after those without weights (VGG), two sequences of tokens (CrossViT).
"""

from collections import OrderedDict
from types import SimpleNamespace
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from timm import data as data

__version__ = "1.0.31"


def points(*names: str) -> list[dict[str, str]]:
    return [{"module": name} for name in names]


class ResNet(nn.Module):
    def __init__(
        self, num_classes: int = 1000, in_chans: int = 3, global_pool: str = "avg"
    ) -> None:
        super().__init__()
        self.num_features = 12
        self.feature_info = points("act1", "layer1", "layer2", "layer3", "layer4")
        self.conv1 = nn.Conv2d(in_chans, 12, 8, stride=8)
        self.bn1 = nn.BatchNorm2d(12)
        self.act1 = nn.ReLU()
        for number in range(1, 5):
            setattr(self, f"layer{number}", nn.Conv2d(12, 12, 3, padding=1))
        self.fc = nn.Linear(12, num_classes) if num_classes else nn.Identity()

    def forward_features(self, x: Tensor) -> Tensor:
        x = self.bn1(self.conv1(x))
        for number in range(1, 5):
            x = x + getattr(self, f"layer{number}")(x).relu()
        return x

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        x = x.mean((2, 3))
        return x if pre_logits else self.fc(x)


class VisionTransformer(nn.Module):
    def __init__(
        self,
        num_classes: int = 1000,
        in_chans: int = 3,
        img_size: Any = 224,
        global_pool: str = "token",
    ) -> None:
        super().__init__()
        self.num_features = 8
        self.img_size = img_size
        self.feature_info = points(*(f"blocks.{place}" for place in range(4)))
        self.patch_embed = nn.Conv2d(in_chans, 8, 16, stride=16)
        self.cls_token = nn.Parameter(torch.randn(1, 1, 8))
        high, wide = img_size if isinstance(img_size, list) else (img_size, img_size)
        self.pos_embed = nn.Parameter(torch.randn(1, (high // 16) * (wide // 16) + 1, 8))
        self.blocks = nn.Sequential(*(nn.Linear(8, 8) for _ in range(4)))
        self.norm = nn.LayerNorm(8)
        self.head = nn.Linear(8, num_classes) if num_classes else nn.Identity()

    def forward_features(self, x: Tensor, attn_mask: Tensor | None = None) -> Tensor:
        assert not isinstance(self.img_size, int) or x.shape[-1] == self.img_size
        x = self.patch_embed(x).flatten(2).mT
        x = torch.cat([self.cls_token.expand(len(x), -1, -1), x], 1) + self.pos_embed
        return self.norm(self.blocks(x))

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        return x[:, 0] if pre_logits else self.head(x[:, 0])


class EfficientNet(nn.Module):
    def __init__(
        self, num_classes: int = 1000, in_chans: int = 3, global_pool: str = "avg"
    ) -> None:
        super().__init__()
        self.num_features = 20
        self.feature_info = points("blocks.0", "blocks.1", "blocks.2", "blocks.3")
        self.conv_stem = nn.Conv2d(in_chans, 8, 16, stride=16)
        self.blocks = nn.Sequential(*(nn.Conv2d(8, 8, 1) for _ in range(4)))
        self.conv_head = nn.Conv2d(8, 20, 1)
        self.classifier = nn.Linear(20, num_classes) if num_classes else nn.Identity()

    def forward_features(self, x: Tensor) -> Tensor:
        return self.conv_head(self.blocks(self.conv_stem(x)))

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        x = x.mean((2, 3))
        return x if pre_logits else self.classifier(x)


class Grid(nn.Module):
    """What networks of convolutions alone share: they run what they hold, part by part."""

    num_features = 6

    def forward_features(self, x: Tensor) -> Tensor:
        for part in self.children():
            x = part(x)
        return x

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        return x.mean((2, 3))


def conv() -> nn.Module:
    return nn.Conv2d(6, 6, 1)


class DenseNet(Grid):
    def __init__(self, num_classes: int = 1000, in_chans: int = 3, global_pool: str = "") -> None:
        super().__init__()
        ends = ("denseblock1", "denseblock2", "denseblock3", "norm5")
        self.feature_info = points(*(f"features.{name}" for name in ends))
        parts: dict[str, nn.Module] = {"conv0": nn.Conv2d(in_chans, 6, 8, stride=8)}
        for number in range(1, 4):
            parts[f"denseblock{number}"] = conv()
            parts[f"transition{number}"] = conv()
        self.features = nn.Sequential(OrderedDict(parts | {"norm5": nn.BatchNorm2d(6)}))


class HighResolutionNet(Grid):
    def __init__(self, num_classes: int = 1000, in_chans: int = 3, global_pool: str = "") -> None:
        super().__init__()
        self.feature_info = points("stem", "stage1", "stage2", "stage3")
        self.conv1 = nn.Conv2d(in_chans, 6, 8, stride=8)
        self.layer1 = nn.Sequential(conv())
        for number in (2, 3):
            setattr(self, f"transition{number - 1}", conv())
            setattr(self, f"stage{number}", nn.Sequential(conv(), conv()))
        self.final_layer = conv()


class VGG(Grid):
    def __init__(self, num_classes: int = 1000, in_chans: int = 3, global_pool: str = "") -> None:
        super().__init__()
        self.feature_info = points("features.1", "features.4", "features.7")
        layers: list[nn.Module] = [nn.Conv2d(in_chans, 6, 8, stride=8), nn.ReLU()]
        layers += [conv(), nn.ReLU(), nn.ReLU(), conv(), conv(), nn.ReLU()]
        self.features = nn.Sequential(*layers)


class Twins(Grid):
    """Its points name parts that it does not have."""

    def __init__(self, num_classes: int = 1000, in_chans: int = 3, global_pool: str = "") -> None:
        super().__init__()
        self.feature_info = points("block.0", "block.1")
        self.patch_embed = nn.Conv2d(in_chans, 6, 8, stride=8)
        self.blocks = nn.Sequential(conv(), conv())


class CrossViT(Grid):
    def __init__(self, num_classes: int = 1000, in_chans: int = 3, global_pool: str = "") -> None:
        super().__init__()
        self.feature_info = points("blocks.0", "blocks.1", "blocks.0", "blocks.1")
        self.patch_embed = nn.Conv2d(in_chans, 6, 8, stride=8)
        self.blocks = nn.Sequential(conv(), conv())

    def forward_features(self, x: Tensor) -> Any:
        tokens = self.blocks(self.patch_embed(x)).flatten(2).mT
        return [tokens, tokens[:, ::2]]

    def forward_head(self, x: Any, pre_logits: bool = False) -> Tensor:
        return x[0].mean(1)


KNOWN: dict[str, Any] = {
    "resnet10t": ResNet,
    "vit_tiny_patch16_224": VisionTransformer,
    "efficientnet_lite0": EfficientNet,
    "densenet121": DenseNet,
    "hrnet_w18_small": HighResolutionNet,
    "vgg11": VGG,
    "twins_svt_small": Twins,
    "crossvit_tiny_240": CrossViT,
}
TAGGED = {"resnet10t": "resnet10t.c3_in1k"}
FETCHED: list[str] = []
"""The names whose weights were asked for."""


def is_model(model_name: str) -> bool:
    return model_name.partition(".")[0] in KNOWN


def list_models() -> list[str]:
    return list(KNOWN)


def list_pretrained() -> list[str]:
    return list(TAGGED.values())


def get_pretrained_cfg(model_name: str, allow_unregistered: bool = True) -> Any:
    tagged = TAGGED.get(model_name, model_name)
    return SimpleNamespace(hf_hub_id=f"timm/{tagged}" if tagged in TAGGED.values() else None)


def create_model(  # noqa: PLR0917  as timm has it
    model_name: str,
    pretrained: bool = False,
    pretrained_cfg: Any = None,
    pretrained_cfg_overlay: dict[str, Any] | None = None,
    checkpoint_path: Any = None,
    cache_dir: Any = None,
    scriptable: bool | None = None,
    exportable: bool | None = None,
    no_jit: bool | None = None,
    **kwargs: Any,
) -> nn.Module:
    if not is_model(model_name):
        raise RuntimeError(f"Unknown model ({model_name})")
    model: nn.Module = KNOWN[model_name.partition(".")[0]](**kwargs)
    file = (pretrained_cfg_overlay or {}).get("file")
    if pretrained and file:
        model.load_state_dict(load_file(file), strict=False)
    elif pretrained:
        FETCHED.append(model_name)
    side = kwargs.get("img_size", 224)
    cfg: Any = {"input_size": (3, side, side), "crop_pct": 0.875}
    model.pretrained_cfg = cfg
    return model
