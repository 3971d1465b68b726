"""Held against software that nobody here wrote: Pyro, SciPy, scikit-learn and torchmetrics, on the same weights and,
where there are draws, on the same noise.

Users need none of Pyro: where it is missing, what is compared with it is skipped.
"""

import contextlib

import numpy as np
import pytest
import scipy.special
import scipy.stats
import torch
from sklearn.mixture import GaussianMixture
from torch import nn
from torch.distributions import Independent, Normal

from vae_course.data.sets import import_torchvision
from vae_course.evaluation import ais, frechet_distance
from vae_course.models import VAE, Decoder, Encoder, MixturePrior, VampPrior, bernoulli, gaussian, unchecked
from vae_course.objectives import elbo, iwae_bound

SHAPE, LATENTS = (1, 4, 4), 3
SAME = {"rtol": 1e-9, "atol": 1e-11}  # float64: what is left is the order of sums


# Objectives and their gradients against Pyro


@pytest.fixture
def pyro():
    module = pytest.importorskip("pyro")
    module.clear_param_store()
    yield module
    module.clear_param_store()


def vae(likelihood="bernoulli", prior="standard"):
    torch.manual_seed(0)
    made = bernoulli if likelihood == "bernoulli" else gaussian(0.4, learned=True)
    p_z = MixturePrior(LATENTS, 4) if prior == "mixture" else None
    model = VAE(Encoder(SHAPE, LATENTS, 20), Decoder(SHAPE, LATENTS, 20, made), p_z).double()
    if prior == "mixture":
        with torch.no_grad():  # parts that are apart, of unequal weight, and correlated
            model.p_z.lower.copy_(0.4 * torch.randn(4, LATENTS, LATENTS))
            model.p_z.logits.copy_(torch.randn(4))
    return model


def images(likelihood="bernoulli", n=6):
    torch.manual_seed(1)
    x = torch.rand(n, *SHAPE, dtype=torch.float64)
    return x.round() if likelihood == "bernoulli" else x


def programs(pyro, model, beta=1.0):
    """The same model and guide as Pyro's own: its distributions and plates, and of ours only the layers' weights."""
    import pyro.distributions as dist
    from pyro import poutine

    networks = {"encoder": model.encoder.net, "decoder": model.decoder, "prior": model.p_z}

    def p_z(n):
        if not isinstance(model.p_z, MixturePrior):
            return dist.Normal(torch.zeros(n, LATENTS, dtype=torch.float64), 1.0).to_event(1)
        lower = model.p_z.lower
        root = lower.tril(-1) + torch.diag_embed(lower.diagonal(dim1=-2, dim2=-1).exp())
        parts = dist.MultivariateNormal(model.p_z.mu, scale_tril=root)
        return dist.MixtureSameFamily(dist.Categorical(logits=model.p_z.logits), parts)

    def generate(x):
        for name in ("decoder", "prior"):
            if list(networks[name].parameters()):
                pyro.module(name, networks[name])
        with pyro.plate("images", len(x)):
            with poutine.scale(scale=beta):
                z = pyro.sample("z", p_z(len(x)))
            outputs = model.decoder.net(z).unflatten(-1, SHAPE)
            if model.decoder.likelihood is bernoulli:
                p_x = dist.Bernoulli(logits=outputs)
            else:
                p_x = dist.Normal(outputs, model.decoder.likelihood.sigma)
            pyro.sample("x", p_x.to_event(3), obs=x)

    def guide(x):
        pyro.module("encoder", networks["encoder"])
        with pyro.plate("images", len(x)), poutine.scale(scale=beta):
            mu, log_var = networks["encoder"](x).chunk(2, dim=-1)
            pyro.sample("z", dist.Normal(mu, (0.5 * log_var).exp()).to_event(1))

    return generate, guide


def gradients_of(model):
    found = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    assert set(found) == {name for name, _ in model.named_parameters()}
    return found


