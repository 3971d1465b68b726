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
        "ELBO 5 % too large", "objectives.py", "return log_likelihood - beta * kl", "return 1.05 * (log_likelihood - beta * kl)",
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
        "KL the wrong way round", "objectives.py", "kl_divergence(q_z, p_z)", "kl_divergence(p_z, q_z)",
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
        "variance for standard deviation", "models/distributions.py", "torch.exp(0.5 * self.log_var)", "torch.exp(self.log_var)",
        "test_models.py::test_diagonal_normal_takes_a_log_variance",
    ),
    Fault(
        "one noise for the whole batch", "models/distributions.py", "torch.randn(*sample_shape, *self.mu.shape,",
        "torch.randn(*sample_shape, *self.mu.shape[-1:],",
        "test_models.py::test_diagonal_normal_draws_what_torchs_draws",
    ),
    Fault(
        "KL without the logarithm", "models/distributions.py", "q.log_var.exp() - 1 - q.log_var)", "q.log_var.exp() - 1)",
        "test_models.py::test_kl_divergences_are_torchs",
    ),
    Fault(
        "KL averaged over latents", "models/distributions.py", "q.log_var.exp() - 1 - q.log_var).sum(-1)",
        "q.log_var.exp() - 1 - q.log_var).mean(-1)", "test_models.py::test_kl_divergences_are_torchs",
    ),
    Fault(
        "sigmoid twice", "models/likelihoods.py", "BernoulliPixels(logits)\n\n\nclass Con", "BernoulliPixels(torch.sigmoid(logits))\n\n\nclass Con",
        "test_models.py::test_bernoulli_is_one_coin_a_pixel_and_adds_their_logs",
    ),
    Fault(
        "mean for sum over pixels", "models/likelihoods.py", ".sum(dim=(-3, -2, -1))", ".mean(dim=(-3, -2, -1))",
        "test_models.py::test_bernoulli_is_one_coin_a_pixel_and_adds_their_logs",
    ),
    Fault(
        "a mean in place of a draw", "models/likelihoods.py", "return torch.bernoulli(self.mean.expand(*sample_shape, *self.logits.shape))",
        "return self.mean.expand(*sample_shape, *self.logits.shape)",
        "test_models.py::test_bernoulli_draws_are_zeros_and_ones_with_their_mean",
    ),
    Fault(
        "relu on the log-variance", "models/vae.py", "DiagonalNormal(mu, log_var)\n\n\nclass Decoder",
        "DiagonalNormal(mu, log_var.relu())\n\n\nclass Decoder",
        "test_models.py::test_encoder_is_normal_with_mu_and_log_variance_from_the_network",
    ),
    Fault(
        "a prior of another width", "models/distributions.py", "super().__init__(mu=zeros, log_var=zeros)", "super().__init__(mu=zeros, log_var=zeros + 1)",
        "test_models.py::test_prior_is_standard_normal_and_another_can_be_given",
    ),
    Fault(
        "validation left switched off", "models/modes.py", "set_default_validate_args(before)", "set_default_validate_args(False)",
        "test_models.py::test_unchecked_switches_validation_off_and_on_again",
    ),
    Fault(
        "training images in the test set", "data/sets.py", "Parts(images[train], images[test],", "Parts(images[train], images[train][: len(test)],",
        "test_data.py::test_no_training_image_is_in_the_test_set",
    ),
    Fault(
        "labels of the other part", "data/sets.py", "labels[train], labels[test])", "labels[train], labels[train])",
        "test_data.py::test_labels_belong_to_their_images",
    ),
    Fault(
        "pixels drawn once for all", "data/dataset.py", 'return torch.bernoulli(grey) if self.binarize == "draw" else grey',
        'return torch.bernoulli(grey, generator=torch.Generator().manual_seed(0)) if self.binarize == "draw" else grey',
        "test_data.py::test_draw_is_anew_at_each_call_and_has_the_grey_value_as_its_mean",
    ),
    Fault(
        "test draw that follows the seed", "data/dataset.py", "torch.bernoulli(test, generator=generator)", "torch.bernoulli(test)",
        "test_data.py::test_the_test_draw_is_the_same_for_every_seed_and_leaves_the_random_state_alone",
    ),
    Fault(
        "grey levels divided by 255", "data/sets.py", "unsqueeze(1) / 16", "unsqueeze(1) / 255", "test_data.py::test_digits_are_scikit_learns_scans",
    ),
    Fault(
        "own test pictures among those for training", "data/sets.py", "return Parts(images[train], images[test],",
        "return Parts(images, images[test],",
        "test_pictures.py::test_a_folder_of_two_hundred_pictures_is_loaded_and_split",
    ),
    Fault(
        "the official test set for training", "data/sets.py", "Parts(_pixels(train), _pixels(test),", "Parts(_pixels(test), _pixels(train),",
        "test_sets.py::test_mnist_and_those_made_like_it",
    ),
    Fault(
        "channels of CIFAR-10 last", "data/sets.py", ".reshape(-1, 3, 32, 32) for", ".reshape(-1, 32, 32, 3).movedim(3, 1) for",
        "test_sets.py::test_cifar10_is_read_with_its_channels_labels_and_batches_in_order",
    ),
    Fault(
        "batches of CIFAR-10 as they come", "data/sets.py", "in sorted(batches)", "in batches",
        "test_sets.py::test_cifar10_is_read_with_its_channels_labels_and_batches_in_order",
    ),
    Fault(
        "factors of the training glyphs for testing", "data/sets.py", "(train_factors[name], test_factors[name])", "(train_factors[name], train_factors[name])",
        "test_data.py::test_of_glyphs_exactly_so_many_are_drawn_with_their_factors",
    ),
    Fault(
        "the training glyphs again for testing", "data/sets.py", "n_test or 2_000, seed=1", "n_test or 2_000, seed=0",
        "test_data.py::test_of_glyphs_exactly_so_many_are_drawn_with_their_factors",
    ),
    Fault(
        "rotation to the right", "data/glyphs.py", "angle.sin(), -angle.sin()", "-angle.sin(), angle.sin()",
        "test_glyphs.py::test_rotation_turns_to_the_left_by_so_many_degrees",
    ),
    Fault(
        "x and y exchanged", "data/glyphs.py", 'factors["x"], factors["y"]', 'factors["y"], factors["x"]',
        "test_glyphs.py::test_x_moves_the_character_to_the_right_and_y_down_by_so_many_pixels",
    ),
    Fault(
        "slant after rotation", "data/glyphs.py", "rotate @ slant", "slant @ rotate",
        "test_glyphs.py::test_slant_comes_before_rotation",
    ),
    Fault(
        "checksum not compared", "data/files.py", "(found := checksum(part, expected)) != expected", "False",
        "test_files.py::test_what_is_wrong_is_one_sentence_that_says_what_was_found_and_what_to_do",
    ),
    Fault(
        "any shared file is good", "data/files.py", "elif (found := checksum(shared / file.path, file.checksum)) != file.checksum:", "elif (found := ''):",
        "test_files.py::test_what_is_wrong_is_one_sentence_that_says_what_was_found_and_what_to_do",
    ),
    Fault(
        "a bad file thrown away", "data/files.py", "target.replace(aside)", "target.unlink()",
        "test_files.py::test_a_bad_file_is_set_aside_and_replaced_by_a_good_one",
    ),
    Fault(
        "named before it is verified", "data/files.py", "        _or_explain(target, write)\n", "        _or_explain(target, write)\n        shutil.copy(part, target)\n",
        "test_files.py::test_what_is_wrong_is_one_sentence_that_says_what_was_found_and_what_to_do",
    ),
    Fault(
        "written under its name at once", "data/files.py", 'target.with_name(f"{target.name}.{os.getpid()}.part")', "target",
        "test_files.py::test_a_killed_download_leaves_nothing_under_the_name_and_the_next_one_works",
    ),
    Fault(
        "one part file for all processes", "data/files.py", "{target.name}.{os.getpid()}.part", "{target.name}.part",
        "test_files.py::test_two_processes_may_fetch_at_once",
    ),
    Fault(
        "the shared file only where it can be copied", "data/files.py", "        return source  #", "        raise  #",
        "test_files.py::test_where_nothing_can_be_written_the_shared_file_is_read_and_a_download_refused",
    ),
    Fault(
        "pickles are run", "data/pictures.py", "allow_pickle=False", "allow_pickle=True",
        "test_pictures.py::test_a_pickle_is_never_run",
    ),
    Fault(
        "classes of one's own pictures by the innermost folder", "data/pictures.py", 'np.unique([folders[0] if', 'np.unique([folders[-1] if',
        "test_pictures.py::test_sub_folders_are_classes_in_the_order_of_their_names",
    ),
    Fault(
        "each picture of 16 bits on a scale of its own", "data/pictures.py", "values / white)", "values / values.max())",
        "test_pictures.py::test_sixteen_bits_have_one_scale_in_the_whole_folder_and_beside_eight_bits",
    ),
    Fault(
        "large numbers in pictures wrap around", "data/pictures.py", "if low < 0 or high > white:", "if low < 0:",
        "test_pictures.py::test_numbers_of_32_bits_outside_their_range_are_refused[large]",
    ),
    Fault(
        "links to class folders pass unseen", "data/pictures.py", "if os.path.isdir(entry):", "if os.path.isdir(entry) and not entry.is_symlink():",
        "test_pictures.py::test_links_are_followed_but_not_in_circles",
    ),
    Fault(
        "train and test are classes", "data/pictures.py", 'if "training" not in parts or', "if parts or",
        "test_pictures.py::test_train_and_test_are_a_split_and_not_classes",
    ),
    Fault(
        "photographs decoded at full size", "data/pictures.py", "(4 * SIDE, 4 * SIDE))", "stored.size)",
        "test_pictures.py::test_a_photograph_is_decoded_small_and_nearly_the_same",
    ),
    Fault(
        "transparent is black", "data/pictures.py", 'picture.size, "white"', 'picture.size, "black"',
        "test_pictures.py::test_transparent_places_become_white",
    ),
    Fault(
        "posterior without the prior", "data/toy.py", "torch.eye(self.weight.shape[1]).to(self.weight) + self.weight.T", "self.weight.T",
        "test_toy.py::test_bayes_rule_holds_for_every_x_and_z",
    ),
    Fault(
        "marginal with the standard deviation", "data/toy.py", "self.sigma**2))", "self.sigma))",
        "test_toy.py::test_the_marginal_is_normal_with_the_covariance_of_a_sum",
    ),
    Fault(
        "a doctor who is always content", "doctor.py", "all(finding.ready for finding in self.findings)", "True",
        "test_doctor.py::test_a_note_leaves_the_machine_ready_and_a_fix_does_not",
    ),
    Fault(
        "a self-test that compares nothing", "doctor.py", '"KL divergence": bool(off < 5)', '"KL divergence": bool(off < 5e5)',
        "test_doctor.py::test_the_self_test_notices_a_wrong_operation",
    ),
    Fault(
        "the report tells where the data are", "doctor.py", "text.replace(folder, name) if folder else text", "text",
        "test_doctor.py::test_the_report_is_one_block_that_names_no_user_and_no_folder",
    ),
    Fault(
        "failure reported as success", "__main__.py", "return int(failed)", "return 0",
        "test_doctor.py::test_what_is_fetched_is_verified_and_what_is_not_there_gets_a_sentence",
    ),
    Fault(
        "Gaussian pixels without their normaliser", "models/likelihoods.py", "squares + 2 * self.log_sigma + LOG_2_PI", "squares + LOG_2_PI",
        "test_likelihoods.py::test_gaussian_is_torchs_normal_with_one_sigma",
    ),
    Fault(
        "log variance for log sigma of the pixels", "models/likelihoods.py",
        "((x - self.mu) * torch.exp(-self.log_sigma)).square()", "((x - self.mu) * torch.exp(-0.5 * self.log_sigma)).square()",
        "test_likelihoods.py::test_gaussian_is_torchs_normal_with_one_sigma",
    ),
    Fault(
        "mean for sum over Gaussian pixels", "models/likelihoods.py", "self.log_sigma + LOG_2_PI).sum(IMAGE)", "self.log_sigma + LOG_2_PI).mean(IMAGE)",
        "test_likelihoods.py::test_gaussian_per_pixel_is_torchs_normal_of_the_two_outputs",
    ),
    Fault(
        "the mean of Gaussian pixels for a draw", "models/likelihoods.py", "return noise * self.stddev + self.mu", "return 0 * noise * self.stddev + self.mu",
        "test_likelihoods.py::test_gaussian_draws_have_mean_and_sigma_and_pass_gradients",
    ),
    Fault(
        "mean and log sigma exchanged", "models/likelihoods.py", "mean, log_sigma = outputs.chunk(2, dim=-3)", "log_sigma, mean = outputs.chunk(2, dim=-3)",
        "test_likelihoods.py::test_gaussian_per_pixel_is_torchs_normal_of_the_two_outputs",
    ),
    Fault(
        "smallest sigma added without squares", "models/likelihoods.py",
        "0.5 * torch.logaddexp(2 * log_sigma, 2 * floor)", "torch.logaddexp(log_sigma, floor)",
        "test_likelihoods.py::test_smallest_sigma_is_added_in_squares",
    ),
    Fault(
        "a learned sigma that is not learned", "models/likelihoods.py", "self.slow = nn.Parameter(start)", "self.slow = start",
        "test_likelihoods.py::test_a_learned_sigma_is_a_parameter_of_the_decoder_and_a_fixed_one_is_not",
    ),
    Fault(
        "a learned sigma as slow as the weights", "models/likelihoods.py", "FASTER = 5.0", "FASTER = 1.0",
        "test_likelihoods.py::test_adam_moves_log_sigma_five_times_as_far_as_a_weight",
    ),
    Fault(
        "a second output that is not asked for", "models/likelihoods.py", 'getattr(likelihood, "outputs_per_pixel", 1) * channels', "channels",
        "test_likelihoods.py::test_a_likelihood_of_one_output_leaves_the_network_as_it_was",
    ),
    Fault(
        "bins as wide as 1 / levels", "models/likelihoods.py", "half, rate = 0.5 / (self.levels - 1)", "half, rate = 0.5 / self.levels",
        "test_likelihoods.py::test_discretized_logistic_is_scipys_logistic_cut_at_half_steps",
    ),
    Fault(
        "the highest level without what lies above", "models/likelihoods.py", "F.logsigmoid(upper).masked_fill(top, 0.0)", "F.logsigmoid(upper)",
        "test_likelihoods.py::test_discretized_logistic_is_scipys_logistic_cut_at_half_steps",
    ),
    Fault(
        "a density times the bin for the mass in it", "models/likelihoods.py", "torch.where(near, series, torch.log(-torch.expm1(-wide)))", "log_width",
        "test_likelihoods.py::test_discretized_logistic_is_scipys_logistic_cut_at_half_steps",
    ),
    Fault(
        "location and log scale exchanged", "models/likelihoods.py", "mean, log_scale = outputs.chunk(2, dim=-3)", "log_scale, mean = outputs.chunk(2, dim=-3)",
        "test_likelihoods.py::test_discretized_logistic_is_scipys_logistic_cut_at_half_steps",
    ),
    Fault(
        "draws between the levels", "models/likelihoods.py", "(x * (self.levels - 1)).round().clamp", "(x * (self.levels - 1)).clamp",
        "test_likelihoods.py::test_mean_variance_and_draws_of_a_discretized_logistic_are_those_of_its_probabilities",
    ),
    Fault(
        "the mean before the cut", "models/likelihoods.py", "return self._at_least().sum(-1) / (self.levels - 1)", "return self.mu",
        "test_likelihoods.py::test_mean_variance_and_draws_of_a_discretized_logistic_are_those_of_its_probabilities",
    ),
    Fault(
        "grey values between the levels let through", "models/likelihoods.py", "(step - step.round()).abs() < 1e-3", "(step - step.round()).abs() < 1",
        "test_likelihoods.py::test_grey_values_between_the_levels_are_refused",
    ),
    Fault(
        "a sigma of zero let through", "models/likelihoods.py", "if not 0 < sigma < math.inf", "if not 0 <= sigma < math.inf",
        "test_likelihoods.py::test_bad_input_is_refused_in_one_sentence",
    ),
    Fault(
        "a normaliser that stays as it is beyond 16", "models/likelihoods.py",
        "torch.log(large / -torch.expm1(-large))", "torch.log(large.clamp(max=16) / -torch.expm1(-large.clamp(max=16)))",
        "test_densities.py::test_continuous_bernoulli_integrates_to_one_with_its_mean_and_variance",
    ),
    Fault(
        "a normaliser without the logit", "models/likelihoods.py", "torch.log(large / -torch.expm1(-large))", "-torch.log(-torch.expm1(-large))",
        "test_densities.py::test_continuous_bernoulli_is_the_formula_of_lesson_06_with_its_normaliser",
    ),
    Fault(
        "a series far beyond where it holds", "models/likelihoods.py", "(1.2e6 * torch.finfo", "(1.2e12 * torch.finfo",
        "test_densities.py::test_mean_and_variance_of_a_continuous_bernoulli_are_exact",
    ),
    Fault(
        "a series only where nothing is left to cancel", "models/likelihoods.py", "(1.2e6 * torch.finfo", "(1e-20 * torch.finfo",
        "test_densities.py::test_values_of_a_continuous_bernoulli_are_scipys_and_its_gradient_x_less_the_mean",
    ),
    Fault(
        "a branch not taken that overflows", "models/likelihoods.py", "t.masked_fill(~near, 0.0)", "t",
        "test_densities.py::test_mean_and_variance_of_a_continuous_bernoulli_are_exact",
    ),
    Fault(
        "a branch not taken that is 0/0", "models/likelihoods.py", "t.masked_fill(near, 1.0)", "t",
        "test_densities.py::test_values_of_a_continuous_bernoulli_are_scipys_and_its_gradient_x_less_the_mean",
    ),
    Fault(
        "the slope of abs at 0", "models/likelihoods.py", "torch.where(self.logits >= 0, self.logits, -self.logits)", "self.logits.abs()",
        "test_densities.py::test_values_of_a_continuous_bernoulli_are_scipys_and_its_gradient_x_less_the_mean",
    ),
    Fault(
        "the sigmoid for the mean of grey pixels", "models/likelihoods.py",
        "return self._from_0(torch.where(near, series, 1 / large - _one_over_expm1(large)))", "return torch.sigmoid(self.logits)",
        "test_densities.py::test_continuous_bernoulli_integrates_to_one_with_its_mean_and_variance",
    ),
    Fault(
        "e^t that overflows and takes the gradient with it", "models/likelihoods.py", "torch.exp(-t) / -torch.expm1(-t)", "1 / torch.expm1(t)",
        "test_densities.py::test_mean_and_variance_of_a_continuous_bernoulli_are_exact",
    ),
    Fault(
        "draws counted from the end that is not favoured", "models/likelihoods.py", "return self._from_0(y).clamp(0, 1)", "return self._from_0(1 - y).clamp(0, 1)",
        "test_densities.py::test_draws_of_a_continuous_bernoulli_follow_its_distribution",
    ),
    Fault(
        "a draw with the slope of nothing near 0", "models/likelihoods.py", "series = u - v * small", "series = u - 0 * v * small",
        "test_densities.py::test_draws_of_a_continuous_bernoulli_pass_the_gradient_of_its_inverse",
    ),
    Fault(
        "a certain pixel's variance rounded to 0", "models/likelihoods.py", "self.mean * torch.sigmoid(-self.logits)", "self.mean * (1 - self.mean)",
        "test_densities.py::test_bernoulli_adds_up_to_one_with_its_mean_and_variance",
    ),
    Fault(
        "a bin whose width underflows", "models/likelihoods.py", "log_width = math.log(2 * half) - self.log_scale", "log_width = torch.log(2 * half * rate)",
        "test_densities.py::test_values_and_gradients_of_a_discretized_logistic_are_exact",
    ),
    Fault(
        "a scale so small that one over it overflows", "models/likelihoods.py", "self.log_scale.clamp(min=-self._largest)", "self.log_scale",
        "test_densities.py::test_discretized_logistic_adds_up_to_one_with_its_mean_and_variance",
    ),
    Fault(
        "a scale so large that draws are infinite", "models/likelihoods.py", "self.log_scale.clamp(max=self._largest).exp()", "self.log_scale.exp()",
        "test_densities.py::test_draws_of_a_discretized_logistic_are_levels_at_every_scale",
    ),
    Fault(
        "edges of two levels that do not meet", "models/likelihoods.py", "upper = ((k + 0.5) / (self.levels - 1) - self.mu)", "upper = (x + half - self.mu)",
        "test_densities.py::test_discretized_logistic_adds_up_to_one_with_its_mean_and_variance",
    ),
    Fault(
        "pairs of levels counted once", "models/likelihoods.py", "2 * below.cumsum(-1) - below", "below.cumsum(-1)",
        "test_densities.py::test_discretized_logistic_adds_up_to_one_with_its_mean_and_variance",
    ),
    Fault(
        "nats called bits", "evaluation/likelihoods.py", "nats / (dims * math.log(2))", "nats / dims",
        "test_likelihoods.py::test_bits_of_a_probability_need_nothing_and_of_a_density_the_levels",
    ),
    Fault(
        "bits of a density without its levels", "evaluation/likelihoods.py", "0.0 if levels is None else math.log2(levels)", "0.0",
        "test_likelihoods.py::test_bits_of_a_density_bound_those_of_the_levels",
    ),

    Fault(
        "active units by the standard deviation", "evaluation/symptoms.py", "mu.var(dim=0, correction=0) > threshold",
        "mu.std(dim=0, correction=0) > threshold",
        "test_symptoms.py::test_active_units_counts_the_means_that_vary_enough",
    ),
    Fault(
        "active units by the noise", "evaluation/symptoms.py", "mu = _posterior(model, x).mean\n",
        "mu = _posterior(model, x).variance\n", "test_symptoms.py::test_noise_does_not_make_a_unit_active",
    ),
    Fault(
        "mean for rms of sigma", "evaluation/symptoms.py", "q_z.variance.mean(dim=0).sqrt()", "q_z.stddev.mean(dim=0)",
        "test_symptoms.py::test_signal_to_noise_is_the_spread_of_means_over_the_rms_of_sigma",
    ),
    Fault(
        "signal over variance", "evaluation/symptoms.py", "q_z.variance.mean(dim=0).sqrt()", "q_z.variance.mean(dim=0)",
        "test_symptoms.py::test_signal_to_noise_is_the_spread_of_means_over_the_rms_of_sigma",
    ),
    Fault(
        "KL per latent without the prior's mean", "evaluation/symptoms.py", "(mean - prior_mean).square()", "mean.square()",
        "test_symptoms.py::test_kl_per_dimension_knows_other_diagonal_priors",
    ),
    Fault(
        "KL per latent with half a logarithm", "evaluation/symptoms.py", "ratio - 1 - ratio.log()", "ratio - 1 - 0.5 * ratio.log()",
        "test_symptoms.py::test_kl_per_dimension_is_the_closed_form_of_each_image_and_latent",
    ),
    Fault(
        "a correlated prior taken apart", "evaluation/symptoms.py", "if not isinstance(gaussian, DiagonalNormal | Normal):", "if False:",
        "test_symptoms.py::test_kl_per_dimension_refuses_a_prior_that_is_no_product",
    ),
    Fault(
        "shuffled to itself", "evaluation/symptoms.py", "other[circle] = circle.roll(1)", "other[:] = circle",
        "test_symptoms.py::test_shuffle_cost_never_takes_an_images_own_z",
    ),
    Fault(
        "shuffle cost at the mean", "evaluation/symptoms.py", "z = q_z.sample()\n        circle", "z = q_z.mean\n        circle",
        "test_symptoms.py::test_shuffle_cost_draws_z",
    ),
    Fault(
        "shuffle cost summed over repeats", "evaluation/symptoms.py", "return costs / repeats", "return costs",
        "test_symptoms.py::test_shuffle_cost_is_averaged_over_repeats",
    ),
    Fault(
        "gap the wrong way round", "evaluation/symptoms.py", "on_train.mean() - on_test.mean()", "on_test.mean() - on_train.mean()",
        "test_symptoms.py::test_train_test_gap_is_positive_where_training_images_are_likelier",
    ),
    Fault(
        "gap of the reconstruction alone", "evaluation/symptoms.py", "[log_likelihood - kl for log_likelihood, kl in terms]",
        "[log_likelihood for log_likelihood, kl in terms]", "test_symptoms.py::test_train_test_gap_counts_the_kl_term",
    ),
    Fault(
        "standard error without the test images", "evaluation/symptoms.py", " + on_test.var() / len(on_test)", "",
        "test_symptoms.py::test_train_test_gap_has_the_standard_error_of_a_difference",
    ),
    Fault(
        "standard error without the root of n", "evaluation/estimates.py",
        "values.std().item() / math.sqrt(len(values))", "values.std().item() / len(values)",
        "test_evaluation.py::test_average_and_its_standard_error",
    ),
    Fault(
        "errors of the draws added, not their squares", "evaluation/estimates.py",
        "errors.square().sum().sqrt().item()", "errors.sum().item()",
        "test_evaluation.py::test_errors_over_images_and_over_draws",
    ),
    Fault(
        "the delta method's error for what repetition shows", "evaluation/estimates.py", "_pooled(self.spread)", "_pooled(self.errors)",
        "test_evaluation.py::test_errors_over_images_and_over_draws",
    ),
    Fault(
        "jackknife that leaves nothing out", "evaluation/estimates.py", "torch.logaddexp(before, after)", "log_sums.logsumexp(0)",
        "test_evaluation.py::test_the_jackknife_leaves_each_group_out",
    ),
    Fault(
        "jackknife of groups that are taken for equal", "evaluation/estimates.py", "(counts.sum() - counts).log()", "(0 * counts + 3).log()",
        "test_evaluation.py::test_the_jackknife_leaves_each_group_out",
    ),
    Fault(
        "jackknife as the error of a mean", "evaluation/estimates.py", "((groups - 1) * without.var(0, correction=0)).sqrt()",
        "without.std(0) / math.sqrt(groups)",
        "test_evaluation.py::test_where_few_weights_make_up_the_mean_only_the_jackknife_says_what_repetition_shows[50-2.0]",
    ),
    Fault(
        "groups of the last chunk alone", "evaluation/likelihoods.py", "torch.logaddexp(groups[: len(z)], log_weights)", "log_weights",
        "test_evaluation.py::test_where_few_weights_make_up_the_mean_only_the_jackknife_says_what_repetition_shows[130-2.0]",
    ),
    Fault(
        "AIS whose spread is the delta method's", "evaluation/annealing.py", "PerImage(values if z is None else -values, errors, spread)",
        "PerImage(values if z is None else -values, errors, errors)",
        "test_evaluation.py::test_ais_error_is_what_repetition_shows_also_with_few_chains_and_temperatures",
    ),
    Fault(
        "AIS adapts its steps in the run that counts", "evaluation/annealing.py", "_anneal(model, images, start, betas, chains, sizes)[1]",
        "_anneal(model, images, start, betas, chains)[1]",
        "test_evaluation.py::test_ais_weighs_with_the_step_sizes_that_the_pilot_found",
    ),
    Fault(
        "AIS whose pilot has as many chains as the rest", "evaluation/annealing.py", "_anneal(model, images, start, betas, pilot)",
        "_anneal(model, images, start, betas, chains)",
        "test_evaluation.py::test_ais_weighs_with_the_step_sizes_that_the_pilot_found",
    ),
    Fault(
        "AIS that does not look at its step sizes", "evaluation/annealing.py", "size = size if adapt else used[t]", "size = size",
        "test_evaluation.py::test_ais_moves_by_the_step_sizes_that_it_is_given",
    ),
    Fault(
        "the caller's draws moved in place", "evaluation/annealing.py", "new = new + step * momentum", "new += step * momentum",
        "test_evaluation.py::test_draws_and_features_of_the_caller_stay_as_they_are",
    ),
    Fault(
        "the caller's step sizes overwritten", "evaluation/annealing.py", "        if adapt:\n            used[t] = size\n",
        "        used[t] = 0.0\n        if adapt:\n            used[t] = size\n",
        "test_evaluation.py::test_draws_and_features_of_the_caller_stay_as_they_are",
    ),
    Fault(
        "shuffle cost of one repeat, whatever is asked for", "evaluation/symptoms.py",
        "repeats = whole(\"repeats\", repeats)\n    q_z", "repeats = min(1, whole(\"repeats\", repeats))\n    q_z",
        "test_symptoms.py::test_more_repeats_leave_less_noise[cost]",
    ),
    Fault(
        "gap of one repeat, whatever is asked for", "evaluation/symptoms.py", "for _ in range(repeats)]", "for _ in range(1)]",
        "test_symptoms.py::test_more_repeats_leave_less_noise[gap]",
    ),
    Fault(
        "classifier of one seed", "evaluation/frechet.py", "torch.manual_seed(seed)", "torch.manual_seed(0)",
        "test_evaluation.py::test_classifier_features_know_the_classes_and_leave_the_random_state_alone",
    ),
    Fault(
        "pseudo-inputs that are the caller's images", "models/priors.py", "pseudo_inputs.detach().clone().float()", "pseudo_inputs.detach().float()",
        "test_priors.py::test_the_callers_pseudo_inputs_are_copied",
    ),
    Fault(
        "a fitted mixture of one seed", "models/priors.py", "random_state=seed", "random_state=0",
        "test_priors.py::test_seed_and_components_of_a_fitted_mixture_count",
    ),
    Fault(
        "a fitted mixture of one component", "models/priors.py", "GaussianMixture(components, random_state", "GaussianMixture(1, random_state",
        "test_priors.py::test_seed_and_components_of_a_fitted_mixture_count",
    ),
    Fault(
        "gradient cut at the draws of the IWAE bound", "objectives.py", "q_z.rsample(torch.Size([k]))", "q_z.sample(torch.Size([k]))",
        "test_objectives.py::test_gradients_are_the_change_of_the_value_with_the_noise_kept[k = 5]",
    ),
    Fault(
        "gradient of the first weight alone", "objectives.py", "torch.logsumexp(log_weights, dim=0) - math.log(k)",
        "torch.logsumexp(torch.cat([log_weights[:1], log_weights[1:].detach()]), dim=0) - math.log(k)",
        "test_objectives.py::test_gradients_are_the_change_of_the_value_with_the_noise_kept[k = 5]",
    ),
    Fault(
        "a full chunk of draws at the end", "evaluation/likelihoods.py",
        "torch.Size([min(DRAWS, k - first)])", "torch.Size([DRAWS])",
        "test_evaluation.py::test_weights_average_to_p_also_where_the_last_chunk_is_short",
    ),
    Fault(
        "importance weights without the prior", "evaluation/likelihoods.py",
        " + model.prior.log_prob(z) - q_z.log_prob(z)", " - q_z.log_prob(z)",
        "test_evaluation.py::test_with_the_exact_posterior_every_draw_gives_log_p",
    ),
    Fault(
        "chunks averaged as logs", "evaluation/likelihoods.py",
        "total = torch.logaddexp(total, log_weights.logsumexp(0))",
        "total = log_weights.logsumexp(0) if first == 0 else (total + log_weights.logsumexp(0) + math.log(4)) / 2",
        "test_evaluation.py::test_weights_average_to_p_also_where_the_last_chunk_is_short",
    ),
    Fault(
        "error of one weight for that of their mean", "evaluation/likelihoods.py",
        "(relative_variance.clamp(min=0) / (k - 1)).sqrt()", "relative_variance.clamp(min=0).sqrt()",
        "test_evaluation.py::test_errors_are_what_repetition_shows",
    ),
    Fault(
        "all images decoded at once", "evaluation/likelihoods.py",
        "images_at_once(x, min(k, DRAWS))", "images_at_once(x, 1)",
        "test_evaluation.py::test_5000_draws_are_decoded_in_parts_no_larger_than_50",
    ),
    Fault(
        "AIS moves before it weighs", "evaluation/annealing.py",
        "        if upwards:\n            log_weights += change * model.decode(z).log_prob(x)\n        size = size if adapt else used[t]\n        z, accepted = _move(model, x, z, betas[t], size)\n",
        "        size = size if adapt else used[t]\n        z, accepted = _move(model, x, z, betas[t], size)\n        if upwards:\n            log_weights += change * model.decode(z).log_prob(x)\n",
        "test_evaluation.py::test_ais_weights_average_to_p_also_with_few_temperatures",
    ),
    Fault(
        "AIS backwards with the sign of forwards", "evaluation/annealing.py",
        "values if z is None else -values", "values",
        "test_evaluation.py::test_ais_brackets_log_p",
    ),
    Fault(
        "every Hamiltonian move accepted", "evaluation/annealing.py",
        "torch.rand_like(log_ratio).log() < log_ratio", "log_ratio > -math.inf",
        "test_evaluation.py::test_ais_moves_leave_the_bridge_as_it_is",
    ),
    Fault(
        "AIS holds the chains of all images at once", "evaluation/annealing.py",
        "rows = images_at_once(x, max(chains, pilot))", "rows = len(x)",
        "test_evaluation.py::test_ais_takes_many_images_in_parts",
    ),
    Fault(
        "distortion at the mean of q", "evaluation/information.py",
        "torch.stack([q_z.sample() for", "torch.stack([q_z.mean for",
        "test_evaluation.py::test_rate_and_distortion_against_their_formulas",
    ),
    Fault(
        "aggregate posterior without log m", "evaluation/information.py",
        " - math.log(m)", "",
        "test_evaluation.py::test_log_aggregate_is_a_mixture",
    ),
    Fault(
        "mutual information against the prior", "evaluation/information.py",
        "q_z.log_prob(z) - log_aggregate(z, q_z)", "q_z.log_prob(z) - model.prior.log_prob(z)",
        "test_evaluation.py::test_mutual_information_of_gaussians",
    ),
    Fault(
        "mutual information of the means", "evaluation/information.py",
        "        z = q_z.sample()\n        return average(q_z.log_prob(z) - log_aggregate(z, q_z))",
        "        z = q_z.mean\n        return average(q_z.log_prob(z) - log_aggregate(z, q_z))",
        "test_evaluation.py::test_mutual_information_of_gaussians",
    ),
    Fault(
        "marginal KL whose draws meet their own posterior", "evaluation/information.py",
        "log_aggregate(z, model.encode(others))", "log_aggregate(z, model.encode(x))",
        "test_evaluation.py::test_marginal_kl_compares_with_the_posteriors_of_the_other_images",
    ),
    Fault(
        "Frechet distance without the factor 2", "evaluation/frechet.py",
        "- 2 * cross", "- cross",
        "test_evaluation.py::test_frechet_distance_of_diagonal_gaussians",
    ),
    Fault(
        "Frechet distance by the root of each covariance", "evaluation/frechet.py",
        "torch.linalg.eigvalsh(root @ cov_b @ root).clamp(min=0).sqrt().sum()",
        "(values.clamp(min=0).sqrt() * torch.linalg.eigvalsh(cov_b).clamp(min=0).sqrt()).sum()",
        "test_evaluation.py::test_frechet_distance_agrees_with_scipy",
    ),
    Fault(
        "jackknife with the error of one group", "evaluation/frechet.py",
        "((GROUPS - 1) * without.var(correction=0)).sqrt()", "without.std()",
        "test_evaluation.py::test_frechet_error_is_what_repetition_shows",
    ),
    Fault(
        "classifier that is not trained", "evaluation/frechet.py",
        "                optimizer.step()\n", "",
        "test_evaluation.py::test_classifier_features_know_the_classes_and_leave_the_random_state_alone",
    ),
    Fault(
        "classifier that disturbs the random state", "evaluation/frechet.py",
        "    with torch.random.fork_rng(devices=[device] if device.type == \"cuda\" else []):\n", "    if True:\n",
        "test_evaluation.py::test_classifier_features_know_the_classes_and_leave_the_random_state_alone",
    ),
    Fault(
        "curves with their axes swapped", "lessons/plots.py",
        "axes.plot(np.asarray(x), np.asarray(y), style", "axes.plot(np.asarray(y), np.asarray(x), style",
        "test_plots.py::test_curves_show_each_series_and_level",
    ),

    Fault(
        "a KL by its draw with the wrong sign", "objectives.py", "return q_z.log_prob(z) - p_z.log_prob(z)",
        "return p_z.log_prob(z) - q_z.log_prob(z)",
        "test_priors.py::test_with_a_mixture_the_bounds_stay_below_log_p_and_reach_it",
    ),
    Fault(
        "a fitted mixture whose widths are not logarithms", "models/priors.py", "torch.diag_embed(diagonal.log())",
        "torch.diag_embed(diagonal)", "test_priors.py::test_a_fitted_mixture_is_scikit_learns",
    ),
    Fault(
        "pseudo-inputs leave the pixels' range", "models/priors.py", "self.pseudo_inputs.clamp(0, 1)", "self.pseudo_inputs",
        "test_priors.py::test_the_vamp_prior_is_the_mean_of_its_posteriors",
    ),
    Fault(
        "a mixture of equal parts", "models/priors.py", "0.5 * torch.randn(components, latent_dim)",
        "torch.zeros(components, latent_dim)",
        "test_priors.py::test_a_new_mixture_is_near_the_standard_normal_and_its_parts_differ",
    ),
    Fault(
        "a pixel sees itself", "models/autoregressive.py", ".triu(1)", ".triu(0)",
        "test_autoregressive.py::test_a_pixel_sees_the_pixels_of_its_window_and_no_others",
    ),
    Fault(
        "a window one pixel too wide", "models/autoregressive.py", ".tril(self.context)", ".tril(self.context + 1)",
        "test_autoregressive.py::test_a_pixel_sees_the_pixels_of_its_window_and_no_others",
    ),
    Fault(
        "a row sees itself", "models/autoregressive.py", "for read in self.from_row(before)", "for read in self.from_row(rows)",
        "test_autoregressive.py::test_a_row_sees_all_earlier_rows_and_not_itself",
    ),
    Fault(
        "a memory of one row", "models/autoregressive.py", "states.append(state)", "states.append(state); state = first",
        "test_autoregressive.py::test_a_row_sees_all_earlier_rows_and_not_itself",
    ),
    Fault(
        "all pixels drawn at once", "models/autoregressive.py", "torch.where(self.order == step, drawn, x)", "drawn",
        "test_autoregressive.py::test_draws_follow_log_prob",
    ),
    Fault(
        "the last step is never drawn", "models/autoregressive.py", "range(int(self.order.max()) + 1)",
        "range(int(self.order.max()))", "test_autoregressive.py::test_draws_follow_log_prob",
    ),
    Fault(
        "update gate the wrong way round", "models/autoregressive.py", "new + update * (state - new)",
        "state + update * (new - state)", "test_autoregressive.py::test_the_state_is_that_of_torchs_gru_cell",
    ),
    Fault(
        "reset gate on the input", "models/autoregressive.py", "read[..., 2 * h :] + reset * kept[..., 2 * h :]",
        "reset * read[..., 2 * h :] + kept[..., 2 * h :]",
        "test_autoregressive.py::test_the_state_is_that_of_torchs_gru_cell",
    ),
    Fault(
        "a context larger than the image let through", "models/autoregressive.py", "not 0 <= self.context < pixels",
        "not 0 <= self.context", "test_autoregressive.py::test_bad_arguments_are_refused",
    ),
    Fault(
        "descent for ascent", "training/loop.py", "loss = -objective_of(x).mean()", "loss = objective_of(x).mean()",
        "test_training.py::test_it_learns_and_says_so",
    ),
    Fault(
        "gradients never set to zero", "training/loop.py", "                optimizer.zero_grad()\n", "",
        "test_training.py::test_each_step_is_one_step_of_adam_on_the_mean",
    ),
    Fault(
        "sum for mean over the batch", "training/loop.py", "-objective_of(x).mean()", "-objective_of(x).sum()",
        "test_training.py::test_each_step_is_one_step_of_adam_on_the_mean",
    ),
    Fault(
        "no shuffling", "training/loop.py", "torch.randperm(len(data.train), device=place)",
        "torch.arange(len(data.train))",
        "test_training.py::test_every_epoch_sees_every_image_once_in_a_new_order",
    ),
    Fault(
        "the same order in every epoch", "training/loop.py", "torch.manual_seed(seed + EPOCH_SEEDS_APART * epoch)", "torch.manual_seed(seed)",
        "test_training.py::test_every_epoch_sees_every_image_once_in_a_new_order",
    ),
    Fault(
        "NaN goes unnoticed", "training/loop.py", "refusals.require_finite(objectives, model, epoch, history.train, lr_now)", "pass",
        "test_training.py::test_the_first_bad_step_is_the_one_named",
    ),
    Fault(
        "past DistributedDataParallel", "training/processes.py", "return nn.parallel.DistributedDataParallel(_PartOfTheMean(model, objective), device_ids=ids)",
        "return _PartOfTheMean(model, objective)",
        "test_distributed.py::test_gradients_of_two_processes_are_those_of_one",
    ),
    Fault(
        "shares of a batch weigh alike, however many images they hold", "training/processes.py",
        "count() / images * self.objective(self.model, x).sum()", "self.objective(self.model, x).mean()",
        "test_distributed.py::test_so_are_those_of_batches_that_cannot_be_shared_evenly",
    ),
    Fault(
        "all processes draw the same noise", "training/processes.py", "seed + RANK_SEEDS_APART * (rank() + 1)", "seed",
        "test_distributed.py::test_each_process_draws_its_own_noise",
    ),
    Fault(
        "a checkpoint written in place", "training/checkpoints.py", 'with part.open("wb")', 'with path.open("wb")',
        "test_checkpoints.py::test_while_a_checkpoint_is_written_the_last_one_stays",
    ),
    Fault(
        "a checkpoint may run code", "training/checkpoints.py", "weights_only=True", "weights_only=False",
        "test_checkpoints.py::test_nothing_is_unpickled_but_plain_values",
    ),
    Fault(
        "the optimiser forgets when resumed", "training/resuming.py", 'optimizer.load_state_dict(self.state["optimizer"])', "pass",
        "test_checkpoints.py::test_a_resumed_run_ends_as_an_uninterrupted_one_bit_for_bit",
    ),
    Fault(
        "noise that does not follow from the epoch", "training/loop.py", "                    torch.manual_seed(seed + EPOCH_SEEDS_APART * epoch)\n", "",
        "test_checkpoints.py::test_a_resumed_run_ends_as_an_uninterrupted_one_bit_for_bit",
    ),
    Fault(
        "shapes not compared", "training/resuming.py", 'checkpoints.same_shapes(path, state["model"], model)', "pass",
        "test_checkpoints.py::test_a_checkpoint_of_another_shape_leaves_the_model_as_it_was",
    ),
    Fault(
        "settings not compared", "training/resuming.py", 'checkpoints.same_settings(path, state["settings"], settings)', "pass",
        "test_checkpoints.py::test_a_schedule_cannot_be_made_longer_afterwards",
    ),
    Fault(
        "architectures not compared", "training/resuming.py", "checkpoints.same_architecture(path, state[\"architecture\"], architectures.describe(model))", "pass",
        "test_checkpoints.py::test_another_model_of_the_same_shapes_is_refused",
    ),
    Fault(
        "images known by their number alone", "training/resuming.py", "zlib.crc32(data.train.detach().cpu().contiguous().numpy().data)", "len(data.train)",
        "test_checkpoints.py::test_other_images_of_the_same_shape_are_refused",
    ),
    Fault(
        "numbers of numpy written as they are", "training/checkpoints.py", "        return value.item()\n", "        return value\n",
        "test_checkpoints.py::test_so_are_those_of_a_models_architecture_and_of_own_settings",
    ),
    Fault(
        "a folder named ~", "training/checkpoints.py", "Path(path).expanduser()", "Path(path)",
        "test_checkpoints.py::test_a_tilde_is_the_home_folder",
    ),
    Fault(
        "an address in memory for a name", "training/resuming.py", 're.sub(r" at 0x[0-9a-fA-F]+", "", name)', "name",
        "test_checkpoints.py::test_an_objective_that_is_made_anew_is_the_same_one",
    ),
    Fault(
        "test images teach batch normalisation", "training/testing.py", "with autocast, evaluating(model):", "with autocast:",
        "test_training.py::test_test_images_teach_batch_normalisation_nothing",
    ),
    Fault(
        "measuring in training mode", "evaluation/measuring.py", "with torch.no_grad(), evaluating(model):", "with torch.no_grad():",
        "test_evaluation.py::test_measuring_changes_nothing_and_is_done_in_eval_mode",
    ),
    Fault(
        "a layer kept in eval() mode is trained after a measurement", "models/modes.py", "module.training = training  #", "module.train()  #",
        "test_training.py::test_test_images_teach_batch_normalisation_nothing",
    ),
    Fault(
        "all test images at once", "training/testing.py", "images.split(TEST_IMAGES)", "[images]",
        "test_steps.py::test_many_test_images_are_shown_in_parts_and_few_in_one",
    ),
    Fault(
        "curves that over-fit leave the picture", "lessons/plots.py", "if not low <= value <= high]", "if False]",
        "test_plots.py::test_a_test_curve_that_over_fits_stays_in_the_picture",
    ),
    Fault(
        "all functions without a name are one", "training/resuming.py", 'if "<lambda>" in name:', "if False:",
        "test_checkpoints.py::test_two_functions_without_a_name_are_told_apart",
    ),
    Fault(
        "weights that are no longer finite are handed back", "training/refusals.py",
        "if bool(torch.isfinite(nn.utils.parameters_to_vector(model.parameters())).all()):", "if True:",
        "test_training.py::test_weights_that_the_last_step_breaks_are_noticed",
    ),
    Fault(
        "a model in eval() mode is trained in it", "training/loop.py", " training_mode(model),", "",
        "test_training.py::test_a_model_in_eval_mode_is_trained_in_train_mode_and_comes_back_in_eval_mode",
    ),
    Fault(
        "every process for itself under torchrun", "training/refusals.py", "    processes.require_joined()\n", "",
        "test_training.py::test_processes_that_have_not_joined_are_refused",
    ),
    Fault(
        "a smaller batch is recorded", "training/graphs.py", "        if x.shape != self.shape:\n            return self.step(x)\n", "",
        "test_steps.py::test_recorded_steps_are_the_steps",
    ),
    Fault(
        "saved however long it takes", "training/resuming.py", "self.seconds_to_save / SAVING", "self.seconds_to_save * SAVING",
        "test_checkpoints.py::test_saving_costs_little_however_slow_it_is",
    ),
    Fault(
        "densities in half precision", "models/distributions.py", "return x.float() if x.dtype in (torch.bfloat16, torch.float16) else x",
        "return x", "test_steps.py::test_in_bfloat16_densities_and_sums_stay_in_float32",
    ),
    Fault(
        "the recorded step sees one batch only", "training/graphs.py", "        self.x.copy_(x)\n", "",
        "test_steps.py::test_recorded_steps_are_the_steps",
    ),
    Fault(
        "the model stays where it was trained", "training/devices.py", "    finally:\n        model.to(home)", "    finally:\n        pass",
        "test_steps.py::test_the_model_comes_back_even_from_an_error",
    ),
    Fault(
        "images that fill the device", "training/devices.py", "mem_get_info(place)[0] / 2", "mem_get_info(place)[0]",
        "test_steps.py::test_small_images_are_held_and_large_ones_only_if_half_the_memory_is_enough",
    ),
    Fault(
        "draws and images change places", "models/convolutions.py", "self.net(z.reshape(-1, self.latent_dim))",
        "self.net(z.movedim(0, -2).reshape(-1, self.latent_dim))",
        "test_steps.py::test_convolutions_decode_each_latent_by_itself",
    ),
    Fault(
        "sliders without a picture", "lessons/explorers.py", "self.picture.value = self._quick.png(self.page)",
        "self._quick.png(self.page)",
        "test_plots.py::test_moving_a_slider_draws_anew_and_shows_it",
    ),
    Fault(
        "ticks of another figure", "lessons/quick_renderer.py", "*places, *labels]", "*places]",
        "test_plots.py::test_a_quick_picture_draws_ticks_anew_when_anything_about_them_differs",
    ),
    Fault(
        "an error that nobody sees", "lessons/explorers.py",
        'self.trouble.value = f"<pre>{html.escape(f\'{type(error).__name__}: {error}\')}</pre>"', "pass",
        "test_plots.py::test_what_goes_wrong_when_a_slider_moves_stands_below_the_picture_until_it_goes_well_again",
    ),
    Fault(
        "a claim that NaN passes", "lessons/checks/claims.py", "value <= bound, f", "not value > bound, f",
        "test_checks.py::test_a_false_claim_is_printed_and_stops",
    ),
    Fault(
        "a claim that never stops", "lessons/checks/claims.py", "    if not holds:\n        raise", "    if False:\n        raise",
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
