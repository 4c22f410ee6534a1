"""Synthetic text for the demo: words in a 5x7 dot font on noisy paper, and the mask of where they stand."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

HEIGHT, WIDTH = 64, 96

# rows of a 5x7 dot matrix, five bits each, top row first
GLYPHS = {
    "A": (14, 17, 17, 31, 17, 17, 17), "C": (14, 17, 16, 16, 16, 17, 14), "E": (31, 16, 16, 30, 16, 16, 31),
    "H": (17, 17, 17, 31, 17, 17, 17), "I": (14, 4, 4, 4, 4, 4, 14), "K": (17, 18, 20, 24, 20, 18, 17),
    "L": (16, 16, 16, 16, 16, 16, 31), "N": (17, 25, 21, 19, 17, 17, 17), "O": (14, 17, 17, 17, 17, 17, 14),
    "P": (30, 17, 17, 30, 16, 16, 16), "R": (30, 17, 17, 30, 20, 18, 17), "S": (15, 16, 16, 14, 1, 1, 30),
    "T": (31, 4, 4, 4, 4, 4, 4), "X": (17, 17, 10, 4, 10, 17, 17), "0": (14, 17, 19, 21, 25, 17, 14),
    "1": (4, 12, 4, 4, 4, 4, 14), "2": (14, 17, 1, 6, 8, 16, 31), "5": (31, 16, 30, 1, 1, 17, 14),
}  # fmt: skip


@cache
def glyph(letter: str) -> Tensor:
    """Return the dots of a letter: (7, 5), 1 where there is ink."""
    return torch.tensor([[row >> bit & 1 for bit in range(4, -1, -1)] for row in GLYPHS[letter]], dtype=torch.float32)


def word(letters: str, scale: int) -> Tensor:
    """Return the dots of a word: (7 * scale, (6 * letters - 1) * scale)."""
    gap = torch.zeros(7, 1)
    parts: list[Tensor] = []
    for letter in letters:
        parts += [glyph(letter), gap]
    return torch.cat(parts[:-1], 1).repeat_interleave(scale, 0).repeat_interleave(scale, 1)


def page(rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return one image (1, 64, 96) and its mask: one to three words, strokes that are no words, and noise."""
    image = 0.75 + 0.2 * torch.rand(1, generator=rng) + 0.12 * torch.randn(HEIGHT, WIDTH, generator=rng)
    mask = torch.zeros(HEIGHT, WIDTH)
    for _ in range(_draw(rng, 1, 4)):
        letters = "".join(list(GLYPHS)[_draw(rng, 0, len(GLYPHS))] for _ in range(_draw(rng, 2, 6)))
        dots = word(letters, _draw(rng, 1, 3))
        height, width = dots.shape
        top, left = _draw(rng, 2, HEIGHT - height - 1), _draw(rng, 2, WIDTH - width - 1)
        box = (slice(top - 1, top + height + 1), slice(left - 1, left + width + 1))
        if mask[box].any():
            continue
        image[top : top + height, left : left + width] -= dots * (0.3 + 0.4 * torch.rand(1, generator=rng))
        mask[box] = 1
    for _ in range(_draw(rng, 0, 4)):
        row, start = _draw(rng, 0, HEIGHT), _draw(rng, 0, WIDTH // 2)
        image[row, start : start + _draw(rng, 8, WIDTH // 2)] -= 0.4
    return image.clamp(0, 1)[None], mask[None]


def pages(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return `count` images and masks, both (count, 1, 64, 96); the same seed gives the same pages."""
    rng = torch.Generator().manual_seed(seed)
    images, masks = zip(*(page(rng) for _ in range(count)), strict=True)
    return torch.stack(images), torch.stack(masks)


def _draw(rng: torch.Generator, low: int, high: int) -> int:
    """Return a whole number from [low, high)."""
    return int(torch.randint(low, high, (1,), generator=rng))
