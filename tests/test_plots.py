"""plots.py and explorers.py: they draw what they are given, and a slider changes the picture."""

import io
import itertools
import math

import matplotlib.pyplot
import numpy as np
import pytest
import torch
from ipywidgets import Output
from matplotlib.colors import to_rgb
from matplotlib.transforms import Bbox
from PIL import Image

from vae_course.lessons import plots
from vae_course.lessons.explorers import latent_sliders, sliders
from vae_course.lessons.quick_renderer import QuickRenderer
from vae_course.models import VAE, Decoder, Encoder
from vae_course.training import History

SHAPE = (1, 4, 4)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return VAE(Encoder(SHAPE, 2, 8), Decoder(SHAPE, 2, 8))


def picture(figure):
    return np.asarray(Image.open(io.BytesIO(figure._repr_png_())).convert("RGB"))


def test_a_figure_is_a_png_that_pyplot_does_not_keep_open(model):
    before = matplotlib.pyplot.get_fignums()
    figure = plots.manifold(model, n=3)
    assert repr(figure).startswith("<Figure size")
    assert picture(figure).std() > 0
    assert matplotlib.pyplot.get_fignums() == before


def test_image_rows_shows_every_image_of_every_row():
    rows = {"first": torch.rand(3, 1, 4, 4), "in colour": torch.rand(3, 3, 4, 4)}
    figure = plots.image_rows(rows, title="two rows")
    (axes,) = figure.axes
    shown = [image.get_array() for image in axes.images]
    assert len(shown) == 6
    assert np.array_equal(shown[0], rows["first"][0, 0])
    assert np.array_equal(shown[5], rows["in colour"][2].permute(1, 2, 0))
    assert [label.get_text() for label in axes.get_yticklabels()] == list(rows)
    middles = [(image.get_extent()[2] + image.get_extent()[3]) / 2 for image in axes.images[::3]]
    assert middles == pytest.approx(axes.get_yticks())  # each label beside its row, the first above


def test_images_in_rows_keep_their_shape_and_do_not_overlap():
    rows = {"wide": torch.rand(3, 1, 4, 8), "tall": torch.rand(3, 1, 8, 4), "square": torch.rand(3, 1, 4, 4)}
    (axes,) = plots.image_rows(rows).axes
    places = [
        Bbox.from_extents(left, top, right, bottom)
        for left, right, bottom, top in (image.get_extent() for image in axes.images)
    ]
    assert [place.height / place.width for place in places[::3]] == pytest.approx([0.5, 2, 1])
    assert not any(Bbox.intersection(a, b) for a, b in itertools.combinations(places, 2))
    assert axes.get_aspect() == 1


@pytest.mark.parametrize("shape", [(1, 4, 4), (1, 8, 4), (1, 4, 8)])
@pytest.mark.parametrize("rows", [1, 2, 4])
@pytest.mark.parametrize("n", [1, 10, 13])
def test_no_label_of_a_row_is_cut_off(n, rows, shape):
    page = plots.image_rows({f"deep, k = {10**i}": torch.rand(n, *shape) for i in range(rows)})
    page.draw_without_rendering()
    (axes,) = page.axes
    assert min(label.get_window_extent().x0 for label in axes.get_yticklabels()) >= 0
    assert axes.get_window_extent().x1 <= page.bbox.width


def test_image_rows_of_different_length_are_refused():
    with pytest.raises(ValueError, match=r"same number of images, not \[2, 3\]"):
        plots.image_rows({"a": torch.rand(2, 1, 4, 4), "b": torch.rand(3, 1, 4, 4)})


def test_image_rows_are_nearest_neighbour_and_dark_is_ink():
    image = plots.image_rows({"a": torch.ones(1, 1, 2, 2)}).axes[0].images[0]
    assert image.get_interpolation() == "nearest"
    assert image.cmap(image.norm(1.0))[:3] == (0, 0, 0)


def test_learning_curves_show_minus_the_objective():
    figure = plots.learning_curves({"a": History(train=[-30.0, -25.0], test={1: -26.0}), "b": History(train=[-29.0])})
    lines = {line.get_label(): line for line in figure.axes[0].lines}
    assert list(lines) == ["a, train", "a, test", "b, train"]
    assert lines["a, train"].get_ydata().tolist() == [30, 25]
    assert lines["a, test"].get_xydata().tolist() == [[2, 26]]
    assert "nats" in figure.axes[0].get_ylabel()


