"""Which faults are planted outside the layer's properties? One fragment of source each, and the test that must fail."""

from __future__ import annotations

from tests.mutants.plant import Mutant

DESIGNS, REGIONS = "tests/theory/test_designs.py::", "tests/theory/test_regions.py::"
CLASSES, ONSET = "tests/theory/test_classification.py::", "tests/theory/test_onset.py::"
TRUTH, CONTRACT = (f"tests/ops/test_reaction_diffusion_{name}.py::" for name in ("truth", "contract"))
CONSTRAINTS, SPANS = "tests/model/constraints/test_constraints.py::", "tests/model/moments/test_spans.py::"
LOSSES, METRICS = "tests/model/training/test_losses.py::", "tests/model/evaluation/test_metrics.py::"
DATA, BAD = (f"tests/model/data/test_{name}.py::" for name in ("data", "data_bad_input"))
CHECKER, SUBJECT = (f"tests/theory/test_{name}.py::" for name in ("certify_checker", "certificate_subject"))
DISCRETE, FORMULAS = "rdmf_theory.layer.step:", "rdmf_theory.formulas:"
REFERENCE, ADJOINT = (f"rdmf_model.ops.reaction_diffusion.{name}:" for name in ("reference", "adjoint"))
CONSTRAINT, CHECKS = "rdmf_model.constraints.constraint:", "rdmf_theory.certificates.certificate_checker:"

THEORY = (
    ("last clip loses to the outside", DISCRETE + "clip_laplacian", "[-1, -1] += 1", "[-1, -1] += 0",
     DESIGNS + "test_clip_laplacian"),
    ("modes of one clip too many", DISCRETE + "clip_eigenvalues", "(2 * T)", "(2 * T + 2)",
     DESIGNS + "test_clip_laplacian"),
    ("reaction with the old substrate", DISCRETE + "semi_implicit_step", "gain * u_next", "gain * u",
     DESIGNS + "test_step_keeps_steady_states_and_bounds"),
    ("one step too many in the gain", DISCRETE + "pattern_gain", "design, h) ** steps",
     "design, h) ** (steps + 1)",
     DESIGNS + "test_simulated_growth_of_a_thousand_fastest_modes"),
    ("threshold with the wrong root", FORMULAS + "turing_threshold", "xp.sqrt(2 - 2*u_star)", "xp.sqrt(2 - u_star)",
     REGIONS + "test_conditions_agree_with_the_classification_of_the_parameters"),
    ("gain interval ends at the saddle", FORMULAS + "gain_interval", "3*d + root", "3*d - root",
     REGIONS + "test_gain_interval_ends_on_the_boundaries"),
    ("sign of a cubic term", FORMULAS + "cubic_coefficient", "124*d*z**3 - 6", "124*d*z**3 + 6",
     ONSET + "test_amplitude_and_stability_of_the_small_pattern"),
    ("half the discriminant", "rdmf_theory.turing:classify", "4 * d * z * root", "2 * d * z * root",
     CLASSES + "test_points_of_the_contract"),
    ("boundaries count as inside", "rdmf_theory.turing:_name", "if turing <= 0", "if turing < 0",
     CLASSES + "test_turing_boundary_is_decided_exactly"),
    ("fed without damping", "rdmf_theory.regions.admissible:AdmissibleRegion.conditions", "1 - z * u_star",
     "1 - u_star", REGIONS + "test_each_condition_is_violated_by_name"),
)  # fmt: skip

OPERATOR = (
    ("v is fed, not killed", REFERENCE + "reaction_diffusion_reference", "(F + k)[:, None]", "F[:, None]",
     TRUTH + "test_equals_the_step_of_the_theory"),
    ("explicit reaction", REFERENCE + "reaction_diffusion_reference", "1.0 + source + reaction,", "1.0 + source,",
     TRUTH + "test_equals_a_dense_solve"),
    ("u and v swapped", REFERENCE + "reaction_diffusion_reference", "return u, v", "return v, u",
     TRUTH + "test_equals_a_dense_solve"),
    ("last clip feels the padding", REFERENCE + "reaction_diffusion_reference", "valid[:, 1:]", "valid[:, :-1]",
     TRUTH + "test_padding_changes_nothing"),
    ("explicit diffusion of v", REFERENCE + "reaction_diffusion_reference",
     "solve_tridiagonal(diagonal_v, coupling_v, v + reaction * u, clips)",
     "(v + reaction * u - torch.nn.functional.pad((v[:, :-1] - v[:, 1:]) * coupling_v, (0, 0, 0, 1))"
     " + torch.nn.functional.pad((v[:, :-1] - v[:, 1:]) * coupling_v, (0, 0, 1, 0))) / diagonal_v",
     TRUTH + "test_a_mode_grows_as_the_amplification_matrix_says"),
    ("gradient of k counted up", ADJOINT + "_Cotangents.step_back", "self.k -= turnover", "self.k += turnover",
     CONTRACT + "test_gradients_by_finite_differences"),
    ("gradient of the gain cut short", ADJOINT + "_Cotangents.step_back", "(y - x)", "(y)",
     CONTRACT + "test_gradients_by_finite_differences"),
)  # fmt: skip

