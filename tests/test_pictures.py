"""pictures.py, and load with it: a reader's own pictures arrive as they are, or one sentence says what is wrong."""

import errno
import io
import os
import struct
import warnings
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
import tqdm
from PIL import Image, ImageOps

from vae_course.data import load, pictures

RANDOM = np.random.default_rng(0)
GREY = RANDOM.integers(0, 256, (9, 9), dtype=np.uint8)
COLOUR = RANDOM.integers(0, 256, (9, 9, 3), dtype=np.uint8)


def save(path, array, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    (array if isinstance(array, Image.Image) else Image.fromarray(array)).save(path, **options)


def one(path):
    """The one picture of a folder, in 256 grey levels: (channels, height, width)."""
    images, _ = pictures.read(path)
    assert images.dtype == torch.float32
    assert len(images) == 1
    return (images[0] * 255).round().to(torch.uint8).numpy()


# Folders


@pytest.mark.parametrize("suffix", [".png", ".PNG", ".bmp", ".tif", ".gif", ".pgm"])
def test_a_grey_picture_keeps_its_pixels(tmp_path, suffix):
    save(tmp_path / f"a{suffix}", GREY)
    assert (one(tmp_path) == GREY).all()


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".ppm"])
def test_a_coloured_picture_keeps_its_pixels(tmp_path, suffix):
    save(tmp_path / f"a{suffix}", COLOUR)
    assert (one(tmp_path) == COLOUR.transpose(2, 0, 1)).all()


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg", ".webp"])
def test_a_compressed_picture_is_nearly_itself(tmp_path, suffix):
    smooth = np.linspace(0, 255, 81).reshape(9, 9).astype(np.uint8)
    save(tmp_path / f"a{suffix}", smooth, quality=95)
    assert np.abs(one(tmp_path).astype(int) - smooth).max() < 12


def test_what_is_grey_but_stored_in_colour_is_grey_and_one_colour_makes_all_coloured(tmp_path):
    save(tmp_path / "a.png", np.repeat(GREY[..., None], 3, axis=2))
    assert (one(tmp_path) == GREY).all()
    save(tmp_path / "b.png", COLOUR)
    images, _ = pictures.read(tmp_path)
    assert images.shape == (2, 3, 9, 9)
    assert (images[0] * 255).round().to(torch.uint8).tolist() == [GREY.tolist()] * 3


def test_transparent_places_become_white(tmp_path):
    alpha = np.full((9, 9), 255, dtype=np.uint8)
    alpha[:4] = 0
    save(tmp_path / "a.png", np.dstack([GREY, GREY, GREY, alpha]))
    assert (one(tmp_path)[0, :4] == 255).all()
    assert (one(tmp_path)[0, 4:] == GREY[4:]).all()
    save(tmp_path / "a.png", np.dstack([GREY, alpha]))
    assert (one(tmp_path)[0, :4] == 255).all()
    palette = Image.fromarray(np.where(GREY > 99, 1, 0).astype(np.uint8)).convert("P")
    palette.putpalette([10, 10, 10, 20, 20, 20])
    save(tmp_path / "a.png", palette, transparency=0)
    assert (one(tmp_path) == np.where(GREY > 99, 20, 255)).all()


@pytest.mark.parametrize("suffix", [".png", ".tif", ".pgm"])
def test_sixteen_bits_keep_their_levels_and_the_largest_is_said(tmp_path, capsys, suffix):
    levels = RANDOM.integers(0, 60_000, (9, 9), dtype=np.uint16)
    save(tmp_path / f"a{suffix}", levels)
    assert torch.equal(pictures.read(tmp_path)[0][0, 0], torch.tensor(levels.astype(np.float32) / 65535))
    said = f"1 of 1 pictures (a{suffix}): 16 bits, of which 65535 is white, and the largest value is {levels.max()}\n"
    assert capsys.readouterr().out == said


def test_sixteen_bits_have_one_scale_in_the_whole_folder_and_beside_eight_bits(tmp_path):
    for number, factor in enumerate([1, 16, 257]):  # alone, the first two would be refused as nearly black
        save(tmp_path / f"{number}.png", GREY.astype(np.uint16) * factor)
    save(tmp_path / "3.png", np.dstack([GREY, GREY, 255 - GREY]))
    images, _ = pictures.read(tmp_path)
    assert (images[:3] * 65535).amax((1, 2, 3)).tolist() == pytest.approx([int(GREY.max()) * f for f in (1, 16, 257)])
    assert torch.equal(images[2, 0], images[2, 2])
    assert torch.allclose(images[2, 0], images[3, 0])


