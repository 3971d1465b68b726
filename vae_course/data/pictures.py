"""A reader's own pictures: a folder of image files, an array, or an .npz or .npy file of one.

Nothing is changed or left out in silence: what happens to pictures on their way is printed, one line for each kind.
"""

from __future__ import annotations

import os
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import ExifTags, Image
from PIL.ImageFile import ImageFile
from torch import Tensor
from tqdm.auto import tqdm

SUFFIXES = {
    ".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm", ".pbm", ".pnm",
}  # fmt: skip
LARGEST = 64  # pixels a side that are kept as they are
SIDE = 28  # to which larger pictures, or pictures of several sizes, are cropped and scaled
DARK = 1 / 16  # of white: where no pixel of a folder or array is brighter, another value is likely to be meant as white
PARTS = {
    "train": "training", "training": "training", "test": "testing", "testing": "testing",
    "val": "validation", "valid": "validation", "validation": "validation",
}  # fmt: skip
UPRIGHT = {  # EXIF's orientation -> what turns the picture; ImageOps.exif_transpose stops at odd tags beside it
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # fmt: skip
STACK = "np.stack([np.asarray(Image.open(path)) for path in paths])"  # how a reader makes an array of pictures
TRANSPARENT = "transparent in places, which become white"
READ = ("images", "labels")  # of an .npz file


class Pictures(NamedTuple):
    """images: float32 (n, channels, height, width) in [0, 1]; labels: int64 (n,), all 0 where there are none.

    for_testing: bool (n,), where the source says which images are for testing
    """

    images: Tensor
    labels: Tensor
    for_testing: Tensor | None = None


def read(source: Any) -> tuple[Tensor, Tensor]:
    """Images, float32 (n, channels, height, width) in [0, 1], and labels, int64 (n,), all 0 where there are none.

    source: a folder (each sub-folder is a class, in the order of the names); an array or tensor of shape
        (n, height, width), (n, height, width, 1 or 3) or (n, 1 or 3, height, width), with values from 0 to 255, or only
        0 and 1, if they are integers, and from 0 to 1 if not; or a file of it, where an .npz may also hold "labels"
    In files of pictures, white is 255 of 8 bits, or 1 if no pixel of the folder has more; 65535 of 16 bits, refused
    where all are nearly black; 255 of whole numbers of 32 bits; and 1 of real numbers. Transparent places become white,
    and names that begin with a dot are passed over.
    Raises FileNotFoundError, TypeError or ValueError, in one sentence.
    """
    return read_parts(source)[:2]


def read_parts(source: Any) -> Pictures:
    """As `read`, and which images are for testing, where a folder is divided into "train" and "test" (or "val")."""
    labels = None
    if isinstance(source, str | Path):
        path = Path(os.path.expanduser(source))  # Path.expanduser raises where there is no such user
        try:
            path.stat()
        except PermissionError as error:
            raise ValueError(f"{path.absolute()} cannot be read: {error.strerror}") from error
        except (OSError, ValueError) as error:  # a name may also be too long, or hold a zero byte
            raise FileNotFoundError(f"there is no folder or file {path.absolute()}") from error
        if path.is_dir():
            return _from_folder(path)
        source, labels = _from_file(path)
    pixels = _as_images(_as_array(source))
    if labels is None:
        return Pictures(pixels, torch.zeros(len(pixels), dtype=torch.int64))
    labels = np.asarray(labels)
    if labels.shape != (len(pixels),) or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"labels must be {len(pixels)} whole numbers, one an image, not {labels.dtype} {labels.shape}")
    if labels.size and labels.max() > np.iinfo(np.int64).max:
        raise ValueError(f"labels must be whole numbers of 64 bits with a sign, but the largest is {labels.max()}")
    return Pictures(pixels, torch.as_tensor(labels.astype(np.int64)))


