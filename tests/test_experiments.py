"""experiments/evaluate.py and iwae_table1.py, and that what they recorded still holds."""

import json
import math
import os
import subprocess
import sys

import pytest
import torch

from tools import lessons
from vae_course import doctor
from vae_course.data import load
from vae_course.evaluation import PerImage, active_units, log_likelihood
from vae_course.models import VAE, Decoder, Encoder
from vae_course.models.autoregressive import WindowDecoder
from vae_course.models.likelihoods import gaussian
from vae_course.training import fit
from vae_course.training.architectures import load_model, save_model

sys.path.insert(0, str(lessons.ROOT / "experiments"))

import evaluate
import iwae_table1

RESULTS = lessons.ROOT / "results"
TABLE = RESULTS / "iwae_table1.json"
RECORDS = json.loads(TABLE.read_text(encoding="utf-8")) if TABLE.exists() else {}


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    torch.manual_seed(0)
    model = VAE(Encoder((1, 8, 8), 4, 30), Decoder((1, 8, 8), 4, 30))
    fit(model, load("digits", binarize="draw"), epochs=5, lr=3e-3, device="cpu")
    path = tmp_path_factory.mktemp("models") / "m.pt"
    save_model(path, model, {"seed": 0})
    return path


def test_evaluate_measures_a_saved_model(saved, tmp_path, capsys):
    table = tmp_path / "table.json"
    few = ["--images", "100", "--k", "50", "--ais", "4", "--temperatures", "10", "--device", "cpu"]
    assert evaluate.main([str(saved), "--data", "digits", *few, "--json", str(table)]) == 0
    out = capsys.readouterr().out
    found = json.loads(table.read_text(encoding="utf-8"))
    assert found["trained with"] == {"seed": 0}
    assert found["versions"]["torch"]
    measured = found["measured"]
    cost = {name: value["value"] for name, value in measured.items() if isinstance(value, dict)}
    rate, distortion = cost["rate, KL(q(z|x) || p(z))"], cost["distortion, -log p(x|z)"]
    assert cost["-ELBO"] == pytest.approx(rate + distortion)
    assert 20 < cost["-log p(x), 50 importance samples"] < cost["-ELBO"] < 40
    assert 0 < cost["mutual information, at most log n"] < measured["log n"] == pytest.approx(math.log(100))
    assert all(name.strip()[:20] in out for name in measured)
    again = {}
    for name in ("a", "b"):
        evaluate.main([str(saved), "--data", "digits", *few, "--json", str(tmp_path / name)])
        again[name] = json.loads((tmp_path / name).read_text(encoding="utf-8"))["measured"]
    assert again["a"] == again["b"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nothing.pt", "--data", "digits"], "there is no checkpoint nothing.pt"),
        ([None, "--data", "mnits"], "did you mean 'mnist'"),
        ([None, "--data", "glyphs"], "shape"),
        ([None, "--data", "digits", "--binarize", "None"], "grey"),
        ([None, "--data", "digits", "--k", "0"], "--k must be a whole number of at least 1"),
        ([None, "--data", "digits", "--device", "cuda:99"], "there is no device"),
        ([None, "--data", "no/such/folder"], "there is no folder or file"),
        ([None, "--data", "digits", "--json", "no/such/folder/table.json"], "there is no folder to write a file in"),
        ([None, "--data", "digits", "--temperatures", "1"], "--temperatures must be a whole number of at least 2"),
        ([None, "--data", "digits", "--ais", "-1"], "--ais must be a whole number of at least 0"),
        ([None, "--data", "digits", "--images", "2"], "--images must be a whole number of at least 3"),
        ([".", "--data", "digits"], "is a folder: name a file in it"),
    ],
)
def test_evaluate_refuses_in_one_sentence(saved, capsys, arguments, sentence):
    assert evaluate.main([str(a or saved) for a in arguments]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.splitlines()) == 1
    assert sentence in said.err


def test_the_papers_schedule_has_its_passes_and_rates():
    rates = [iwae_table1.paper_rate((epoch + 0.5) / 3_280) for epoch in range(3_280)]
    stages = sorted(set(rates), reverse=True)
    assert [rates.count(rate) for rate in stages] == [3**i for i in range(8)]
    assert stages == pytest.approx([1e-3 * 10 ** (-i / 7) for i in range(8)])