@pytest.mark.parametrize(("factor", "white"), [(16, 4095), (1, 255)])
def test_twelve_bits_or_fewer_in_files_of_sixteen_are_refused_with_the_largest_value_and_what_to_do(
    tmp_path, factor, white
):
    for name in "ab":
        save(tmp_path / f"{name}.png", GREY.astype(np.uint16) * factor)
    said = one_sentence(ValueError, tmp_path)
    assert said.startswith(f"the 2 pictures of 16 bits in {tmp_path} are nearly black, for 65535 is white ")
    assert f"their largest value is {int(GREY.max()) * factor}: if {white} is white to you, load(" in said
    remedy = said[said.index("np.stack") : -1]
    paths = sorted(tmp_path.iterdir())
    images, _ = pictures.read(eval(remedy, {"np": np, "Image": Image, "paths": paths}))
    assert torch.equal(images[0, 0], torch.tensor((GREY * (factor / white)).astype(np.float32)))


def test_a_transparent_value_of_sixteen_bits_becomes_white(tmp_path):
    save(tmp_path / "a.png", GREY.astype(np.uint16) * 257, transparency=int(GREY[0, 0]) * 257)
    assert (one(tmp_path)[0] == np.where(GREY[0, 0] == GREY, 255, GREY)).all()


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
def test_a_tiff_that_counts_from_white_is_turned_round_at_every_depth(tmp_path, kind):
    levels = (GREY.astype(np.float64) * {np.uint8: 1, np.uint16: 257, np.float32: 1 / 255}[kind]).astype(kind)
    save(tmp_path / "a.tif", levels)
    stored = (tmp_path / "a.tif").read_bytes()
    black_is_zero, white_is_zero = (struct.pack("<HHII", 262, 3, 1, value) for value in (1, 0))
    assert stored.count(black_is_zero) == 1
    (tmp_path / "a.tif").write_bytes(stored.replace(black_is_zero, white_is_zero))
    assert (one(tmp_path)[0] == 255 - GREY).all()


def test_whole_numbers_of_32_bits_are_those_of_8(tmp_path, capsys):
    save(tmp_path / "a.tif", GREY.astype(np.int32))
    assert (one(tmp_path)[0] == GREY).all()
    assert capsys.readouterr().out == "1 of 1 pictures (a.tif): whole numbers of 32 bits, of which 255 is white\n"


@pytest.mark.parametrize(
    ("levels", "said"),
    [
        (
            GREY.astype(np.float32),
            f"real numbers of 32 bits from {GREY.min()} to {GREY.max()}, not from 0, black, to 1",
        ),
        (GREY / np.float32(255) - 1, "real numbers of 32 bits from -"),
        (
            GREY.astype(np.int32) + 10,
            f" to {int(GREY.max()) + 10}, not from 0, black, to 255, white: bring all pictures ",
        ),
        (GREY.astype(np.int32) * 1000, "whole numbers of 32 bits from "),
        (GREY.astype(np.int32) - 300, "whole numbers of 32 bits from -"),
        (np.where(GREY > 99, np.nan, np.float32(0.5)), f"{(GREY > 99).sum()} of its 81 pixels are NaN or infinite"),
        (np.where(GREY > 99, np.inf, np.float32(0.5)), f"{(GREY > 99).sum()} of its 81 pixels are NaN or infinite"),
    ],
    ids=["real 0 to 255", "real, negative", "a little too large", "large", "negative", "NaN", "infinite"],
)
def test_numbers_of_32_bits_outside_their_range_are_refused(tmp_path, levels, said):
    save(tmp_path / "hat" / "good.tif", GREY / np.float32(255))
    save(tmp_path / "hat" / "z.tif", levels.astype(np.float32) if levels.dtype == np.float64 else levels)
    sentence = one_sentence(ValueError, tmp_path)
    assert sentence.startswith(f"{Path('hat', 'z.tif')} cannot be read as a picture: ")
    assert said in sentence


def test_scaled_real_numbers_stay_between_black_and_white(tmp_path):
    save(
        tmp_path / "a.tif", np.kron(np.eye(2), np.ones((50, 50))).astype(np.float32)
    )  # steps, at which a filter swings
    images, _ = pictures.read(tmp_path)
    assert (images.min().item(), images.max().item()) == (0, 1)


def test_that_zeros_and_ones_are_black_and_white_is_decided_for_the_whole_folder_and_said(tmp_path, capsys):
    for name in "ab":
        save(tmp_path / f"{name}.png", (GREY > 99).astype(np.uint8))
    assert (pictures.read(tmp_path)[0][0] * 255 == torch.tensor(np.where(GREY > 99, 255, 0))).all()
    assert capsys.readouterr().out == "no pixel is above 1, so that 1 is white, not 255\n"
    save(tmp_path / "c.png", (GREY > 99).astype(np.uint8) * 2)
    assert (pictures.read(tmp_path)[0] * 255).amax((1, 2, 3)).tolist() == pytest.approx([1, 1, 2])
    nearly = "nearly black: no pixel is above 2, and 255 is white; if 2 is, load(array / 2)\n"
    assert capsys.readouterr().out == nearly
    pictures.read(WHOLE % 3)
    assert capsys.readouterr().out == nearly