def ours(model, objective, x):
    """The objective's sum over the images, and minus the gradient of it, as of a loss."""
    torch.manual_seed(2)
    with unchecked():  # at the door, only float32 is let in
        total = objective(model, x).sum()
    (-total).backward()
    return total.item(), gradients_of(model)


def theirs(pyro, model, loss, x, beta=1.0):
    torch.manual_seed(2)
    value = -loss.loss_and_grads(*programs(pyro, model, beta), x)
    return value, gradients_of(model)


def assert_same(a, b):
    assert a[0] == pytest.approx(b[0], rel=SAME["rtol"])
    assert set(a[1]) == set(b[1])
    for name in a[1]:
        torch.testing.assert_close(a[1][name], b[1][name], **SAME)


def test_the_noise_is_the_same(pyro):
    """Without this, equal seeds would say nothing."""
    model, x = vae(), images()
    _, guide = programs(pyro, model)
    torch.manual_seed(2)
    mine = model.encode(x).rsample()
    torch.manual_seed(2)
    torch.testing.assert_close(mine, pyro.poutine.trace(guide).get_trace(x).nodes["z"]["value"], **SAME)


@pytest.mark.parametrize("beta", [1.0, 4.0])
@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_the_elbo_and_its_gradients_are_pyros(pyro, likelihood, beta):
    """N(0, I) as the prior: the KL by its formula, as Pyro's TraceMeanField_ELBO has it."""
    model, x = vae(likelihood), images(likelihood)
    loss = pyro.infer.TraceMeanField_ELBO()
    assert_same(ours(model, lambda m, x: elbo(m, x, beta), x), theirs(pyro, model, loss, x, beta))


def test_the_elbo_with_a_mixture_as_prior_and_its_gradients_are_pyros(pyro):
    """No formula for the KL: log q(z|x) - log p(z) at the draw, as Pyro's Trace_ELBO has it."""
    model, x = vae(prior="mixture"), images()
    assert_same(ours(model, elbo, x), theirs(pyro, model, pyro.infer.Trace_ELBO(), x))


@pytest.mark.parametrize("prior", ["standard", "mixture"])
@pytest.mark.parametrize("k", [1, 5, 50])
def test_the_iwae_bound_and_its_gradients_are_pyros(pyro, k, prior):
    """The Renyi bound of order 0. Of encoder, decoder and a mixture's parameters alike."""
    model, x = vae(prior=prior), images()
    loss = pyro.infer.RenyiELBO(alpha=0, num_particles=k, vectorize_particles=True, max_plate_nesting=1)
    assert_same(ours(model, lambda m, x: iwae_bound(m, x, k), x), theirs(pyro, model, loss, x))


# Priors against SciPy and scikit-learn


def test_the_mixture_prior_is_scipys_and_scikit_learns():
    prior = vae(prior="mixture").p_z
    z = 2 * torch.randn(50, LATENTS, dtype=torch.float64)
    with torch.no_grad():
        mine = prior().log_prob(z).numpy()
        lower = prior.lower.numpy()
        weights, means = prior.logits.softmax(0).numpy(), prior.mu.numpy()
    roots = [np.tril(a, -1) + np.diag(np.exp(np.diag(a))) for a in lower]
    covariances = np.stack([root @ root.T for root in roots])
    parts = [scipy.stats.multivariate_normal(m, c).logpdf(z) for m, c in zip(means, covariances, strict=True)]
    np.testing.assert_allclose(mine, scipy.special.logsumexp(parts, axis=0, b=weights[:, None]), rtol=1e-10)
    mixture = GaussianMixture(len(weights))
    mixture.weights_, mixture.means_, mixture.covariances_ = weights, means, covariances
    mixture.precisions_cholesky_ = np.stack([np.linalg.inv(root).T for root in roots])
    np.testing.assert_allclose(mine, mixture.score_samples(z.numpy()), rtol=1e-10)