def _from_file(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    if path.suffix.lower() in SUFFIXES:
        raise ValueError(f"{path.name} is one picture: name the folder that holds it and others")
    if not path.is_file():
        raise ValueError(f"{path.absolute()} is neither a folder nor a file")
    try:
        with path.open("rb") as stream:
            held = np.load(stream, allow_pickle=False)  # a pickle could run anything
            if isinstance(held, np.ndarray):
                names, arrays, goes_on = [], {"images": held}, stream.read(1) != b""
            else:
                names, goes_on = held.files, False
                arrays = {"images": held[names[0]]} if len(names) == 1 else {n: held[n] for n in READ if n in names}
    except PermissionError as error:
        raise ValueError(f"{path.name} cannot be read: {error.strerror}") from error
    except Exception as error:  # NumPy, zipfile and zlib raise many kinds, all of them because of the file
        pickled = "pickle" in str(error)  # NumPy says so of every file that it does not know, and advises to run it
        reason = "it holds objects, or is something else" if pickled else error
        raise ValueError(f"{path.name} is not an .npz or .npy file of plain arrays: {reason}") from error
    if goes_on:
        raise ValueError(f"{path.name} goes on after its first array: np.savez keeps several, each under its name")
    packed = any(Path(name).suffix.lower() in SUFFIXES for name in names)
    if packed or "images" not in arrays:
        found = ", ".join(names[:5]) + ", …" * (len(names) > 5) or "nothing"
        unpack = ": unpack it, and name the folder" * packed
        raise ValueError(f"{path.name} must hold an array called 'images', but it holds {found}{unpack}")
    if len(names) > 1 and (unread := set(names).difference(READ)):
        print(f"{path.name}: {', '.join(sorted(unread))} not read, only {' and '.join(arrays)}")
    return arrays["images"], arrays.get("labels")


def _as_array(images: Any) -> np.ndarray:
    if isinstance(images, np.ma.MaskedArray):
        raise TypeError("images must not be a masked array: say what stands in the masked places, array.filled(0)")
    if isinstance(images, Tensor):
        if images.layout != torch.strided or images.is_quantized or images.is_meta:
            raise TypeError("images must be a dense tensor of numbers: images.to_dense(), or images.dequantize()")
        images = images.detach().cpu()
        return (images.float() if images.is_floating_point() else images).numpy()  # NumPy has no bfloat16
    try:
        return np.asarray(images)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(
            f"this {type(images).__name__} cannot be made one array: images must be of one shape, and labels go with "
            "them into an .npz file, np.savez('own.npz', images=images, labels=labels)"
        ) from error


def _as_images(array: np.ndarray) -> Tensor:
    if array.ndim == 3:
        if array.shape[2] in (3, 4) and array.shape[1] > 4:
            print(f"the shape {array.shape} is read as {len(array)} grey images, not as one in colour")
        array = array[:, None]
    elif array.ndim == 4 and array.shape[1] not in (1, 3) and array.shape[3] in (1, 3):
        array = array.transpose(0, 3, 1, 2)
    if array.ndim != 4 or array.shape[1] not in (1, 3):
        raise ValueError(f"images must have the shape (n, height, width), with 1 or 3 channels, not {array.shape}")
    if np.issubdtype(array.dtype, np.integer):
        if array.size and (array.min() < 0 or array.max() > 255):
            raise ValueError(f"whole-number pixels must lie from 0 to 255, not from {array.min()} to {array.max()}")
        white = _white(int(array.max())) if array.size else 1
        return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32) / white)
    if array.dtype != bool and not np.issubdtype(array.dtype, np.floating):
        raise TypeError(f"images must be numbers, not {array.dtype}")
    with np.errstate(over="ignore"):  # what is too large for float32 becomes infinite, and is refused as such
        return torch.from_numpy(np.array(array, dtype=np.float32, order="C"))


