"""pictures.py, and load with it: a reader's own pictures arrive as they are, or one sentence says what is wrong."""

import warnings
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image

from vae_course import pictures
from vae_course.data import load

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


def test_sixteen_bits_are_scaled_to_eight(tmp_path):
    save(tmp_path / "a.png", GREY.astype(np.uint16) * 257)
    assert (one(tmp_path) == GREY).all()


def test_black_and_white_is_zero_and_one(tmp_path):
    save(tmp_path / "a.png", Image.fromarray(GREY > 99))
    assert (one(tmp_path) == np.where(GREY > 99, 255, 0)).all()


def test_a_photograph_taken_sideways_is_turned_upright(tmp_path):
    stored = Image.fromarray(COLOUR[:4])
    exif = stored.getexif()
    exif[0x0112] = 6  # "turn by 90 degrees to the right to show"
    save(tmp_path / "a.png", stored, exif=exif)
    assert (one(tmp_path) == np.rot90(COLOUR[:4], -1).transpose(2, 0, 1)).all()


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
def test_small_pictures_of_one_size_are_kept_and_others_made_28_pixels_square(tmp_path, sizes, shape):
    for number, (height, width) in enumerate(sizes):
        save(tmp_path / f"{number}.png", np.full((height, width), 60 + number, dtype=np.uint8))
    images, _ = pictures.read(tmp_path)
    assert images.shape == (len(sizes), 1, *shape)
    assert (images.mean((1, 2, 3)) * 255).tolist() == pytest.approx([60 + n for n in range(len(sizes))])


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


def test_without_sub_folders_every_label_is_zero(tmp_path):
    for name in "abc":
        save(tmp_path / f"{name}.png", GREY)
    assert pictures.read(tmp_path)[1].tolist() == [0, 0, 0]


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
        ({"images": WHOLE.astype(object)}, "own.npz is not an .npz or .npy file of plain arrays: "),
        ({"images": WHOLE, "labels": np.array([None] * 6)}, "own.npz is not an .npz or .npy file of plain arrays: "),
    ],
    ids=["no images", "nothing", "other labels", "labels that are not whole", "pickled images", "pickled labels"],
)
def test_an_npz_file_with_something_else_is_refused(tmp_path, arrays, said):
    np.savez(tmp_path / "own.npz", **arrays)
    assert said in one_sentence(ValueError, tmp_path / "own.npz")


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