def test_latent_scatter_marks_each_class_by_its_digit():
    codes, labels = torch.randn(20, 2), torch.arange(20) % 3
    lines = plots.latent_scatter(codes, labels).axes[0].lines
    for value, line in enumerate(lines):
        assert line._marker.get_marker() == f"${value}$"
        assert np.array_equal(line.get_xydata(), codes[labels == value])


def test_bars_are_as_long_as_the_values_in_their_order():
    figure = plots.bars({"one": {"first": 0.8, "second": 0.2}, "two": {"second": 0.3, "first": 0.9}}, "length")
    axes = figure.axes[0]
    places = [(bar.get_width(), round(bar.get_y() + bar.get_height() / 2, 6)) for bar in axes.patches]
    assert places == [(0.8, -0.2), (0.2, 0.8), (0.9, 0.2), (0.3, 1.2)]
    assert axes.get_ylim()[0] > axes.get_ylim()[1]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["first", "second"]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["one", "two"]


def test_there_may_be_more_bars_than_colours():
    series = {f"series {i}": {"name": float(i)} for i in range(len(plots.PALETTE) + 2)}
    assert [bar.get_width() for bar in plots.bars(series, "length").axes[0].patches] == list(range(len(series)))


def test_density_map_has_each_axis_where_it_says():
    def log_prob(x):  # high at x_1 = 2, x_2 = -1
        return -((x[:, 0] - 2) ** 2 + (x[:, 1] + 1) ** 2)

    points = torch.tensor([[2.0, -1.0], [0.0, 0.0]])
    axes = plots.density_map(log_prob, reach=4.0, points=points).axes[0]
    mesh = axes.collections[0]
    row, column = np.unravel_index(np.argmax(mesh.get_array()), (201, 201))
    tick = np.linspace(-4, 4, 201)
    assert (tick[column], tick[row]) == pytest.approx((2, -1))
    assert mesh.get_array().max() == pytest.approx(1.0)
    np.testing.assert_allclose(np.stack(axes.lines[0].get_data(), axis=1), points)


def test_manifold_puts_the_tile_of_each_z_where_its_axes_say(model):
    """The decoder paints the upper half black where z_1 > 0, and the lower half where z_2 > 0."""

    class Half:
        def decode(self, z):
            images = torch.zeros(len(z), 1, 4, 4)
            images[z[:, 0] > 0, :, :2] = 1
            images[z[:, 1] > 0, :, 2:] = 1
            return torch.distributions.Bernoulli(probs=images)

    axes = plots.manifold(Half(), n=2).axes[0]
    sheet = np.asarray(axes.images[0].get_array())
    right_column = axes.get_xticks()[-1]
    top_row = min(axes.get_yticks())

    def tile(x, y):
        x, y = int(np.ceil(x)), int(np.ceil(y))
        return sheet[y - 2, x], sheet[y + 1, x]

    left_column, bottom_row = axes.get_xticks()[0], max(axes.get_yticks())
    assert tile(right_column, top_row) == (1, 1)
    assert tile(left_column, top_row) == (0, 1)
    assert tile(right_column, bottom_row) == (1, 0)
    assert tile(left_column, bottom_row) == (0, 0)
    labels = [float(t.get_text().replace("−", "-")) for t in axes.get_yticklabels()]
    assert labels[np.argmin(axes.get_yticks())] == max(labels)


def test_latent_map_decodes_the_place_it_marks(model):
    figure = plots.latent_map(model, 2.5 * torch.ones(9, 2), torch.arange(9), (1.0, -3.5))
    left, right = figure.axes
    assert left.lines[-1].get_xydata().tolist() == [[1.0, -3.5]]
    assert left.get_xlim() == left.get_ylim() == (-4, 4)  # all codes and the place, in whole steps
    nothing = plots.latent_map(model, torch.zeros(9, 2), torch.arange(9), (0.0, 0.0))
    assert nothing.axes[0].get_xlim() == (-1, 1)
    with torch.no_grad():
        expected = model.decode(torch.tensor([[1.0, -3.5]])).mean[0, 0]
    assert np.allclose(right.images[0].get_array(), expected, atol=1e-6)


