"""`claim(...)` for what a lesson asserts, `check_...(...)` for what a reader answers."""

from vae_course.lessons.checks.claims import ClaimError, claim
from vae_course.lessons.checks.lesson_00 import check_home_of, check_to_bits, check_turned_left
from vae_course.lessons.checks.lesson_01 import check_erase, check_lost, check_new_codes
from vae_course.lessons.checks.lesson_02 import check_draws_needed, check_explained_by_one, check_log_mean_exp
from vae_course.lessons.checks.lesson_03 import check_best_variances, check_elbo_of_states, check_kl_exponentials
from vae_course.lessons.checks.lesson_04 import check_best_baseline, check_score_log_sigma, check_waiting_times
from vae_course.lessons.checks.lesson_05 import (
    check_bug_hunt,
    check_draw_images,
    check_kl_per_latent,
    check_kl_to_prior,
)
from vae_course.lessons.checks.lesson_06 import check_assumed_variance, check_density_bits, check_laplace_nats
from vae_course.lessons.checks.lesson_07 import check_count_active, check_learned_variance, check_price
from vae_course.lessons.checks.lesson_08 import check_conv_flop, check_largest_log_var, check_share_loss
from vae_course.lessons.checks.lesson_09 import check_combine, check_extrapolate, check_unit_nats
from vae_course.lessons.checks.lesson_10 import check_accidental_beta, check_flattery, check_second_opinion
from vae_course.lessons.checks.lesson_11 import check_average_shuffle_cost, check_cyclical, check_free_bits
from vae_course.lessons.checks.lesson_12 import check_best_mean, check_hidden_beta, check_price_of_edges
from vae_course.lessons.checks.lesson_13 import check_area, check_excess, check_prior_gain
from vae_course.lessons.checks.lesson_14 import check_account, check_bernoulli_precision, check_foreseen

__all__ = [
    "ClaimError",
    "check_accidental_beta",
    "check_account",
    "check_area",
    "check_assumed_variance",
    "check_average_shuffle_cost",
    "check_bernoulli_precision",
    "check_best_baseline",
    "check_best_mean",
    "check_best_variances",
    "check_bug_hunt",
    "check_combine",
    "check_conv_flop",
    "check_count_active",
    "check_cyclical",
    "check_density_bits",
    "check_draw_images",
    "check_draws_needed",
    "check_elbo_of_states",
    "check_erase",
    "check_excess",
    "check_explained_by_one",
    "check_extrapolate",
    "check_flattery",
    "check_foreseen",
    "check_free_bits",
    "check_hidden_beta",
    "check_home_of",
    "check_kl_exponentials",
    "check_kl_per_latent",
    "check_kl_to_prior",
    "check_laplace_nats",
    "check_largest_log_var",
    "check_learned_variance",
    "check_log_mean_exp",
    "check_lost",
    "check_new_codes",
    "check_price",
    "check_price_of_edges",
    "check_prior_gain",
    "check_score_log_sigma",
    "check_second_opinion",
    "check_share_loss",
    "check_to_bits",
    "check_turned_left",
    "check_unit_nats",
    "check_waiting_times",
    "claim",
]
