"""Planted faults: real bugs, each of which a named, fast test must notice. A check that never fails proves nothing."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Fault:
    """In `file` of the package, `right` becomes `wrong`; the test `caught_by` must then fail."""

    name: str
    file: str
    right: str
    wrong: str
    caught_by: str


FAULTS = (
    Fault(
        "KL sign", "objectives.py", "log_likelihood - beta * kl", "log_likelihood + beta * kl",
        "test_objectives.py::test_elbo_with_the_exact_posterior_is_log_p",
    ),
    Fault(
        "beta on the wrong term", "objectives.py", "log_likelihood - beta * kl", "beta * log_likelihood - kl",
        "test_objectives.py::test_elbo_puts_the_terms_together_per_example",
    ),
    Fault(
        "sampling switched off", "objectives.py", "z = q_z.rsample()\n", "z = q_z.mean\n",
        "test_objectives.py::test_elbo_is_drawn_anew",
    ),
    Fault(
        "gradient cut at the sample", "objectives.py", "z = q_z.rsample()\n", "z = q_z.sample()\n",
        "test_objectives.py::test_reconstruction_reaches_the_encoder",
    ),
    Fault(
        "KL the wrong way round", "objectives.py", "kl_divergence(q_z, model.prior)", "kl_divergence(model.prior, q_z)",
        "test_objectives.py::test_kl_term_is_the_closed_form",
    ),
    Fault(
        "IWAE without log K", "objectives.py", " - math.log(k)", "",
        "test_objectives.py::test_iwae_with_the_exact_posterior_is_log_p_for_every_k_and_draw",
    ),
    Fault(
        "IWAE as the mean of logs", "objectives.py",
        "torch.logsumexp(log_weights, dim=0) - math.log(k)", "log_weights.mean(dim=0)",
        "test_objectives.py::test_iwae_starts_at_the_elbo_and_rises_to_log_p",
    ),
    Fault(
        "IWAE weights with the wrong sign of q", "objectives.py", "- q_z.log_prob(z)", "+ q_z.log_prob(z)",
        "test_objectives.py::test_iwae_with_the_exact_posterior_is_log_p_for_every_k_and_draw",
    ),
    Fault(
        "grey pixels let through", "objectives.py", "    if checking():\n        model.check(x)\n    q_z = model.encode(x)\n    z = q_z.rsample()\n",
        "    q_z = model.encode(x)\n    z = q_z.rsample()\n",
        "test_objectives.py::test_grey_pixels_are_refused",
    ),
    Fault(
        "variance for standard deviation", "models.py", "torch.exp(0.5 * self.log_var)", "torch.exp(self.log_var)",
        "test_models.py::test_diagonal_normal_takes_a_log_variance",
    ),
    Fault(
        "one noise for the whole batch", "models.py", "torch.randn(*sample_shape, *self.mu.shape,",
        "torch.randn(*sample_shape, *self.mu.shape[-1:],",
        "test_models.py::test_diagonal_normal_draws_what_torchs_draws",
    ),
    Fault(
        "KL without the logarithm", "models.py", "q.log_var.exp() - 1 - q.log_var)", "q.log_var.exp() - 1)",
        "test_models.py::test_kl_divergences_are_torchs",
    ),
    Fault(
        "KL averaged over latents", "models.py", "q.log_var.exp() - 1 - q.log_var).sum(-1)",
        "q.log_var.exp() - 1 - q.log_var).mean(-1)", "test_models.py::test_kl_divergences_are_torchs",
    ),
    Fault(
        "sigmoid twice", "models.py", "BernoulliPixels(logits)\n\n\ndef", "BernoulliPixels(torch.sigmoid(logits))\n\n\ndef",
        "test_models.py::test_bernoulli_is_one_coin_a_pixel_and_adds_their_logs",
    ),
    Fault(
        "mean for sum over pixels", "models.py", ".sum(dim=(-3, -2, -1))", ".mean(dim=(-3, -2, -1))",
        "test_models.py::test_bernoulli_is_one_coin_a_pixel_and_adds_their_logs",
    ),
    Fault(
        "a mean in place of a draw", "models.py", "return torch.bernoulli(self.mean.expand(*sample_shape, *self.logits.shape))",
        "return self.mean.expand(*sample_shape, *self.logits.shape)",
        "test_models.py::test_bernoulli_draws_are_zeros_and_ones_with_their_mean",
    ),
    Fault(
        "relu on the log-variance", "models.py", "DiagonalNormal(mu, log_var)\n\n\nclass Decoder",
        "DiagonalNormal(mu, log_var.relu())\n\n\nclass Decoder",
        "test_models.py::test_encoder_is_normal_with_mu_and_log_variance_from_the_network",
    ),
    Fault(
        "a prior of another width", "models.py", "super().__init__(mu=zeros, log_var=zeros)", "super().__init__(mu=zeros, log_var=zeros + 1)",
        "test_models.py::test_prior_is_standard_normal_and_another_can_be_given",
    ),
    Fault(
        "validation left switched off", "models.py", "set_default_validate_args(before)", "set_default_validate_args(False)",
        "test_models.py::test_unchecked_switches_validation_off_and_on_again",
    ),
    Fault(
        "training images in the test set", "data.py", "test_images = images[test]", "test_images = images[train][: len(test)]",
        "test_data.py::test_no_training_image_is_in_the_test_set",
    ),
    Fault(
        "labels of the other part", "data.py", "Split(labels[train], labels[test])", "Split(labels[train], labels[train])",
        "test_data.py::test_labels_belong_to_their_images",
    ),
    Fault(
        "pixels drawn once for all", "data.py", 'return torch.bernoulli(x) if self.binarize == "draw" else x',
        'return torch.bernoulli(x, generator=torch.Generator().manual_seed(0)) if self.binarize == "draw" else x',
        "test_data.py::test_draw_is_anew_at_each_call_and_has_the_grey_value_as_its_mean",
    ),
    Fault(
        "test draw that follows the seed", "data.py", "torch.bernoulli(test_images, generator=generator)", "torch.bernoulli(test_images)",
        "test_data.py::test_the_test_draw_is_the_same_for_every_seed_and_leaves_the_random_state_alone",
    ),
    Fault(
        "grey levels divided by 255", "data.py", "/ 16", "/ 255", "test_data.py::test_digits_are_scikit_learns_scans",
    ),
    Fault(
        "descent for ascent", "training.py", "loss = -objective(model, x).mean()", "loss = objective(model, x).mean()",
        "test_training.py::test_it_learns_and_says_so",
    ),
    Fault(
        "gradients never set to zero", "training.py", "        optimizer.zero_grad()\n", "",
        "test_training.py::test_each_step_is_one_step_of_adam_on_the_mean",
    ),
    Fault(
        "sum for mean over the batch", "training.py", "-objective(model, x).mean()", "-objective(model, x).sum()",
        "test_training.py::test_each_step_is_one_step_of_adam_on_the_mean",
    ),
    Fault(
        "no shuffling", "training.py", "torch.randperm(len(data.train), device=data.train.device)",
        "torch.arange(len(data.train))",
        "test_training.py::test_every_epoch_sees_every_image_once_in_a_new_order",
    ),
    Fault(
        "the same order in every epoch", "training.py", "torch.manual_seed(seed + 1_000_003 * epoch)", "torch.manual_seed(seed)",
        "test_training.py::test_every_epoch_sees_every_image_once_in_a_new_order",
    ),
    Fault(
        "NaN goes unnoticed", "training.py", "_require_finite(values, epoch, history, lr)", "pass",
        "test_training.py::test_the_first_bad_step_is_the_one_named",
    ),
    Fault(
        "sliders without a picture", "explorers.py", 'draw, {"auto_display": True}, **sliders', "draw, **sliders",
        "test_plots.py::test_moving_a_slider_draws_anew_and_shows_it",
    ),
    Fault(
        "a claim that NaN passes", "checks.py", "value <= bound, f", "not value > bound, f",
        "test_checks.py::test_a_false_claim_is_printed_and_stops",
    ),
    Fault(
        "a claim that never stops", "checks.py", "    if not holds:\n        raise", "    if False:\n        raise",
        "test_checks.py::test_a_false_claim_is_printed_and_stops",
    ),
)  # fmt: skip


def plant(fault: Fault | None, folder: Path) -> None:
    """Copy the package into `folder`, with the fault in it; with None, as it is."""
    shutil.copytree(ROOT / "vae_course", folder / "vae_course", ignore=shutil.ignore_patterns("__pycache__"))
    if fault:
        file = folder / "vae_course" / fault.file
        source = file.read_text(encoding="utf-8")
        if source.count(fault.right) != 1:
            raise ValueError(f"{fault.name}: {fault.right!r} stands {source.count(fault.right)} times in {fault.file}")
        file.write_text(source.replace(fault.right, fault.wrong), encoding="utf-8")