def test_moving_a_slider_draws_anew_and_shows_it(model):
    seen = []

    def draw(z1, z2):
        seen.append((z1, z2))
        return plots.latent_map(model, torch.zeros(1, 2), torch.zeros(1, dtype=torch.int64), (z1, z2))

    front = latent_sliders(draw, reach=2.0)
    z1, z2, picture, trouble = front.children
    assert (z1.min, z1.max, z2.description) == (-2.0, 2.0, "z₂")
    before = picture.value
    z1.value = 1.3
    there = picture.value
    z1.value = 0.0
    assert seen == [(0.0, 0.0), (1.3, 0.0), (0.0, 0.0)]
    assert picture.value == before != there
    assert pixels(before).shape == pixels(there).shape
    assert trouble.value == ""


def test_a_pointer_dragged_over_the_map_moves_both_sliders_and_draws_once(model):
    seen = []

    def draw(z1, z2):
        seen.append((z1, z2))
        return plots.latent_map(model, torch.tensor([[-3.0, -3.0], [3.0, 3.0]]), torch.tensor([0, 1]), (z1, z2))

    front = latent_sliders(draw, reach=2.0)
    axes, height = front.page.axes[0], pixels(front.picture.value).shape[0]

    def send(kind, z, buttons=1):
        x, y = axes.transData.transform(z)
        message = {"type": kind, "dataX": x, "dataY": height - y, "buttons": buttons}
        front.pointer._handle_mouse_msg(None, message, None)
        return tuple(control.value for control in front.controls.values())

    assert send("mousedown", (1.5, -0.5)) == pytest.approx((1.5, -0.5))
    assert send("mousemove", (-1.0, 0.25)) == pytest.approx((-1.0, 0.25))
    assert send("mousemove", (1.0, 1.0), buttons=0) == pytest.approx((-1.0, 0.25))  # only passing over it
    assert send("mousemove", (9.0, 0.0)) == pytest.approx((-1.0, 0.25))  # outside the axes
    assert send("mousemove", (2.9, 0.0)) == pytest.approx((2.0, 0.0))  # as far as the slider goes
    assert len(seen) == 4


def test_what_goes_wrong_when_a_slider_moves_stands_below_the_picture_until_it_goes_well_again():
    def draw(n):
        return plots.curves({"<a>": ([1, 2], [1 / n, 2])}, "x", "y")

    n, picture, trouble = sliders(draw, n=(0, 3, 1)).children
    before = picture.value
    n.value = 0
    assert trouble.value == "<pre>ZeroDivisionError: division by zero</pre>"
    assert picture.value == before
    n.value = 2
    assert trouble.value == ""
    assert picture.value != before
    with pytest.raises(ZeroDivisionError):
        sliders(draw, n=(0, 3, 0))


def test_sliders_need_no_output_widget():
    """nbclient now and then waits for ever where one receives a picture while the cell ends."""
    front = sliders(lambda n: plots.bars({"a": {"b": n}}, "c"), n=(0, 3, 1))
    assert not any(isinstance(widget, Output) for widget in front.children)


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"), float)


def log_and_linear(n):
    page = plots.Figure(6.0, 3.0)
    left, right = page.subplots(1, 2)
    left.loglog(np.array([1, 10**n]), np.array([1, 10]), "o-", label=f"{n}")
    left.legend()
    right.imshow(np.eye(n), extent=(0, n, 0, 1))
    right.set(title=f"{n}", xlabel="n" * n)
    return page


@pytest.mark.parametrize("kind", ["latent map", "log axes"])
def test_a_quick_picture_is_the_one_that_matplotlib_makes(kind, model):
    codes, labels = torch.randn(20, 2), torch.arange(20) % 10
    draw = log_and_linear if kind == "log axes" else lambda n: plots.latent_map(model, codes, labels, (n, 0.0))
    quick = QuickRenderer()
    for n in (2, 3, 4, 4, 2):  # other ticks, the same ticks, former ticks
        ours, page = pixels(quick.png(draw(n))), draw(n)
        page.set_layout_engine("none")  # but where axes lie stays as it was in the first figure
        for axes, place in zip(page.axes, quick.places, strict=True):
            axes.set_position(place)
        assert np.abs(pixels(page._repr_png_()) - ours).mean() < 0.01  # of 255
    first = pixels(draw(2)._repr_png_())
    assert np.abs(first - pixels(QuickRenderer().png(draw(2)))).mean() < 0.01