def _white(largest: int) -> int:
    """Of whole numbers up to 255, of which this is the largest: zeros and ones alone are black and white."""
    if 1 < largest <= 255 * DARK:
        print(f"nearly black: no pixel is above {largest}, and 255 is white; if {largest} is, load(array / {largest})")
    return 255 if largest > 1 else 1


@dataclass
class _Told:
    """What there is to say of the pictures of a folder."""

    notes: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))  # a sentence -> the files it is of
    largest: dict[str, int] = field(default_factory=dict)  # the largest value in each picture of 16 bits

    def say(self, total: int) -> None:
        for sentence, names in self.notes.items():
            print(f"{len(names)} of {total} pictures ({', '.join(names[:3])}{', …' * (len(names) > 3)}): {sentence}")


def _from_folder(folder: Path) -> Pictures:
    told, silent = _Told(), os.environ.get("TQDM_DISABLE") == "1"  # tqdm's bar for notebooks does not look at it
    paths, for_testing, classes = _divided(folder, _pictures_in(folder))
    names = [_printable(path.relative_to(folder)) for path in paths]
    labels = _labels(classes, names, told)
    pictures = [_open(*one, told) for one in zip(tqdm(paths, unit="picture", disable=silent), names, strict=True)]
    if told.largest:
        _check_sixteen_bits(told, folder)
    if len({p.size for p in pictures}) > 1:
        pictures = [_square(*one, told) for one in zip(pictures, names, strict=True)]
    coloured = [name for p, name in zip(pictures, names, strict=True) if p.mode == "RGB"]
    if 0 < len(coloured) < len(pictures):
        told.notes["in colour, so that all have three channels"] = coloured
    told.say(len(paths))
    largest = max((int(np.asarray(p).max()) for p in pictures if p.mode != "F"), default=255)
    if largest == 1:
        print("no pixel is above 1, so that 1 is white, not 255")
    white = _white(largest)
    images = np.stack([_channels(p, white, 3 if coloured else 1) for p in pictures])
    return Pictures(torch.from_numpy(images), labels, for_testing)


def _pictures_in(folder: Path) -> list[Path]:
    files = list(_files(folder))
    paths = sorted(p for p in files if p.suffix.lower() in SUFFIXES and (p.is_file() or p.is_symlink()))
    others = Counter(_printable(p.suffix.lower() or p.name) for p in set(files).difference(paths))
    unread = ", ".join(f"{count} {suffix}" for suffix, count in sorted(others.items()))
    if not paths:
        beside = f", but {unread}: convert pictures to .png or .jpg" if unread else ""
        raise ValueError(f"{folder.absolute()} holds no pictures ({', '.join(sorted(SUFFIXES))}){beside}")
    if unread:
        print(f"{others.total()} of {len(files)} files are not read ({unread}): convert pictures to .png or .jpg")
    return paths


def _files(folder: Path, within: tuple[str, ...] = ()) -> Iterator[Path]:
    """Links are followed, but not back to a folder they lie in, which would never end."""
    here = os.path.realpath(folder)
    if here in within:
        return
    try:
        entries = [entry for entry in folder.iterdir() if not entry.name.startswith(".")]
    except OSError as error:
        raise ValueError(f"the folder {folder.absolute()} cannot be read: {error.strerror}") from error
    for entry in entries:
        if os.path.isdir(entry):
            yield from _files(entry, (*within, here))
        else:
            yield entry