CONSTRAINT = (
    ("no clamp after the sigmoid", CONSTRAINT + "DesignConstraint._place", "torch.clamp(coordinates, lower, upper)",
     "coordinates", CONSTRAINTS + "test_a_narrower_box_is_kept_too"),
    ("bound read from the wrong channel", CONSTRAINT + "DesignConstraint._place", "lower[3:], upper[3:]",
     "lower[3:], upper[[4, 3]]", CONSTRAINTS + "test_zero_is_the_middle_of_the_box"),
    ("NaN goes through", CONSTRAINT + "DesignConstraint._place", "nan=0.0", "nan=torch.nan",
     CONSTRAINTS + "test_extreme_raws_are_inside_with_finite_gradients"),
    ("bounds rounded outward", "rdmf_model.constraints.base:_round_inward", "low < low64", "low > low64",
     CONSTRAINTS + "test_the_box_of_the_buffers_is_certified"),
    ("gain unclamped", "rdmf_model.constraints.base:Constraint.log_gain", "fraction * torch.log(design.gain_hi)",
     "2 * torch.log(design.gain_hi)", CONSTRAINTS + "test_modulation_is_one_at_zero_increasing_and_inside"),
    ("gain interval of another ratio", CONSTRAINT + "DesignConstraint.emit", "d = exact[2] *", "d = exact[2] ** 2 *",
     CONSTRAINTS + "test_rounding_of_the_gain_is_within_the_certified_error"),
    ("parameters rounded twice", CONSTRAINT + "DesignConstraint.emit", "(part.to(coordinates.dtype) for",
     "(part.bfloat16().to(coordinates.dtype) for",
     CONSTRAINTS + "test_rounding_of_parameters_is_within_the_certified_error"),
    ("moved bounds are loaded", "rdmf_model.checkpoints.checkpoint:_check_region",
     "not torch.equal(tensor, tensors[name])", "False",
     "tests/model/checkpoints/test_checkpoint.py::test_a_spoilt_checkpoint_is_refused"),
)  # fmt: skip

MODEL = (
    ("width counted twice", "rdmf_model.model.spans:span_cxw_to_xx", "centre + width / 2", "centre + width",
     SPANS + "test_conversions_are_inverse_to_each_other"),
    ("hull of disjoint spans", "rdmf_model.model.spans:generalized_span_iou", "iou - (hull", "iou + (hull",
     SPANS + "test_giou_of_disjoint_spans_pulls_them_together"),
    ("a clip at the level is outside", "rdmf_model.model.proposals:runs_above", ">= level[", "> level[",
     "tests/model/moments/test_proposals.py::test_runs_are_the_maximal_ones_and_a_clip_at_the_level_belongs"),
    ("confident slots cost most", "rdmf_model.training.matcher:match_moments", "matrix -= cost.classification",
     "matrix += cost.classification",
     "tests/model/training/test_matcher.py::test_total_cost_is_the_least_of_all_assignments"),
    ("padding in the softmax", "rdmf_model.training.losses:contrastive_loss",
     "(scores / temperature).masked_fill(~targets.valid, -torch.inf)", "scores / temperature",
     LOSSES + "test_padding_changes_no_loss"),
    ("frequent class weighs more", "rdmf_model.training.losses:saliency_loss", "weight.sum(1).clamp(min=1.0)",
     "weight.shape[1]", LOSSES + "test_saliency_loss_weighs_both_classes_the_same"),
)  # fmt: skip

