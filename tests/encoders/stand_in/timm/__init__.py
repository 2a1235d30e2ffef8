"""A tiny package with the signatures of ``timm``, for machines where that cannot be imported.

Its networks have the shapes and names of parts that the real ones have, in three kinds: a grid and
``layer1`` to ``layer4`` (ResNet), tokens and ``blocks`` in a sequence (ViT), a grid and ``blocks``
with a head convolution behind them (EfficientNet).
"""

from typing import Any

import torch
from torch import Tensor, nn

from timm import data as data


class ResNet(nn.Module):
    def __init__(self, num_classes: int = 1000, in_chans: int = 3) -> None:
        super().__init__()
        self.num_features = 12
        self.conv1 = nn.Conv2d(in_chans, 12, 8, stride=8)
        self.bn1 = nn.BatchNorm2d(12)
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
    def __init__(self, num_classes: int = 1000, in_chans: int = 3, img_size: int = 224) -> None:
        super().__init__()
        self.num_features = 8
        self.patch_embed = nn.Conv2d(in_chans, 8, 16, stride=16)
        self.cls_token = nn.Parameter(torch.randn(1, 1, 8))
        self.pos_embed = nn.Parameter(torch.randn(1, (img_size // 16) ** 2 + 1, 8))
        self.blocks = nn.Sequential(*(nn.Linear(8, 8) for _ in range(4)))
        self.norm = nn.LayerNorm(8)
        self.head = nn.Linear(8, num_classes) if num_classes else nn.Identity()

    def forward_features(self, x: Tensor, attn_mask: Tensor | None = None) -> Tensor:
        x = self.patch_embed(x).flatten(2).mT
        x = torch.cat([self.cls_token.expand(len(x), -1, -1), x], 1) + self.pos_embed
        return self.norm(self.blocks(x))

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        return x[:, 0] if pre_logits else self.head(x[:, 0])


class EfficientNet(nn.Module):
    def __init__(self, num_classes: int = 1000, in_chans: int = 3) -> None:
        super().__init__()
        self.num_features = 20
        self.conv_stem = nn.Conv2d(in_chans, 8, 16, stride=16)
        self.blocks = nn.Sequential(*(nn.Conv2d(8, 8, 1) for _ in range(4)))
        self.conv_head = nn.Conv2d(8, 20, 1)
        self.classifier = nn.Linear(20, num_classes) if num_classes else nn.Identity()

    def forward_features(self, x: Tensor) -> Tensor:
        return self.conv_head(self.blocks(self.conv_stem(x)))

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        x = x.mean((2, 3))
        return x if pre_logits else self.classifier(x)


KNOWN = {
    "resnet10t": ResNet,
    "vit_tiny_patch16_224": VisionTransformer,
    "efficientnet_lite0": EfficientNet,
}
FETCHED: list[str] = []
"""The names whose weights were asked for."""


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
    if model_name not in KNOWN:
        raise RuntimeError(f"Unknown model ({model_name})")
    if pretrained:
        FETCHED.append(model_name)
    model = KNOWN[model_name](**kwargs)
    side = kwargs.get("img_size", 224)
    model.pretrained_cfg = {"input_size": (3, side, side), "crop_pct": 0.875}
    return model
