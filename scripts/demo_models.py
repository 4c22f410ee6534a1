"""Tiny text detectors for the demo: the building blocks of three backbone families, a tenth of their width.

DBNet in small: a backbone gives four feature maps (strides 4 to 32), a feature pyramid adds them up, a head predicts
for every pixel the probability of text and the threshold it is held against (differentiable binarization).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional


class BasicBlock(nn.Module):
    """Two 3x3 convolutions around a shortcut: ResNet-18's block."""

    expansion = 1

    def __init__(self, channels_in: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = _shortcut(channels_in, width, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Return features of shape (n, width, h / stride, w / stride)."""
        y = functional.relu(self.bn1(self.conv1(x)))
        return functional.relu(self.bn2(self.conv2(y)) + self.downsample(x))


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1 with four times the channels at the end: ResNet-50's block."""

    expansion = 4

    def __init__(self, channels_in: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * width)
        self.downsample = _shortcut(channels_in, 4 * width, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Return features of shape (n, 4 * width, h / stride, w / stride)."""
        y = functional.relu(self.bn1(self.conv1(x)))
        y = functional.relu(self.bn2(self.conv2(y)))
        return functional.relu(self.bn3(self.conv3(y)) + self.downsample(x))


def _shortcut(channels_in: int, channels_out: int, stride: int) -> nn.Module:
    """Return what makes the input of a block addable to its output."""
    if channels_in == channels_out and stride == 1:
        return nn.Identity()
    return nn.Sequential(nn.Conv2d(channels_in, channels_out, 1, stride, bias=False), nn.BatchNorm2d(channels_out))


class ResNet(nn.Module):
    """A stem and four stages of residual blocks."""

    def __init__(self, block: type[BasicBlock | Bottleneck], counts: tuple[int, ...], widths: tuple[int, ...]) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, widths[0], 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        self.channels: list[int] = []
        channels = widths[0]
        for number, (count, width) in enumerate(zip(counts, widths, strict=True), start=1):
            blocks: list[nn.Module] = []
            for position in range(count):
                stride = 2 if position == 0 and number > 1 else 1
                blocks.append(block(channels, width, stride))
                channels = width * block.expansion
            self.add_module(f"layer{number}", nn.Sequential(*blocks))
            self.channels.append(channels)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the feature maps at strides 4, 8, 16 and 32."""
        x = functional.max_pool2d(functional.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        maps = []
        for number in range(1, 5):
            x = self.get_submodule(f"layer{number}")(x)
            maps.append(x)
        return maps


class Stage(NamedTuple):
    """One inverted residual of MobileNetV3: sizes, stride, and which of its two options it uses."""

    kernel: int
    expanded: int
    out: int
    excite: bool
    hardswish: bool
    stride: int


class InvertedResidual(nn.Module):
    """Widen, filter each channel alone, optionally squeeze and excite, narrow again: MobileNetV3's block."""

    def __init__(self, channels_in: int, stage: Stage) -> None:
        super().__init__()
        act = nn.Hardswish if stage.hardswish else nn.ReLU
        wide = stage.expanded
        self.conv_pw = nn.Sequential(nn.Conv2d(channels_in, wide, 1, bias=False), nn.BatchNorm2d(wide), act())
        depthwise = nn.Conv2d(wide, wide, stage.kernel, stage.stride, stage.kernel // 2, groups=wide, bias=False)
        self.conv_dw = nn.Sequential(depthwise, nn.BatchNorm2d(wide), act())
        self.se = SqueezeExcite(wide) if stage.excite else nn.Identity()
        self.conv_pwl = nn.Sequential(nn.Conv2d(wide, stage.out, 1, bias=False), nn.BatchNorm2d(stage.out))
        self.residual = stage.stride == 1 and channels_in == stage.out

    def forward(self, x: Tensor) -> Tensor:
        """Return features of shape (n, out, h / stride, w / stride)."""
        y: Tensor = self.conv_pwl(self.se(self.conv_dw(self.conv_pw(x))))
        return x + y if self.residual else y


class SqueezeExcite(nn.Module):
    """Weigh each channel by a small network that looks at the mean of all of them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        narrow = max(4, channels // 4)
        self.conv_reduce = nn.Conv2d(channels, narrow, 1)
        self.conv_expand = nn.Conv2d(narrow, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return `x` with every channel scaled by its gate."""
        gate = functional.relu(self.conv_reduce(x.mean((2, 3), keepdim=True)))
        return x * functional.hardsigmoid(self.conv_expand(gate))


class MobileNetV3(nn.Module):
    """The fifteen blocks of MobileNetV3-Large at a quarter of their width."""

    # kernel, expanded, out, squeeze-and-excite, hardswish, stride: the published table
    TABLE = (
        Stage(3, 16, 16, excite=False, hardswish=False, stride=1),
        Stage(3, 64, 24, excite=False, hardswish=False, stride=2),
        Stage(3, 72, 24, excite=False, hardswish=False, stride=1),
        Stage(5, 72, 40, excite=True, hardswish=False, stride=2),
        Stage(5, 120, 40, excite=True, hardswish=False, stride=1),
        Stage(5, 120, 40, excite=True, hardswish=False, stride=1),
        Stage(3, 240, 80, excite=False, hardswish=True, stride=2),
        Stage(3, 200, 80, excite=False, hardswish=True, stride=1),
        Stage(3, 184, 80, excite=False, hardswish=True, stride=1),
        Stage(3, 184, 80, excite=False, hardswish=True, stride=1),
        Stage(3, 480, 112, excite=True, hardswish=True, stride=1),
        Stage(3, 672, 112, excite=True, hardswish=True, stride=1),
        Stage(5, 672, 160, excite=True, hardswish=True, stride=2),
        Stage(5, 960, 160, excite=True, hardswish=True, stride=1),
        Stage(5, 960, 160, excite=True, hardswish=True, stride=1),
    )
    TAPS = (2, 5, 11, 14)
    """Blocks whose outputs have strides 4, 8, 16 and 32."""

    def __init__(self, divisor: int = 4) -> None:
        super().__init__()
        stages = [s._replace(expanded=s.expanded // divisor, out=s.out // divisor) for s in self.TABLE]
        channels = stages[0].out
        self.conv_stem = nn.Conv2d(1, channels, 3, 2, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.blocks = nn.ModuleList()
        for stage in stages:
            self.blocks.append(InvertedResidual(channels, stage))
            channels = stage.out
        self.channels = [stages[tap].out for tap in self.TAPS]

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the feature maps at strides 4, 8, 16 and 32."""
        x = functional.hardswish(self.bn1(self.conv_stem(x)))
        maps = []
        for position, block in enumerate(self.blocks):
            x = block(x)
            if position in self.TAPS:
                maps.append(x)
        return maps


class FPNDecoder(nn.Module):
    """Feature pyramid: bring every stage to one width, add the coarse ones to the fine ones, join them at stride 4."""

    def __init__(self, channels: list[int], inner: int, out: int) -> None:
        super().__init__()
        self.in_channels, self.inner_channels, self.output_channels = channels, inner, out
        self.lateral_convs = nn.ModuleList(nn.Conv2d(width, inner, 1) for width in channels)
        self.fusion = nn.Conv2d(inner * len(channels), out, 3, padding=1)

    def forward(self, maps: list[Tensor]) -> Tensor:
        """Return (n, out, h / 4, w / 4)."""
        sums = [lateral(x) for lateral, x in zip(self.lateral_convs, maps, strict=True)]
        for finer in range(len(sums) - 2, -1, -1):
            sums[finer] = sums[finer] + functional.interpolate(sums[finer + 1], size=sums[finer].shape[2:])
        same = [functional.interpolate(x, size=sums[0].shape[2:]) for x in sums]
        fused: Tensor = functional.relu(self.fusion(torch.cat(same, 1)))
        return fused


class DBHead(nn.Module):
    """Probability and threshold maps at full resolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.in_channels = channels
        self.binarize = self._branch(channels)
        self.thresh = self._branch(channels)

    @staticmethod
    def _branch(channels: int) -> nn.Sequential:
        half = channels // 2
        return nn.Sequential(
            nn.Conv2d(channels, half, 3, padding=1, bias=False), nn.BatchNorm2d(half), nn.ReLU(),
            nn.ConvTranspose2d(half, half, 2, 2), nn.BatchNorm2d(half), nn.ReLU(),
            nn.ConvTranspose2d(half, 1, 2, 2),
        )  # fmt: skip

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logits of probability and threshold, both (n, 1, 4 h, 4 w)."""
        return self.binarize(x), self.thresh(x)


class Detector(nn.Module):
    """Backbone, feature pyramid and head; attributes named as checkpoints of this family name them."""

    architecture_name = "dbnet"

    def __init__(self, backbone: str, *, inner: int = 16, out: int = 16) -> None:
        super().__init__()
        self.encoder = BACKBONES[backbone]()
        self.encoder.model_name, self.encoder.pretrained = backbone, False
        self.decoder = FPNDecoder(self.encoder.channels, inner, out)
        self.head = DBHead(out)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits of probability and threshold for images of shape (n, 1, h, w), sides multiples of 32."""
        maps: tuple[Tensor, Tensor] = self.head(self.decoder(self.encoder(images)))
        return maps


def db_loss(probability: Tensor, threshold: Tensor, mask: Tensor, *, alpha: float, beta: float) -> Tensor:
    """Return cross-entropy of the probability plus the dice loss of the soft binarization with steepness `beta`."""
    entropy = functional.binary_cross_entropy_with_logits(probability, mask)
    binary = torch.sigmoid(beta * (torch.sigmoid(probability) - torch.sigmoid(threshold)))
    overlap = 2 * (binary * mask).sum() / (binary.sum() + mask.sum() + 1e-6)
    return alpha * entropy + 1 - overlap


BACKBONES = {
    "resnet18": lambda: ResNet(BasicBlock, (2, 2, 2, 2), (8, 16, 24, 32)),
    "resnet50": lambda: ResNet(Bottleneck, (3, 4, 6, 3), (6, 8, 12, 16)),
    "mobilenetv3_large_100": MobileNetV3,
}
"""Name of the family -> its reduced network."""