def test_a_quick_picture_draws_ticks_anew_when_anything_about_them_differs(model):
    def draw(**settings):
        page = plots.Figure(3.0, 2.0)
        page.subplots().set(**{"xlim": (0, 1), "ylim": (0, 1), "xlabel": "x"} | settings)
        return page

    others = {
        "limits": {"xlim": (0, 2)},
        "places": {"yticks": [0.3]},
        "labels": {"yticks": [0.0, 1.0], "yticklabels": ["a", "b"]},
        "other labels": {"yticks": [0.0, 1.0], "yticklabels": ["a", "c"]},
        "axis label": {"xlabel": "z"},
        "scale": {"ylim": (0.1, 1), "yscale": "log"},
    }
    quick = QuickRenderer()
    pictures = {"first": pixels(quick.png(draw()))}
    for name, settings in others.items():
        pictures[name] = pixels(quick.png(draw(**settings)))
    for name, picture in pictures.items():
        assert sum(np.array_equal(picture, other) for other in pictures.values()) == 1, name


def test_sliders_start_where_they_are_told_and_go_in_whole_steps_between_whole_numbers():
    front = sliders(lambda **values: plots.Figure(1.0, 1.0), mu=(-1.0, 3.0, 0.5), log2_k=(0, 10, 4))
    mu, k = front.children[:2]
    assert (mu.min, mu.max, mu.value, mu.step, mu.description) == (-1.0, 3.0, 0.5, 0.02, "μ")
    assert (k.min, k.max, k.value, k.step, k.description) == (0, 10, 4, 1, "log₂ k")
    assert isinstance(k.value, int)


@pytest.mark.parametrize(
    "range_", [(0.05, 2.0, 1.0), (0.2, 10.0, 3.0), (-2.5, 0.5, -1.0), (0.01, 0.3, 0.06), (-6.0, 6.0, 0.0)]
)
def test_a_sliders_first_value_is_one_of_its_steps(range_):
    slider = sliders(lambda sigma: plots.Figure(1.0, 1.0), sigma=range_).controls["sigma"]
    steps = (slider.value - slider.min) / slider.step
    assert steps == pytest.approx(round(steps))
    assert 100 <= round((slider.max - slider.min) / slider.step) <= 250


@pytest.mark.parametrize("range_", [(0.0, 1.0, 2.0), (1.0, 0.0, 0.5), (1.0, 1.0, 1.0)])
def test_a_slider_that_starts_outside_its_range_is_refused(range_):
    with pytest.raises(ValueError, match="the slider of beta starts at"):
        sliders(lambda beta: None, beta=range_)


def test_case_files_show_curve_images_and_text_even_where_the_loss_is_not_a_number():
    rows = {"image": torch.rand(8, 1, 4, 4), "again": torch.rand(8, 1, 4, 4)}
    page = plots.case_files({"A": ([3.0, 2.0, 1.0], rows, "well"), "B": ([1e9, math.nan, math.nan], rows, "ill")})
    curve, images, words = page.axes[3:]
    assert (page.axes[0].get_title("left"), curve.get_title("left")) == ("A", "B")
    assert (page.axes[0].get_yscale(), curve.get_yscale()) == ("linear", "symlog")
    assert images.images[0].get_array().shape == (12, 48)  # 2 rows of 8 images with a border of one pixel
    assert [t.get_text() for t in images.get_yticklabels()] == ["image", "again"]
    assert words.texts[0].get_text() == "ill"


def test_case_files_show_colours():
    page = plots.case_files({"A": ([1.0], {"image": torch.rand(2, 3, 4, 4)}, "")})
    assert page.axes[1].images[0].get_array().shape == (6, 12, 3)


def test_strips_put_each_number_on_the_row_of_its_group():
    groups = {"a": [{"p": 1.0, "q": 1.0}, {"p": 2.0, "q": 5e3}], "b": [], "c": [{"p": 4.0}]}
    page = plots.strips(groups, {"p": (3.0,), "q": ()})
    left, right = page.axes
    assert left.lines[0].get_xydata().tolist() == [[1.0, 0.0], [2.0, 0.0], [4.0, 2.0]]
    assert left.lines[1].get_xdata() == [3.0, 3.0]
    assert (left.get_xscale(), right.get_xscale()) == ("linear", "log")


def test_confusion_counts_pairs():
    page = plots.confusion([("a", "y"), ("a", "y"), ("b", "x")], ["a", "b"], ["x", "y"], ("was", "said"))
    axes = page.axes[0]
    assert axes.images[0].get_array().tolist() == [[0, 2], [1, 0]]
    assert sorted(t.get_text() for t in axes.texts) == ["1", "2"]
    assert (axes.get_ylabel(), axes.get_xlabel()) == ("was", "said")