def test_the_papers_net():
    data = load("glyphs", binarize="draw", n_train=50, n_test=20)
    model = iwae_table1.build(data, seed=0)
    sizes = [tuple(p.shape) for p in model.parameters() if p.dim() == 2]
    assert sizes == [(200, 784), (200, 200), (100, 200), (200, 50), (200, 200), (784, 200)]
    ink = torch.sigmoid(model.decoder.net[-1].bias)
    assert torch.allclose(ink, data.train.mean(0).flatten().clamp(0.001, 0.999), atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [(["--layers", "2"], "only --layers 1 is built"), (["--device", "cuda:99"], "there is no device 'cuda:99'")],
)
def test_the_table_refuses_what_is_not_built(monkeypatch, capsys, arguments, sentence):
    monkeypatch.setattr(sys, "argv", ["iwae_table1.py", *arguments])
    assert iwae_table1.main() == 1
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize("name", RECORDS)
def test_recorded_weights_give_the_recorded_number(name):
    """The same 500 images, drawn in the same way, with other draws of z: within three Monte Carlo standard errors.

    Pooled over the images, on record by repetition and in one evaluation by the jackknife: the two agree as well.
    """
    record = RECORDS[name]
    weights, subset = RESULTS / record["weights"], record["subset"]
    assert weights.stat().st_size <= 2_000_000
    if doctor.state("mnist") not in doctor.READY:
        pytest.skip("MNIST's files are not at hand")
    x = load("mnist", binarize="draw", n_train=10, n_test=subset["images"]).test
    if iwae_table1.digest(x) != subset["sha256"]:
        pytest.skip("this version of torch draws other pixels")
    model, settings = load_model(weights)
    assert settings["k"] == record["k"]
    torch.manual_seed(1)
    found = log_likelihood(model, x, subset["k"])
    of_one = subset["Monte Carlo standard error of one"]
    error = math.hypot(found.over_repeats.standard_error, of_one / math.sqrt(subset["repetitions"]))
    assert abs(-found.over_repeats.value - subset["nll"]) <= 3 * error
    assert found.over_repeats.standard_error == pytest.approx(of_one, rel=0.3)
    assert found.over_draws.standard_error < 0.8 * of_one  # which is why it is not the one that is used
    assert active_units(model, x) == pytest.approx(record["active units"], abs=3)
    assert record["-L_5000"]["nll"] < subset["nll"] + 3
    assert record["provenance"]["command"].startswith("python experiments/iwae_table1.py")


FEW = ["--data", "digits", "--images", "12", "--k", "20", "--ais", "3", "--temperatures", "4", "--device", "cpu"]


def test_a_gaussian_decoder_is_measured_without_bits_of_a_density_or_a_distance_of_too_few(tmp_path, capsys):
    torch.manual_seed(0)
    save_model(tmp_path / "m.pt", VAE(Encoder((1, 8, 8), 2, 8), Decoder((1, 8, 8), 2, 8, gaussian(0.5))))
    assert evaluate.main([str(tmp_path / "m.pt"), *FEW]) == 0
    out = capsys.readouterr().out
    assert "of 3 images drawn from the model, from above" in out
    assert "left out: bits per dimension: p(x|z) is a density" in out
    assert "left out: Frechet distance: it needs 20 test images, and there are 12" in out
    assert "\nbits per dimension" not in out


def test_evaluate_prints_the_error_that_repetition_shows(saved, tmp_path, monkeypatch):
    """And not the delta method's, which is too small. Where each stands in: errors of 1 and 2 nats an image."""

    def known(model, x, *_, **__):
        return PerImage(torch.arange(len(x)).float(), torch.ones(len(x)), 2 * torch.ones(len(x)))

    for name in ("log_likelihood", "ais"):
        monkeypatch.setattr(evaluate.evaluation, name, known)
    table = tmp_path / "table.json"
    assert evaluate.main([str(saved), *FEW, "--images", "16", "--ais", "4", "--json", str(table)]) == 0
    measured = json.loads(table.read_text(encoding="utf-8"))["measured"]
    assert measured["  of these images, error due to draws alone"]["standard_error"] == pytest.approx(2 / 4)
    for name in (
        "-log p(x) by annealing, 4 test images",
        "  the same images by importance samples",
        "-log p(x) of 4 images drawn from the model, from above",
        "  and from below",
    ):
        assert measured[name]["standard_error"] == pytest.approx(2 / 2), name


def test_a_decoder_without_a_mean_is_measured_without_what_needs_it(tmp_path, capsys):
    torch.manual_seed(0)
    save_model(tmp_path / "m.pt", VAE(Encoder((1, 8, 8), 2, 8), WindowDecoder((1, 8, 8), 2, 8)))
    assert evaluate.main([str(tmp_path / "m.pt"), *FEW, "--images", "20", "--ais", "0"]) == 0
    out = capsys.readouterr().out
    assert "left out: Frechet distance: the mean of an autoregressive" in out
    assert "\nbits per dimension" in out


def test_a_console_that_knows_few_characters_ends_no_script(saved):
    command = [sys.executable, "-W", "ignore", str(lessons.ROOT / "experiments" / "evaluate.py"), str(saved), *FEW]
    environment = os.environ | {"PYTHONIOENCODING": "ascii", "TQDM_DISABLE": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    assert "active units" in done.stdout
    course = subprocess.run(
        [sys.executable, "-m", "vae_course", "data"], capture_output=True, text=True, check=False, env=environment
    )
    assert course.returncode == 0, course.stderr
    assert "digits" in course.stdout