def _divided(folder: Path, paths: list[Path]) -> tuple[list[Path], Tensor | None, list[tuple[str, ...]]]:
    """The pictures to read, which of them are for testing (None if that is open), and the class folders around each."""
    around = [path.relative_to(folder).parts[:-1] for path in paths]
    tops = {folders[0] if folders else "" for folders in around}
    part_of = {top: PARTS.get(top.lower()) for top in tops}
    parts = set(part_of.values())
    if "training" not in parts or (len(tops) > 1 and not parts & {"testing", "validation"}):
        return paths, None, around  # "train" may well be a class, beside "car"
    if None in parts:
        odd = ", ".join(sorted(_printable(top) or "pictures in no sub-folder" for top in tops if not part_of[top]))
        raise ValueError(f"{folder.absolute()} is divided for training and testing, but what is for which of: {odd}?")
    if parts == {"training"}:
        only = folder.absolute() / min(tops)
        raise ValueError(f"{folder.absolute()} has pictures for training and none for testing: load({str(only)!r})")
    held_out = "testing" if "testing" in parts else "validation"
    kept = [(p, f) for p, f in zip(paths, around, strict=True) if part_of[f[0]] in ("training", held_out)]
    for_testing = torch.tensor([part_of[folders[0]] == held_out for _, folders in kept])
    left_out = f"; {len(paths) - len(kept)} for validation are left out" if len(kept) < len(paths) else ""
    tested = int(for_testing.sum())
    print(f"divided as the folders are: {len(kept) - tested} pictures for training and {tested} for testing{left_out}")
    return [path for path, _ in kept], for_testing, [folders[1:] for _, folders in kept]


def _labels(classes: list[tuple[str, ...]], names: list[str], told: _Told) -> Tensor:
    """The number of each picture's class, in the order of their names; pictures in no class folder come first."""
    named, labels = np.unique([folders[0] if folders else "" for folders in classes], return_inverse=True)
    if len(named) > 1 and named[0] == "":
        told.notes["in no class folder, and so a class of their own, 0"] = [
            name for name, label in zip(names, labels, strict=True) if label == 0
        ]
    if deeper := [name for name, folders in zip(names, classes, strict=True) if len(folders) > 1]:
        told.notes["in a folder within a class folder, whose name is not used"] = deeper
    return torch.as_tensor(labels, dtype=torch.int64)


def _open(path: Path, name: str, told: _Told) -> Image.Image:
    """As "L", "RGB" or, from 0 to 1, "F", and already small: a folder of photographs need not fit into memory."""
    try:
        with warnings.catch_warnings(record=True) as heard:
            warnings.simplefilter("ignore")  # a large picture may be opened
            warnings.simplefilter("always", UserWarning)  # which speak of damage
            with Image.open(path) as stored:
                if getattr(stored, "n_frames", 1) > 1:
                    told.notes["only the first of several pages or frames is read"].append(name)
                stored.draft(None, (4 * SIDE, 4 * SIDE))  # a JPEG is decoded at 1/2, 1/4 or 1/8 of its size, quickly
                picture = _upright(_plain(stored, name, told), stored, name, told)
    except Exception as error:  # Pillow raises many kinds, all of them because of the file
        reason = getattr(error, "strerror", None) or error
        raise ValueError(f"{name} cannot be read as a picture: {reason}") from error
    for message in sorted({str(warning.message).strip() for warning in heard}):
        told.notes[f"Pillow warns, {message}"].append(name)
    return _square(picture, name, told) if max(picture.size) > LARGEST else picture


def _plain(stored: ImageFile, name: str, told: _Told) -> Image.Image:
    """8 bits, grey or RGB, or real numbers from 0 to 1; transparent places become white."""
    raw = str(stored.tile)  # how the numbers are stored, which is forgotten when they are loaded
    stored.load()
    if stored.mode.startswith("I;16") or (stored.mode == "I" and stored.format in ("PNG", "PPM")):
        return _sixteen_bits(stored, 4095 if "I;12" in raw else 65535, name, told)
    if stored.mode in ("I", "F"):
        return _thirty_two_bits(stored, name, told)
    if ";16" in raw:
        told.notes["colours of 16 bits, of which Pillow reads the upper 8"].append(name)
    picture: Image.Image = stored
    if "A" in stored.getbands() or "transparency" in stored.info:
        picture = stored.convert("RGBA")
        if np.asarray(picture.getchannel("A")).min() < 255:
            told.notes[TRANSPARENT].append(name)
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    red, green, blue = picture.convert("RGB").split()
    grey = red.tobytes() == green.tobytes() == blue.tobytes()
    return red if grey else picture.convert("RGB")