def test_the_vamp_prior_is_scipys_and_scikit_learns():
    encoder = vae().encoder
    prior = VampPrior(encoder, torch.rand(7, *SHAPE)).double()
    z = 2 * torch.randn(50, LATENTS, dtype=torch.float64)
    with torch.no_grad():
        mine = prior().log_prob(z).numpy()
        mu, log_var = (part.numpy() for part in encoder.net(prior.pseudo_inputs).chunk(2, dim=-1))
    parts = [scipy.stats.multivariate_normal(m, np.diag(np.exp(v))).logpdf(z) for m, v in zip(mu, log_var, strict=True)]
    np.testing.assert_allclose(mine, scipy.special.logsumexp(parts, axis=0) - np.log(7), rtol=1e-10)
    mixture = GaussianMixture(7, covariance_type="diag")
    mixture.weights_, mixture.means_, mixture.covariances_ = np.full(7, 1 / 7), mu, np.exp(log_var)
    mixture.precisions_cholesky_ = np.exp(-0.5 * log_var)
    np.testing.assert_allclose(mine, mixture.score_samples(z.numpy()), rtol=1e-10)


# The Frechet distance against torchmetrics


class AsTheyAre(nn.Module):
    """The "features" of pictures: their pixels."""

    num_features = 6

    def forward(self, x):
        return x.flatten(1)


def test_frechet_distance_agrees_with_torchmetrics():
    with contextlib.suppress(ImportError):
        import_torchvision()  # torchmetrics imports it, and cannot where it does not fit torch
    fid = pytest.importorskip("torchmetrics.image.fid")
    torch.manual_seed(14)
    a = torch.randn(60, 6, dtype=torch.float64) @ torch.randn(6, 6, dtype=torch.float64)
    b = 0.5 + torch.randn(80, 6, dtype=torch.float64) @ torch.randn(6, 6, dtype=torch.float64)
    metric = fid.FrechetInceptionDistance(AsTheyAre(), input_img_size=(1, 2, 3)).set_dtype(torch.float64)
    metric.update(a.reshape(-1, 1, 2, 3), real=True)
    metric.update(b.reshape(-1, 1, 2, 3), real=False)
    assert frechet_distance(a, b).value == pytest.approx(metric.compute().item(), rel=1e-9)


# Annealed importance sampling against SciPy's exact density


class Linear(nn.Module):
    """p(x|z) = N(W z + 1/2, sigma^2 I)."""

    def __init__(self, weight, sigma):
        super().__init__()
        self.weight, self.sigma = weight, sigma
        self.image_shape, self.latent_dim = (1, 1, len(weight)), weight.shape[1]

    def forward(self, z):
        return Independent(Normal((z @ self.weight.T + 0.5).unflatten(-1, self.image_shape), self.sigma), 3)


@pytest.mark.parametrize(
    ("latents", "scale", "sigma", "temperatures", "bias"), [(2, 0.3, 0.3, 40, 0.1), (20, 0.1, 0.5, 90, 0.3)]
)
def test_annealing_reaches_the_exact_log_p_of_linear_models_from_both_sides(latents, scale, sigma, temperatures, bias):
    """Within 4 of its own standard errors on the side where the bound must lie, and within `bias` nats on the other."""
    torch.manual_seed(3)
    dims, n = 2 * latents, 20
    weight = scale * torch.randn(dims, latents)
    decoder = Linear(weight, sigma)
    model = VAE(Encoder(decoder.image_shape, latents, 4), decoder)  # the encoder is not asked
    z = torch.randn(n, latents)
    x = decoder(z).sample()
    covariance = (weight @ weight.T + sigma**2 * torch.eye(dims)).double().numpy()
    exact = scipy.stats.multivariate_normal(np.full(dims, 0.5), covariance)
    log_p = exact.logpdf(x.flatten(1).double().numpy()).mean()
    with unchecked():  # what a Gaussian decoder draws lies outside [0, 1]
        below = ais(model, x, temperatures=temperatures, chains=32).over_repeats
        above = ais(model, x, z, temperatures=temperatures, chains=32).over_repeats
    assert -bias < below.value - log_p < 4 * below.standard_error
    assert -4 * above.standard_error < above.value - log_p < bias
    assert max(below.standard_error, above.standard_error) < bias / 2