def test_colours_of_sixteen_bits_lose_their_lower_half_and_that_is_said(tmp_path, capsys):
    header = struct.pack(">4sIIBBBBB", b"IHDR", 9, 9, 16, 2, 0, 0, 0)
    rows = b"".join(
        b"\0" + (np.repeat(row[:, None], 3, 1).astype(np.uint16) * 257).astype(">u2").tobytes() for row in GREY
    )
    chunks = (header, b"IDAT" + zlib.compress(rows), b"IEND")
    packed = b"".join(struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in chunks)
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + packed)
    assert (one(tmp_path)[0] == GREY).all()
    assert capsys.readouterr().out == "1 of 1 pictures (a.png): colours of 16 bits, of which Pillow reads the upper 8\n"


def test_black_and_white_is_zero_and_one(tmp_path):
    save(tmp_path / "a.png", Image.fromarray(GREY > 99))
    assert (one(tmp_path) == np.where(GREY > 99, 255, 0)).all()


def test_a_photograph_taken_sideways_is_turned_upright(tmp_path):
    stored = Image.fromarray(COLOUR[:4])
    exif = stored.getexif()
    exif[0x0112] = 6  # "turn by 90 degrees to the right to show"
    save(tmp_path / "a.png", stored, exif=exif)
    assert (one(tmp_path) == np.rot90(COLOUR[:4], -1).transpose(2, 0, 1)).all()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_turned_as_pillow_turns_it(tmp_path, orientation):
    stored = Image.fromarray(COLOUR[:4])
    exif = stored.getexif()
    exif[0x0112] = orientation
    save(tmp_path / "a.png", stored, exif=exif)
    with Image.open(tmp_path / "a.png") as saved:
        upright = np.asarray(ImageOps.exif_transpose(saved))
    assert (one(tmp_path) == upright.transpose(2, 0, 1)).all()


@pytest.mark.parametrize(
    ("tag", "kind", "count", "value"),
    [(256, 1, 1, 0), (258, 4, 1, 2**32 - 1), (262, 3, 2, 0), (270, 5, 1, 0), (282, 2, 1, 0), (0x9999, 13, 1, 99)],
    ids=["bytes for a number", "too large", "a tag that is missed", "a fraction for a text", "text", "unknown"],
)
def test_one_odd_exif_tag_does_not_stop_a_folder(tmp_path, tag, kind, count, value):
    entries = sorted([(0x0112, 3, 1, 6), (tag, kind, count, value)])
    exif = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", 2) + b"".join(struct.pack("<HHII", *e) for e in entries)
    save(tmp_path / "a.jpg", np.full((4, 9), 99, dtype=np.uint8), exif=exif + bytes(20))
    save(tmp_path / "b.jpg", np.full((9, 4), 99, dtype=np.uint8))
    assert pictures.read(tmp_path)[0].shape == (2, 1, 9, 4)


def test_exif_data_that_cannot_be_read_are_named_and_so_is_what_pillow_warns_of(tmp_path, capsys, monkeypatch):
    def odd(picture):
        if picture.size == (9, 4):
            raise struct.error("unpack requires a buffer of 4 bytes")
        warnings.warn("Truncated File Read", UserWarning, stacklevel=2)
        return {}

    monkeypatch.setattr(Image.Image, "getexif", odd)
    save(tmp_path / "hat" / "a.png", GREY[:4])
    save(tmp_path / "hat" / "b.png", GREY)
    pictures.read(tmp_path)
    out, err = capsys.readouterr()
    assert (
        f"1 of 2 pictures ({Path('hat', 'a.png')}): EXIF data that cannot be read, and so not turned upright\n" in out
    )
    assert f"1 of 2 pictures ({Path('hat', 'b.png')}): Pillow warns, Truncated File Read\n" in out
    assert not err