DATASET = (
    ("extent of one clip less", "rdmf_model.data.dataset:normalised_spans", "extent = clips * clip_length",
     "extent = (clips - 1) * clip_length",
     DATA + "test_targets_of_a_batch"),
    ("clip ends instead of centres", "rdmf_model.data.dataset:relevant_clips", "+ 0.5) / clips", "+ 1.0) / clips",
     DATA + "test_targets_of_a_batch"),
    ("scores of the next clip", "rdmf_model.data.dataset:MomentDataset._saliency", "+ 0.5) *", "+ 1.5) *",
     DATA + "test_targets_of_a_batch"),
    ("padding in front", "rdmf_model.data.batch:_pad", "[row, : len(sequence)]", "[row, -len(sequence) :]",
     DATA + "test_features_are_concatenated_cut_to_the_shortest_and_padded_with_zeros"),
    ("a vid may climb", "rdmf_model.data.annotations:check_name", '".." in path.parts', "False",
     BAD + "test_a_bad_line_is_named[vid climbs inside]"),
    ("NaN features are data", "rdmf_model.data.features:check_values", "not finite.all()", "False",
     BAD + "test_bad_video_features_are_named[NaN]"),
    ("pickles are loaded", "rdmf_model.data.feature_formats.numpy_files:NpzFormat.open", "allow_pickle=False",
     "allow_pickle=True", BAD + "test_bad_video_features_are_named[pickled array]"),
)  # fmt: skip

EVALUATION = (
    ("R1 by score instead of order", "rdmf_model.evaluation.moments:_retrieval", "rows[0, :2]",
     "rows[rows[:, 2].argmax(), :2]",
     METRICS + "test_r1_uses_the_first_listed_window_and_map_sorts_by_score"),
    ("mAP by order instead of score", "rdmf_model.evaluation.moments:average_precision", "np.argsort(-rows[:, 2], ",
     "np.argsort(0 * rows[:, 2], ", METRICS + "test_r1_uses_the_first_listed_window_and_map_sorts_by_score"),
    ("sorted before the cut at ten", "rdmf_model.evaluation.moments:average_precision", "rows = rows[:MAX_WINDOWS]",
     "rows = rows[np.argsort(-rows[:, 2], kind='stable')][:MAX_WINDOWS]",
     METRICS + "test_the_cut_at_ten_windows_comes_before_sorting"),
    ("length ranges open above", "rdmf_model.evaluation.moments:moment_retrieval", "shorter < end - start <= longer",
     "shorter <= end - start < longer", METRICS + "test_length_ranges_include_their_longer_end"),
    ("long saliency is not cut", "rdmf_model.evaluation.highlights:_group", "top[row] = np.argmax(rows)",
     "top[row] = np.argmax(rows[: len(score)])",
     METRICS + "test_short_saliency_lists_are_padded_with_zeros_and_long_ones_cut"),
)  # fmt: skip

CERTIFICATE = (
    ("digest is not compared", CHECKS + "check_content", 'content.get("sha256") == digest', "True",
     CHECKER + "test_every_changed_number_is_refused"),
    ("box may leave the region", CHECKS + "check_design_box", "rational(region_lo) <= lo <= hi <= rational(region_hi)",
     "lo <= hi", CHECKER + "test_false_boxes_are_refused_by_their_meaning"),
    ("gain interval is not checked", CHECKS + "check_gain_interval", "(threshold(y) / y).upper <=",
     "True or (threshold(y) / y).upper <=",
     CHECKER + "test_false_boxes_are_refused_by_their_meaning"),
    ("gaps between modes are not checked", CHECKS + "check_modes", "need(reached", "need(True or reached",
     CHECKER + "test_false_boxes_are_refused_by_their_meaning"),
    ("a fraction of the gain is forgotten", "rdmf_theory.certificates.subject:_covers",
     "return Fraction(fraction) <=", "return True or Fraction(fraction) <=", SUBJECT + "test_what_is_wrong_is_said"),
    ("weights are not compared", "rdmf_theory.certificates.subject:mismatch",
     'content.get("subject") == f"sha256:{checkpoint.sha256}"', "True", SUBJECT + "test_what_is_wrong_is_said"),
)  # fmt: skip

AREAS = {
    "theory": THEORY, "operator": OPERATOR, "constraint": CONSTRAINT, "model": MODEL, "data": DATASET,
    "metrics": EVALUATION, "certificate": CERTIFICATE,
}  # fmt: skip
FAULTS = tuple(Mutant(row[0], area, *row[1:]) for area, rows in AREAS.items() for row in rows)