def test_confusion_refuses_a_name_that_is_not_there():
    with pytest.raises(ValueError, match="'c' is not in list|is not in list"):
        plots.confusion([("c", "x")], ["a"], ["x"], ("was", "said"))


def test_curves_show_each_series_and_level():
    page = plots.curves(
        {"a": ([1, 10], [2.0, 3.0]), "b": ([1, 10], [4, 5])}, "K", "nats", log="x", levels={"exact": 6.0}
    )
    axes = page.axes[0]
    assert [line.get_label() for line in axes.lines] == ["a", "b", "exact"]
    assert list(axes.lines[1].get_ydata()) == [4, 5]
    assert (axes.get_xscale(), axes.get_yscale(), axes.get_xlabel(), axes.get_ylabel()) == (
        "log",
        "linear",
        "K",
        "nats",
    )
    assert axes.lines[0].get_linestyle() != axes.lines[1].get_linestyle()
    with pytest.raises(ValueError, match="log must be"):
        plots.curves({}, "", "", log="both")


# What colours look like: to eyes without long-, middle- or short-wave cones (Machado and others 2009).
VISIONS = {
    "every cone": np.eye(3),
    "no long-wave": np.array([[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]]),
    "no middle-wave": np.array([[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]]),
    "no short-wave": np.array([[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]]),
}


def linear(colour):
    c = np.array(to_rgb(colour))
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def contrast_with_white(colour):
    """WCAG 2: from 1 to 21; 3 is asked of what has to be seen in a figure."""
    return 1.05 / (linear(colour) @ [0.2126, 0.7152, 0.0722] + 0.05)


def lab(rgb):
    to_xyz = np.array([[0.4125, 0.3576, 0.1804], [0.2127, 0.7152, 0.0722], [0.0193, 0.1192, 0.9503]])
    xyz = to_xyz @ np.clip(rgb, 0, 1) / np.array([0.9505, 1, 1.0888])
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("vision", VISIONS)
@pytest.mark.parametrize(("colours", "apart"), [(plots.PALETTE[:4], 15), (plots.PALETTE, 14), (plots.CLASSES, 7)])
def test_colours_can_be_told_apart_with_every_colour_vision(vision, colours, apart):
    seen = [lab(VISIONS[vision] @ linear(colour)) for colour in colours]
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)) >= apart


@pytest.mark.parametrize("colour", [*plots.PALETTE[:4], *plots.CLASSES])
def test_lines_and_dots_stand_out_from_the_page(colour):
    assert contrast_with_white(colour) >= 3


def test_plain_ticks_are_written_out_and_at_one_two_and_five():
    page = plots.curves({"a": ([1, 2], [0.02, 30])}, "x", "y", log="y")
    plots.plain_ticks(page.axes[0].yaxis)
    page.draw_without_rendering()
    low, high = page.axes[0].get_ylim()
    labels = [t.get_text() for t in page.axes[0].get_yticklabels() if low <= t.get_position()[1] <= high]
    assert labels == ["0.02", "0.05", "0.1", "0.2", "0.5", "1", "2", "5", "10", "20"]


def test_a_test_curve_that_over_fits_stays_in_the_picture():
    train = [-40.0, -30.0, -28.0, -27.0, -26.0, -25.0, -20.0, -15.0]
    inside = plots.learning_curves({"a": History(train=train, test={5: -25.5, 7: -20.0})})
    assert inside.axes[0].get_ylim() == plots.learning_curves({"a": History(train=train)}).axes[0].get_ylim()
    outside = plots.learning_curves({"a": History(train=train, test={0: -39.0, 5: -28.0, 7: -33.0})})
    assert outside.axes[0].get_ylim() == pytest.approx((14.7, 33.3))  # and not to 39, as it was after one epoch


def test_learning_curves_of_a_run_that_was_stopped_in_its_first_epoch():
    plots.learning_curves({"a": History(), "b": History(train=[-3.0, float("nan")], test={1: float("-inf")})})


def test_strips_of_one_measurement_and_of_one_that_nobody_has():
    page = plots.strips({"a": [{"p": 1.0}]}, {"p": ()})
    assert page.axes[0].lines[0].get_xydata().tolist() == [[1.0, 0.0]]
    assert len(plots.strips({"a": [{"p": 1.0}]}, {"p": (), "q": (2.0,)}).axes) == 2
