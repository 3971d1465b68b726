"""Priors p(z): N(0, I), and mixtures of Gaussians, learned with the model or fitted to what an encoder produces."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor, nn
from torch.distributions import Categorical, Distribution, MixtureSameFamily, MultivariateNormal

from vae_course.models.distributions import StandardNormal


class StandardNormalPrior(nn.Module):
    """p(z) = N(0, I). Called without arguments, it returns the distribution, of event shape (latent_dim,)."""

    zeros: Tensor

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.register_buffer("zeros", torch.zeros(latent_dim), persistent=False)

    def forward(self) -> Distribution:
        return StandardNormal(self.zeros)


class MixturePrior(nn.Module):
    """p(z) = sum over k of pi_k N(mu_k, S_k), a mixture of Gaussians with full covariance matrices (lesson 13).

    Called without arguments, it returns the distribution, of event shape (latent_dim,). As it is made, it is near
    N(0, I), and can be trained with a model; `fitted` makes one for a model that is trained already.
    Raises ValueError where latent_dim or components < 1.
    """

    def __init__(self, latent_dim: int, components: int) -> None:
        super().__init__()
        for name, value in (("latent_dim", latent_dim), ("components", components)):
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} must be a whole number of at least 1, but it is {value!r}")
        self.latent_dim = latent_dim
        self.arguments = {"latent_dim": latent_dim, "components": components}
        self.logits = nn.Parameter(torch.zeros(components))
        self.mu = nn.Parameter(0.5 * torch.randn(components, latent_dim))  # alike, they would all learn the same
        self.lower = nn.Parameter(torch.zeros(components, latent_dim, latent_dim))  # the logarithms on its diagonal

    def forward(self) -> Distribution:
        diagonal = self.lower.diagonal(dim1=-2, dim2=-1).exp()
        root = self.lower.tril(-1) + torch.diag_embed(diagonal)
        parts = MultivariateNormal(self.mu, scale_tril=root, validate_args=False)
        return MixtureSameFamily(Categorical(logits=self.logits, validate_args=False), parts, validate_args=False)

    @classmethod
    def fitted(cls, z: Tensor, components: int, seed: int = 0) -> MixturePrior:
        """The mixture that makes the draws z: (n, latent_dim) most probable, by scikit-learn's EM; it stays fixed.

        z: draws of q(z|x), one for each training image, and not the means, which leave out the noise that the
        decoder was trained with. "Ex post" since the model is trained before (Ghosh et al. 2020, arXiv 1903.12436).
        Raises ValueError for fewer draws than components, another shape, or NaN.
        """
        from sklearn.mixture import GaussianMixture

        if z.dim() != 2 or not bool(torch.isfinite(z).all()):
            raise ValueError(f"the draws must be finite numbers of shape (n, latent_dim), not {(*z.shape,)}")
        prior = cls(z.shape[1], components).to(z.device)
        if len(z) < components:
            raise ValueError(f"{components} components need at least as many draws, but there are {len(z)}")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that EM has not come to rest is no matter for a prior
            mixture = GaussianMixture(components, random_state=seed, reg_covar=1e-4).fit(z.detach().cpu().double())
        found = {name: torch.from_numpy(getattr(mixture, f"{name}_")) for name in ("weights", "means", "covariances")}
        root = torch.linalg.cholesky(found["covariances"])
        diagonal = root.diagonal(dim1=-2, dim2=-1)
        with torch.no_grad():
            prior.logits.copy_(found["weights"].log())
            prior.mu.copy_(found["means"])
            prior.lower.copy_(root.tril(-1) + torch.diag_embed(diagonal.log()))
        return prior.requires_grad_(False)


class VampPrior(nn.Module):
    """p(z) = the mean over k of q(z|u_k): what the encoder makes of k pseudo-inputs, which are trained with the model.

    So the prior is a mixture of the shape that the aggregate posterior has (Tomczak & Welling 2018, arXiv 1705.07120).
    encoder: the model's own      pseudo_inputs: (k, *image), where they start: training images, for instance; they are
    kept in [0, 1]. Called without arguments, it returns the distribution. Built in lesson 13.
    Raises ValueError for no pseudo-inputs, or some of another shape than the encoder's images.
    """

    def __init__(self, encoder: nn.Module, pseudo_inputs: Tensor) -> None:
        super().__init__()
        if len(pseudo_inputs) < 1 or pseudo_inputs.shape[1:] != encoder.image_shape:
            raise ValueError(
                f"pseudo-inputs must be images of shape {encoder.image_shape}, not {(*pseudo_inputs.shape,)}"
            )
        self.latent_dim: int = encoder.latent_dim  # type: ignore[assignment]
        self.arguments = {"pseudo_inputs": len(pseudo_inputs)}
        self.encoder = encoder
        self.pseudo_inputs = nn.Parameter(pseudo_inputs.detach().clone().float())

    def forward(self) -> Distribution:
        parts = self.encoder(self.pseudo_inputs.clamp(0, 1))
        weights = Categorical(logits=self.pseudo_inputs.new_zeros(len(self.pseudo_inputs)), validate_args=False)
        return MixtureSameFamily(weights, parts, validate_args=False)
