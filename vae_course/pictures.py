"""A reader's own pictures: a folder of image files, an array, or an .npz or .npy file of one."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm"}
LARGEST = 64  # pixels a side that are kept as they are
SIDE = 28  # to which larger pictures, or pictures of several sizes, are cropped and scaled


def read(source: Any) -> tuple[Tensor, Tensor]:
    """Images, float32 (n, channels, height, width) in [0, 1], and labels, int64 (n,), all 0 where there are none.

    source: a folder (each sub-folder is a class, in the order of the names); an array or tensor of shape
        (n, height, width), (n, height, width, 1 or 3) or (n, 1 or 3, height, width), with values from 0 to 255, or only
        0 and 1, if they are integers, and from 0 to 1 if not; or a file of it, where an .npz may also hold "labels".
    Raises FileNotFoundError, TypeError or ValueError, in one sentence.
    """
    if isinstance(source, str | Path):
        path = Path(source).expanduser()
        if path.is_dir():
            return _from_folder(path)
        if not path.is_file():
            raise FileNotFoundError(f"there is no folder or file {path.absolute()}")
        images, labels = _from_file(path)
    else:
        images, labels = source, None
    pixels = _as_images(np.asarray(images.detach().cpu() if isinstance(images, Tensor) else images))
    if labels is None:
        return pixels, torch.zeros(len(pixels), dtype=torch.int64)
    labels = np.asarray(labels)
    if labels.shape != (len(pixels),) or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"labels must be {len(pixels)} whole numbers, one an image, not {labels.dtype} {labels.shape}")
    return pixels, torch.as_tensor(labels.astype(np.int64))


def _from_file(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    try:
        held = np.load(path, allow_pickle=False)  # a pickle could run anything
        if isinstance(held, np.ndarray):
            return held, None
        with held:
            names = held.files
            images = held["images"] if "images" in names else held[names[0]] if len(names) == 1 else None
            labels = held["labels"] if "labels" in names else None
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{path.name} is not an .npz or .npy file of plain arrays: {error}") from error
    if images is None:
        found = ", ".join(names) or "nothing"
        raise ValueError(f"{path.name} must hold an array called 'images', but it holds {found}")
    return images, labels


def _as_images(array: np.ndarray) -> Tensor:
    if array.ndim == 3:
        array = array[:, None]
    elif array.ndim == 4 and array.shape[1] not in (1, 3) and array.shape[3] in (1, 3):
        array = array.transpose(0, 3, 1, 2)
    if array.ndim != 4 or array.shape[1] not in (1, 3):
        raise ValueError(f"images must have the shape (n, height, width), with 1 or 3 channels, not {array.shape}")
    if np.issubdtype(array.dtype, np.integer):
        if array.size and (array.min() < 0 or array.max() > 255):
            raise ValueError(f"whole-number pixels must lie from 0 to 255, not from {array.min()} to {array.max()}")
        white = 255 if array.size and array.max() > 1 else 1  # zeros and ones alone are black and white
        return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32) / white)
    if array.dtype != bool and not np.issubdtype(array.dtype, np.floating):
        raise TypeError(f"images must be numbers, not {array.dtype}")
    return torch.from_numpy(np.array(array, dtype=np.float32, order="C"))


def _from_folder(folder: Path) -> tuple[Tensor, Tensor]:
    found = (p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
    paths = sorted(p for p in found if not any(part.startswith(".") for part in p.relative_to(folder).parts))
    if not paths:
        raise ValueError(f"{folder.absolute()} holds no pictures ({', '.join(sorted(SUFFIXES))})")
    pictures = [_open(path) for path in paths]
    if len({p.size for p in pictures}) > 1:
        pictures = [_square(p) for p in pictures]
    colour = any(p.mode == "RGB" for p in pictures)
    arrays = [np.asarray(p.convert("RGB" if colour else "L")) for p in pictures]
    classes = [path.relative_to(folder).parts[0] if path.parent != folder else "" for path in paths]
    _, labels = np.unique(classes, return_inverse=True)
    return _as_images(np.stack(arrays)), torch.as_tensor(labels, dtype=torch.int64)


def _open(path: Path) -> Image.Image:
    """As grey or RGB, whatever it was, and already small: a folder of photographs need not fit into memory."""
    try:
        with Image.open(path) as stored:
            picture = _plain(ImageOps.exif_transpose(stored))
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path.name} cannot be read as a picture: {error}") from error
    return _square(picture) if max(picture.size) > LARGEST else picture


def _plain(picture: Image.Image) -> Image.Image:
    """8 bits, grey or RGB; transparent places become white."""
    if picture.mode.startswith("I;16") or picture.mode in ("I", "F"):
        values = np.asarray(picture, dtype=np.float32)
        levels = values * 255 if picture.mode == "F" and values.max() <= 1 else values / 257  # 257 * 255 = 2**16 - 1
        return Image.fromarray(np.clip(levels, 0, 255).astype(np.uint8))
    if "A" in picture.getbands() or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    red, green, blue = picture.convert("RGB").split()
    grey = red.tobytes() == green.tobytes() == blue.tobytes()
    return red if grey else picture.convert("RGB")


def _square(picture: Image.Image) -> Image.Image:
    """The middle of it, SIDE pixels a side."""
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    return picture.resize((SIDE, SIDE), Image.Resampling.LANCZOS, box=(left, top, left + side, top + side))
