"""Photos of one part are found again under exposure, shift, turn, mirror and shear; folds keep them together."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw
from vision_photos import drawn_part, exposed

from ml.vision.groups import SIDE, find_groups, split_by_time, split_groups
from ml.vision.train import thumbnail


def thumbnails(images: list[Image.Image]) -> np.ndarray:
    return np.stack([np.asarray(image.convert("L").resize((SIDE, SIDE), Image.Resampling.BOX)) for image in images])


def groups_match(found: np.ndarray, true: np.ndarray) -> bool:
    return bool(((found[:, None] == found[None, :]) == (true[:, None] == true[None, :])).all())


CHANGES = {
    "exposure": lambda image, k: exposed(image, 0.6 + 0.2 * k, 0.15 * k),
    "turn": lambda image, k: image.rotate(37 * k, Image.Resampling.BICUBIC, fillcolor=128),
    "mirror": lambda image, k: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if k % 2 else image,
    "shear": lambda image, k: image.transform(
        image.size, Image.Transform.AFFINE, (1, 0.04 * k, -2.5 * k, 0, 1, 0), fillcolor=128
    ),
    "shift": lambda image, k: image.crop((4 * k, 3 * k, image.width - 12 + 4 * k, image.height - 12 + 3 * k)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_photos_of_one_part_are_one_group(change: str) -> None:
    images, true = [], []
    for part in range(30):
        for k in range(4):
            images.append(CHANGES[change](drawn_part(part, part % 3 == 0, size=(128, 128)), k))
            true.append(part)
    assert groups_match(find_groups(thumbnails(images)), np.array(true))


def test_equal_photos_are_one_group_and_one_photo_is_one() -> None:
    one = thumbnails([drawn_part(1, False, size=(96, 96))])
    assert find_groups(one).tolist() == [0]
    assert len(set(find_groups(np.repeat(one, 3, axis=0)).tolist())) == 1


def test_blank_photos_do_not_raise() -> None:
    assert len(find_groups(np.full((5, SIDE, SIDE), 7, dtype=np.uint8))) == 5


def test_no_group_is_in_two_folds_and_classes_are_dealt_evenly() -> None:
    random = np.random.default_rng(1)
    groups = np.repeat(np.arange(60), random.integers(1, 12, 60))
    labels = groups % 3 == 0
    folds = split_groups(groups, labels, 5, seed=1)
    assert all(len(np.unique(folds[groups == group])) == 1 for group in np.unique(groups))
    shares = [labels[folds == fold].sum() / labels.sum() for fold in range(5)]
    assert max(shares) < 0.3
    assert min(shares) > 0.1


def test_folds_do_not_depend_on_the_order_of_photos() -> None:
    groups, labels = np.repeat(np.arange(20), 4), np.repeat(np.arange(20) % 2 == 0, 4)
    order = np.random.default_rng(1).permutation(80)
    assert (split_groups(groups, labels, 4, 1)[order] == split_groups(groups[order], labels[order], 4, 1)).all()


def test_later_parts_are_tested_with_all_their_photos() -> None:
    """Part 0 on days 0 and 9, part 1 on day 1, part 2 on days 5 and 6: the latest third begins with part 2."""
    groups, days = np.array([0, 0, 1, 2, 2, 1]), np.array([0.0, 9, 1, 5, 6, 2])
    earlier, later = split_by_time(groups, days, 1 / 3)
    assert later.tolist() == [3, 4]
    assert earlier.tolist() == [0, 1, 2, 5]


def round_part(part: int, photo: int) -> Image.Image:
    """A bright ring with marks of its own, off the middle, sheared and turned by any angle, as casts are photographed."""
    random = np.random.default_rng(part)
    image = Image.new("L", (128, 128), 110)
    draw = ImageDraw.Draw(image)
    draw.ellipse((16, 16, 112, 112), fill=190)
    draw.ellipse((42, 42, 86, 86), fill=30)
    for _ in range(25):
        angle, radius = random.uniform(0, 2 * np.pi), random.uniform(27, 44)
        x, y, size = 64 + radius * np.cos(angle), 64 + radius * np.sin(angle), random.uniform(3, 7)
        draw.ellipse((x - size, y - size, x + size, y + size), fill=int(random.choice([90, 130, 240])))
    turned = image.rotate(int(np.random.default_rng([part, photo]).integers(360)), Image.Resampling.BICUBIC, fillcolor=110)
    shear = (1, 0.05 * photo, -6 * photo, -0.03 * photo, 1, 3 * photo)
    return turned.transform(turned.size, Image.Transform.AFFINE, shear, Image.Resampling.BICUBIC, fillcolor=110)


def test_a_part_off_the_middle_turned_and_sheared_is_found_again() -> None:
    """Compared around the middle of the photo alone, all of these parts run together."""
    images = [round_part(part, photo) for part in range(20) for photo in range(4)]
    found = find_groups(thumbnails(images), np.repeat(np.arange(20) % 2 == 0, 4)).reshape(20, 4)
    assert (found == found[:, :1]).all()
    assert len(np.unique(found)) >= 19  # two parts in one group cost a little; one part in two would be wrong


def test_a_small_photo_is_enlarged_without_edges_of_blocks() -> None:
    """64 pixels repeated to 96 gave every photo the same grid: 7,348 photos of 133 castings became 2,898 groups."""
    ramp = np.repeat(np.arange(0, 256, 4, dtype=np.uint8)[None, None, :], 64, axis=1)
    steps = np.diff(thumbnail(ramp)[SIDE // 2].astype(int))[8:-8]
    assert set(steps) <= {2, 3}  # 4 of brightness a pixel, on 1.5 times as many pixels: 2.67