def test_a_photograph_is_decoded_small_and_nearly_the_same(tmp_path, monkeypatch):
    down, across = np.mgrid[:900, :1200]
    photograph = np.dstack([down * 255 // 900, across * 255 // 1200, 99 + 0 * down]).astype(np.uint8)
    save(tmp_path / "jpg" / "a.jpg", photograph)
    save(tmp_path / "png" / "a.png", photograph)
    decoded, plain = [], pictures._plain

    def watched(stored, name, told):
        decoded.append(stored.size)
        return plain(stored, name, told)

    monkeypatch.setattr(pictures, "_plain", watched)
    quick, whole = one(tmp_path / "jpg"), one(tmp_path / "png")
    assert decoded == [(150, 113), (1200, 900)]
    assert np.abs(quick.astype(int) - whole).max() <= 4


@pytest.mark.parametrize("silent", [True, False])
def test_a_progress_bar_is_shown_to_people_and_not_on_record(tmp_path, capsys, monkeypatch, silent):
    monkeypatch.setenv("TQDM_DISABLE", "1" if silent else "0")
    monkeypatch.setattr(pictures, "tqdm", tqdm.tqdm)
    for name in "ab":
        save(tmp_path / f"{name}.png", GREY)
    pictures.read(tmp_path)
    assert ("2/2" in capsys.readouterr().err) is not silent


@pytest.mark.parametrize(
    ("sizes", "shape"),
    [
        ([(64, 64)] * 2, (64, 64)),
        ([(20, 30)] * 2, (20, 30)),
        ([(65, 65)] * 2, (28, 28)),
        ([(20, 20), (20, 30)], (28, 28)),
        ([(300, 200), (28, 28), (10, 12)], (28, 28)),
    ],
    ids=str,
)
def test_small_pictures_of_one_size_are_kept_and_others_made_28_pixels_square(tmp_path, capsys, sizes, shape):
    for number, (height, width) in enumerate(sizes):
        save(tmp_path / f"{number}.png", np.full((height, width), 60 + number, dtype=np.uint8))
    images, _ = pictures.read(tmp_path)
    assert images.shape == (len(sizes), 1, *shape)
    assert (images.mean((1, 2, 3)) * 255).tolist() == pytest.approx([60 + n for n in range(len(sizes))])
    changed = len(sizes) - sizes.count((28, 28)) if shape == (28, 28) else 0
    said = capsys.readouterr().out
    assert said.startswith(f"{changed} of {len(sizes)} pictures (0.png, ") if changed else not said
    assert said.endswith("cropped to the middle and scaled to 28×28 pixels\n") or not changed


@pytest.mark.parametrize("turned", [False, True])
def test_the_middle_of_a_large_picture_is_kept(tmp_path, turned):
    wide = np.zeros((100, 300), dtype=np.uint8)
    wide[:, 100:200] = 200
    save(tmp_path / "a.png", wide.T if turned else wide)
    assert np.abs(one(tmp_path).astype(int) - 200).max() < 20  # the filter that scales reaches a little over the edge


def test_sub_folders_are_classes_in_the_order_of_their_names(tmp_path):
    for number, name in enumerate(["shoe/b.png", "hat/c.png", "shoe/a.png", "hat/deep/d.png"]):
        save(tmp_path / name, np.full((9, 9), number, dtype=np.uint8))
    images, labels = pictures.read(tmp_path)
    assert (images[:, 0, 0, 0] * 255).tolist() == [1, 3, 2, 0]
    assert labels.dtype == torch.int64
    assert labels.tolist() == [0, 0, 1, 1]


def test_what_becomes_of_pictures_that_lie_outside_or_deep_inside_class_folders_is_said(tmp_path, capsys):
    for name in ("a.png", "hat/b.png", "hat/deep/c.png", "hat/deep/d.png"):
        save(tmp_path / name, GREY)
    assert pictures.read(tmp_path)[1].tolist() == [0, 1, 1, 1]
    out = capsys.readouterr().out
    assert "1 of 4 pictures (a.png): in no class folder, and so a class of their own, 0\n" in out
    assert f"2 of 4 pictures ({Path('hat/deep/c.png')}, {Path('hat/deep/d.png')}): in a folder within a class" in out


@pytest.mark.skipif(os.name == "nt", reason="needs symbolic links")
def test_links_are_followed_but_not_in_circles(tmp_path):
    for number, name in enumerate(["own/hat/a.png", "own/hat/b.png", "elsewhere/c.png"]):
        save(tmp_path / name, np.full((9, 9), 50 * number, dtype=np.uint8))
    (tmp_path / "own" / "shoe").symlink_to("../elsewhere")
    (tmp_path / "own" / "hat" / "again").symlink_to("../../own")
    (tmp_path / "elsewhere" / "back").symlink_to("../elsewhere")
    (tmp_path / "own" / "shoe" / "d.png").symlink_to("../own/hat/b.png")
    images, labels = pictures.read(tmp_path / "own")
    assert (images[:, 0, 0, 0] * 255).round().tolist() == [0, 50, 100, 50]
    assert labels.tolist() == [0, 0, 1, 1]
    (tmp_path / "own" / "z.png").symlink_to("nowhere.png")
    assert one_sentence(ValueError, tmp_path / "own") == "z.png cannot be read as a picture: No such file or directory"


def split(folder, *names):
    """A folder with a picture under each name, its level the name's number; what load makes of it, as levels."""
    for number, name in enumerate(names):
        save(folder / name, np.full((9, 9), number * 20, dtype=np.uint8))
    data = load(folder)
    return [(part[:, 0, 0, 0] * 255 / 20).round().int().tolist() for part in (data.train, data.test)], data.labels


def test_train_and_test_are_a_split_and_not_classes(tmp_path, capsys):
    names = ("train/hat/0.png", "train/shoe/1.png", "train/shoe/2.png", "test/hat/3.png", "test/shoe/4.png")
    levels, labels = split(tmp_path, *names)
    assert levels == [[0, 1, 2], [3, 4]]
    assert (labels.train.tolist(), labels.test.tolist()) == ([0, 1, 1], [0, 1])
    assert capsys.readouterr().out == "divided as the folders are: 3 pictures for training and 2 for testing\n"


def test_validation_pictures_are_for_testing_where_there_are_no_others_and_left_out_where_there_are(tmp_path, capsys):
    assert split(tmp_path, "Training/0.png", "val/1.png", "val/2.png")[0] == [[0], [1, 2]]
    assert "1 pictures for training and 2 for testing\n" in capsys.readouterr().out
    assert split(tmp_path, "Training/0.png", "val/1.png", "val/2.png", "TEST/3.png")[0] == [[0], [3]]
    assert "1 pictures for training and 1 for testing; 2 for validation are left out\n" in capsys.readouterr().out


def test_a_split_that_is_not_complete_is_refused_and_a_train_beside_cars_is_a_class(tmp_path):
    save(tmp_path / "train" / "a.png", GREY)
    remedy = f"none for testing: load({str(tmp_path / 'train')!r})"
    assert one_sentence(ValueError, tmp_path, load).endswith(remedy)
    save(tmp_path / "car" / "a.png", GREY)
    assert pictures.read(tmp_path)[1].tolist() == [0, 1]
    save(tmp_path / "test" / "a.png", GREY)
    save(tmp_path / "b.png", GREY)
    assert one_sentence(ValueError, tmp_path, load).endswith("which of: car, pictures in no sub-folder?")


def test_without_sub_folders_every_label_is_zero(tmp_path):
    for name in "abc":
        save(tmp_path / f"{name}.png", GREY)
    assert pictures.read(tmp_path)[1].tolist() == [0, 0, 0]


def test_files_that_are_not_read_are_counted_by_their_kind(tmp_path, capsys):
    save(tmp_path / "hat" / "a.jfif", GREY, format="JPEG")
    for name in ("b.heic", "hat/c.HEIC", "d.txt", "hat/nothing"):
        (tmp_path / name).write_bytes(b"something")
    assert len(pictures.read(tmp_path)[0]) == 1
    said = "4 of 5 files are not read (2 .heic, 1 .txt, 1 nothing): convert pictures to .png or .jpg\n"
    assert capsys.readouterr().out == said
    (tmp_path / "hat" / "a.jfif").unlink()
    end = ".webp), but 2 .heic, 1 .txt, 1 nothing: convert pictures to .png or .jpg"
    assert one_sentence(ValueError, tmp_path).endswith(end)


@pytest.mark.parametrize("suffix", [".tif", ".gif"])
def test_further_pages_and_frames_are_not_read_and_that_is_said(tmp_path, capsys, suffix):
    frames = [Image.fromarray(GREY // n) for n in (1, 2, 3)]
    save(tmp_path / f"a{suffix}", frames[0], save_all=True, append_images=frames[1:])
    for name in "bcde":
        save(tmp_path / f"{name}{suffix}", frames[0], save_all=True, append_images=frames[1:])
    save(tmp_path / "f.png", GREY)
    assert len(pictures.read(tmp_path)[0]) == 6
    names = ", ".join(f"{name}{suffix}" for name in "abc")
    said = f"5 of 6 pictures ({names}, …): only the first of several pages or frames is read\n"
    assert capsys.readouterr().out == said


def test_transparency_and_colour_that_change_pictures_are_said(tmp_path, capsys):
    save(tmp_path / "a.png", np.dstack([GREY, GREY // 2]))
    save(tmp_path / "b.png", np.dstack([GREY, np.full_like(GREY, 255)]))
    save(tmp_path / "c.png", COLOUR)
    pictures.read(tmp_path)
    assert capsys.readouterr().out.splitlines() == [
        "1 of 3 pictures (a.png): transparent in places, which become white",
        "1 of 3 pictures (c.png): in colour, so that all have three channels",
    ]


def test_names_that_cannot_be_printed_are_escaped(tmp_path):
    (tmp_path / "a\nb.png").write_bytes(b"no picture")
    assert one_sentence(ValueError, tmp_path).startswith(r"a\nb.png cannot be read as a picture: ")
    assert pictures._printable("Stra\udcdfe.png") == r"Stra\udcdfe.png"


def denied(*_, **__):
    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def test_what_may_not_be_read_is_named(tmp_path, monkeypatch):
    save(tmp_path / "hat" / "a.png", GREY)
    np.save(tmp_path / "own.npy", WHOLE)
    with monkeypatch.context() as patch:
        patch.setattr(Image, "open", denied)
        said = f"{Path('hat', 'a.png')} cannot be read as a picture: Permission denied"
        assert one_sentence(ValueError, tmp_path) == said
    with monkeypatch.context() as patch:
        patch.setattr(Path, "iterdir", denied)
        assert one_sentence(ValueError, tmp_path) == f"the folder {tmp_path} cannot be read: Permission denied"
    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", denied)
        assert one_sentence(ValueError, tmp_path / "own.npy") == "own.npy cannot be read: Permission denied"
    with monkeypatch.context() as patch:
        patch.setattr(Path, "stat", denied)
        assert one_sentence(ValueError, tmp_path / "own.npy").endswith("own.npy cannot be read: Permission denied")


@pytest.mark.parametrize(
    "name", ["~nobody_has_this_name/own", "a/" + "b" * 300, "a/\0b"], ids=["~", "long", "zero byte"]
)
def test_a_name_that_cannot_be_is_not_there(name):
    assert one_sentence(FileNotFoundError, name, load).startswith("there is no folder or file ")


def test_hidden_files_hidden_folders_and_what_is_no_picture_are_passed_over(tmp_path):
    save(tmp_path / "hat" / "a.png", GREY)
    (tmp_path / "hat" / "._a.png").write_bytes(b"what macOS leaves behind")
    (tmp_path / ".ipynb_checkpoints").mkdir()
    save(tmp_path / ".ipynb_checkpoints" / "a-checkpoint.png", GREY)
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "folder.png").mkdir()
    images, labels = pictures.read(tmp_path)
    assert images.shape == (1, 1, 9, 9)
    assert labels.tolist() == [0]


def one_sentence(error, source, read=pictures.read):
    with pytest.raises(error) as caught:
        read(source)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_broken_picture_is_named(tmp_path):
    save(tmp_path / "a.png", GREY)
    whole = (tmp_path / "a.png").read_bytes()
    for broken in (b"", b"no picture", whole[:60], whole[:40] + b"????" + whole[44:]):
        (tmp_path / "broken.png").write_bytes(broken)
        assert one_sentence(ValueError, tmp_path).startswith("broken.png cannot be read as a picture: ")


def test_no_folder_an_empty_one_and_too_few_pictures_get_a_sentence(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert one_sentence(FileNotFoundError, "missing/folder", load).endswith(str(tmp_path / "missing" / "folder"))
    assert "holds no pictures (.bmp, .gif" in one_sentence(ValueError, tmp_path, load)
    for name in "abcd":
        save(tmp_path / "few" / f"{name}.png", GREY)
    assert one_sentence(ValueError, "few", load).startswith("4 images cannot be split")


def test_a_folder_of_two_hundred_pictures_is_loaded_and_split(tmp_path):
    drawn = RANDOM.integers(0, 256, (200, 12, 12), dtype=np.uint8)
    for number, image in enumerate(drawn):
        save(tmp_path / str(number % 4) / f"{number:03}.png", image)
    data = load(str(tmp_path))
    assert (len(data.train), len(data.test), data.image_shape) == (160, 40, (1, 12, 12))
    assert data.name == str(tmp_path)
    which = {image.tobytes(): number for number, image in enumerate(drawn)}
    found = {}
    for part in ("train", "test"):
        images = (getattr(data, part)[:, 0] * 255).round().to(torch.uint8).numpy()
        found[part] = [which[image.tobytes()] for image in images]
        assert getattr(data.labels, part).tolist() == [number % 4 for number in found[part]]
    assert sorted(found["train"] + found["test"]) == list(range(200))
    assert torch.equal(load(tmp_path).test, data.test)


# Arrays

WHOLE = RANDOM.integers(0, 256, (6, 9, 8), dtype=np.uint8)


@pytest.mark.parametrize(
    "array",
    [
        WHOLE, WHOLE[..., None], WHOLE[:, None], WHOLE.astype(np.int64), WHOLE.astype(">u2"), WHOLE / 255,
        (WHOLE / 255).astype(np.float32), torch.tensor(WHOLE), torch.tensor(WHOLE / 255, requires_grad=True),
        WHOLE.tolist(), WHOLE[:, ::-1][:, ::-1],
    ],
    ids=lambda a: f"{type(a).__name__} {getattr(a, 'dtype', '')} {tuple(getattr(a, 'shape', ()))}",
)  # fmt: skip
def test_grey_arrays_of_every_shape_and_type_are_the_same_images(array):
    images, labels = pictures.read(array)
    assert images.dtype == torch.float32
    assert torch.allclose(images, torch.tensor(WHOLE)[:, None] / 255, rtol=0, atol=1e-7)
    assert labels.tolist() == [0] * 6
    assert not images.requires_grad


def test_the_images_are_a_copy():
    own = np.zeros((5, 2, 2), dtype=np.float32)
    images, _ = pictures.read(own)
    own += 1
    assert images.max() == 0
    own.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # torch warns of memory that may not be written
        assert pictures.read(own)[0].min() == 1


def test_zeros_and_ones_are_black_and_white_whatever_their_type():
    for dtype in (np.uint8, np.int64, bool, np.float32):
        assert torch.equal(pictures.read((WHOLE > 99).astype(dtype))[0], torch.tensor(WHOLE > 99).float()[:, None])


def test_pictures_of_real_numbers_keep_their_values(tmp_path):
    values = np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)
    Image.fromarray(values).save(tmp_path / "a.tif")
    assert np.abs(one(tmp_path) / 255 - values).max() < 1 / 255


def test_a_tensor_of_bfloat16_is_accepted():
    half = (torch.tensor(WHOLE) / 255).bfloat16()
    assert torch.equal(pictures.read(half)[0], half.float()[:, None])


def test_what_looks_like_one_picture_in_colour_is_read_as_grey_ones_and_that_is_said(capsys):
    assert pictures.read(COLOUR)[0].shape == (9, 1, 9, 3)
    assert capsys.readouterr().out == "the shape (9, 9, 3) is read as 9 grey images, not as one in colour\n"


def test_float16_and_bool_are_accepted():
    assert torch.equal(pictures.read(WHOLE > 99)[0], torch.tensor(WHOLE > 99).float()[:, None])
    half = (WHOLE / 255).astype(np.float16)
    assert torch.equal(pictures.read(half)[0], torch.tensor(half).float()[:, None])


@pytest.mark.parametrize("last", [True, False], ids=["channels last", "channels first"])
def test_coloured_arrays(last):
    colour = RANDOM.integers(0, 256, (6, 9, 8, 3), dtype=np.uint8)
    images, _ = pictures.read(colour if last else colour.transpose(0, 3, 1, 2))
    assert torch.equal(images, torch.tensor(colour).permute(0, 3, 1, 2) / 255)


@pytest.mark.parametrize(
    ("array", "error", "said"),
    [
        (WHOLE[0], ValueError, "must have the shape (n, height, width), with 1 or 3 channels, not (9, 8)"),
        (WHOLE[None, None], ValueError, "not (1, 1, 6, 9, 8)"),
        (np.zeros((6, 9, 8, 2)), ValueError, "with 1 or 3 channels, not (6, 9, 8, 2)"),
        (None, ValueError, "not ()"),
        (WHOLE.astype(int) - 1, ValueError, "whole-number pixels must lie from 0 to 255, not from -1 to "),
        (WHOLE.astype(int) + 1, ValueError, "to 256"),
        (WHOLE.astype(float), ValueError, "pixels must lie in [0, 1], but these range from"),
        (WHOLE / 255 - 0.5, ValueError, "pixels must lie in [0, 1]"),
        (np.full((6, 9, 8), np.nan), ValueError, "NaN or infinite"),
        (WHOLE.astype(object), TypeError, "images must be numbers, not object"),
        (WHOLE.astype(str), TypeError, "images must be numbers, not <U3"),
        (WHOLE.astype(complex), TypeError, "images must be numbers, not complex128"),
        (WHOLE[:4], ValueError, "4 images cannot be split"),
        (WHOLE[:0], ValueError, "0 images cannot be split"),
        ([WHOLE[0], WHOLE[0, 1:]], ValueError, "this list cannot be made one array: images must be of one shape"),
        ((WHOLE, [0] * 6), ValueError, "labels go with them into an .npz file"),
        (np.ma.masked_array(WHOLE, WHOLE > 99), TypeError, "a masked array: say what stands in the masked places"),
        (torch.tensor(WHOLE).to_sparse(), TypeError, "must be a dense tensor of numbers: images.to_dense()"),
        (np.full((6, 9, 8), 1e300), ValueError, "NaN or infinite"),
        (WHOLE[:, :0], ValueError, "there are no images"),
    ],
    ids=lambda a: None if isinstance(a, np.ndarray) else str(a),
)
def test_other_arrays_are_refused_in_one_sentence(array, error, said):
    assert said in one_sentence(error, array, load)


# Files


@pytest.mark.parametrize(("name", "labels"), [("images", None), ("another", None), ("images", [3, 1, 4, 1, 5, 9])])
def test_an_npz_file_holds_images_and_may_hold_labels(tmp_path, labels, name):
    arrays = {name: WHOLE} | ({"labels": labels} if labels else {})
    np.savez_compressed(tmp_path / "own.npz", **arrays)
    images, found = pictures.read(tmp_path / "own.npz")
    assert torch.equal(images, torch.tensor(WHOLE)[:, None] / 255)
    assert found.tolist() == (labels or [0] * 6)


def test_an_npy_file_holds_images_and_may_be_named_from_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    np.save(tmp_path / "own.npy", WHOLE)
    data = load("~/own.npy", binarize="threshold")
    assert (len(data.train), len(data.test), data.image_shape) == (5, 1, (1, 9, 8))
    assert set(data.train.unique().tolist()) == {0.0, 1.0}


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"x": WHOLE, "y": [1]}, "own.npz must hold an array called 'images', but it holds x, y"),
        ({}, "but it holds nothing"),
        ({"images": WHOLE, "labels": [1, 2]}, "labels must be 6 whole numbers, one an image, not int64 (2,)"),
        ({"images": WHOLE, "labels": np.ones(6)}, "not float64 (6,)"),
        ({"images": WHOLE, "labels": np.full(6, 2**63, dtype=np.uint64)}, "but the largest is 9223372036854775808"),
        ({str(n): WHOLE for n in range(9)}, "but it holds 0, 1, 2, 3, 4, …"),
        ({"images": WHOLE.astype(object)}, "own.npz is not an .npz or .npy file of plain arrays: "),
        ({"images": WHOLE, "labels": np.array([None] * 6)}, "own.npz is not an .npz or .npy file of plain arrays: "),
    ],
    ids=[
        "no images",
        "nothing",
        "other labels",
        "labels that are not whole",
        "labels that are too large",
        "many arrays",
        "pickled images",
        "pickled labels",
    ],
)
def test_an_npz_file_with_something_else_is_refused(tmp_path, arrays, said):
    np.savez(tmp_path / "own.npz", **arrays)
    assert said in one_sentence(ValueError, tmp_path / "own.npz")


def test_arrays_that_are_not_read_are_named(tmp_path, capsys):
    np.savez(tmp_path / "own.npz", images=WHOLE, label=np.arange(6), Labels=np.arange(6))
    assert pictures.read(tmp_path / "own.npz")[1].tolist() == [0] * 6
    assert capsys.readouterr().out == "own.npz: Labels, label not read, only images\n"


def test_a_second_array_in_an_npy_file_is_not_dropped(tmp_path):
    with (tmp_path / "own.npy").open("wb") as stream:
        np.save(stream, WHOLE)
        np.save(stream, np.arange(6))
    assert one_sentence(ValueError, tmp_path / "own.npy").startswith("own.npy goes on after its first array")


def test_one_picture_packed_pictures_another_file_and_a_device_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save(tmp_path / "a.png", GREY)
    assert one_sentence(ValueError, "a.png", load) == "a.png is one picture: name the folder that holds it and others"
    with zipfile.ZipFile("own.zip", "w") as archive:
        archive.write("a.png")
    assert one_sentence(ValueError, "own.zip", load).endswith("but it holds a.png: unpack it, and name the folder")
    (tmp_path / "own.mat").write_bytes(b"MATLAB 5.0")
    other = "own.mat is not an .npz or .npy file of plain arrays: it holds objects, or is something else"
    assert one_sentence(ValueError, "own.mat", load) == other
    if os.path.exists(os.devnull):
        assert one_sentence(ValueError, os.devnull, load).endswith("is neither a folder nor a file")


def test_an_array_that_does_not_fit_into_memory_is_refused(tmp_path):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": (10**15, 9, 9)})
    (tmp_path / "own.npy").write_bytes(header.getvalue())
    assert "own.npy is not an .npz or .npy file of plain arrays: Unable to" in one_sentence(
        ValueError, tmp_path / "own.npy"
    )


class Pickled:
    """An object that runs something when it is unpickled."""

    def __reduce__(self):
        return pytest.fail, ("a pickle was run",)


def test_a_pickle_is_never_run(tmp_path):
    np.save(tmp_path / "own.npy", np.array([Pickled()], dtype=object), allow_pickle=True)
    assert "own.npy is not an .npz or .npy file of plain arrays" in one_sentence(ValueError, tmp_path / "own.npy")


def test_a_damaged_file_is_named(tmp_path):
    np.savez_compressed(tmp_path / "whole.npz", images=WHOLE)
    np.save(tmp_path / "whole.npy", WHOLE)
    packed, plain = (tmp_path / "whole.npz").read_bytes(), (tmp_path / "whole.npy").read_bytes()
    flipped = bytes(b ^ 255 if 100 <= i < 140 else b for i, b in enumerate(packed))
    for broken in (b"", b"a text\n" * 9, packed[: len(packed) // 2], packed[:-30], flipped, plain[:-1], plain[:50]):
        (tmp_path / "own.npz").write_bytes(broken)
        assert one_sentence(ValueError, tmp_path / "own.npz").startswith("own.npz is not an .npz or .npy file")
    with zipfile.ZipFile(tmp_path / "own.npz", "w") as archive:
        archive.writestr("images", "a text")
    assert one_sentence(ValueError, tmp_path / "own.npz").startswith("images must have the shape")