def _sixteen_bits(stored: ImageFile, white: int, name: str, told: _Told) -> Image.Image:
    values = np.asarray(stored).astype(np.float32)
    if white == 65535:
        told.largest[name] = int(values.max())
    levels = _from_black(stored, values / white)
    if "transparency" in stored.info:  # the one value that is
        levels[values == stored.info["transparency"]] = 1
        told.notes[TRANSPARENT].append(name)
    return Image.fromarray(levels)


def _thirty_two_bits(stored: ImageFile, name: str, told: _Told) -> Image.Image:
    """Nothing says which value is white, so that the rule for arrays holds: 255 if they are whole numbers, else 1."""
    values = np.asarray(stored)
    kind, white = ("whole", 255) if stored.mode == "I" else ("real", 1)
    if bad := np.count_nonzero(~np.isfinite(values)):
        raise ValueError(f"{bad} of its {values.size} pixels are NaN or infinite, and have to be replaced first")
    low, high = values.min(), values.max()
    if low < 0 or high > white:
        raise ValueError(
            f"it holds {kind} numbers of 32 bits from {low:g} to {high:g}, not from 0, black, to {white}, white: bring "
            f"all pictures into that range by one rule, load({STACK} / white)"
        )
    told.notes[f"{kind} numbers of 32 bits, of which {white} is white"].append(name)
    return Image.fromarray(values.astype(np.uint8) if kind == "whole" else _from_black(stored, values))


def _from_black(stored: ImageFile, levels: np.ndarray) -> np.ndarray:
    """A TIFF may count from white; Pillow turns 8 bits round, but not more."""
    from_white = getattr(stored, "tag_v2", {}).get(262) == 0  # PhotometricInterpretation
    return 1 - levels if from_white else levels


def _upright(picture: Image.Image, stored: ImageFile, name: str, told: _Told) -> Image.Image:
    try:
        orientation = stored.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # many kinds, all of them because of odd tags
        told.notes["EXIF data that cannot be read, and so not turned upright"].append(name)
        return picture
    return picture.transpose(UPRIGHT[orientation]) if orientation in UPRIGHT else picture


def _check_sixteen_bits(told: _Told, folder: Path) -> None:
    largest = max(told.largest.values())
    if largest <= 65535 * DARK:
        white = 4095 if largest > 255 else 255
        raise ValueError(
            f"the {len(told.largest)} pictures of 16 bits in {folder.absolute()} are nearly black, for 65535 is white "
            f"and their largest value is {largest}: if {white} is white to you, load({STACK} / {white})"
        )
    told.notes[f"16 bits, of which 65535 is white, and the largest value is {largest}"] = list(told.largest)


def _square(picture: Image.Image, name: str, told: _Told) -> Image.Image:
    """The middle of it, SIDE pixels a side."""
    if picture.size == (SIDE, SIDE):
        return picture
    told.notes[f"cropped to the middle and scaled to {SIDE}×{SIDE} pixels"].append(name)
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    return picture.resize((SIDE, SIDE), Image.Resampling.LANCZOS, box=(left, top, left + side, top + side))


def _channels(picture: Image.Image, white: int, channels: int) -> np.ndarray:
    """float32 (channels, height, width) in [0, 1]."""
    values = np.asarray(picture, dtype=np.float32)
    levels = values.clip(0, 1) if picture.mode == "F" else values / white  # scaling swings a little beyond 0 and 1
    return np.broadcast_to(levels, (channels, *levels.shape)) if levels.ndim == 2 else levels.transpose(2, 0, 1)


def _printable(path: Path | str) -> str:
    """A name may hold a line break, or bytes that are no text, at which print would stop."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in str(path))
