(* Onset.v: where the onset is soft: the sign of the cubic amplitude coefficient.

   Words used here:
     r              z / d at onset, in (0, 1)
     soft r         23 r^4 - 124 r^3 - 6 r^2 - 72 r + 27, the factor that decides the sign of the Stuart-Landau
                    coefficient
     cubic_coefficient z d s   that coefficient (generated); it is derived symbolically by rdmf_theory.onset, its
                    sign is decided here: soft onset, no jump, where it is positive *)
From Coq Require Import Reals Lra Psatz.
From RDMF Require Import Generated.
Open Scope R_scope.

Definition soft (r : R) : R := 23 * r ^ 4 - 124 * r ^ 3 - 6 * r ^ 2 - 72 * r + 27.

Lemma soft_decreases : forall x y, 0 <= x < y -> y <= 1 -> soft y < soft x.
Proof.
  intros x y [Hx Hxy] Hy; unfold soft.
  (* soft x - soft y = (y - x) (72 + 6 (x + y) + 124 (x^2 + x y + y^2) - 23 (x + y)(x^2 + y^2)) *)
  assert (A : 23 * ((x + y) * (x ^ 2 + y ^ 2)) <= 46 * (x ^ 2 + y ^ 2)).
  { assert (0 <= x ^ 2 + y ^ 2) by nra; nra. }
  assert (B : 0 < 72 + 6 * (x + y) + 124 * (x ^ 2 + x * y + y ^ 2) - 23 * ((x + y) * (x ^ 2 + y ^ 2))).
  { assert (0 <= x * y) by (apply Rmult_le_pos; lra); assert (0 <= x ^ 2 + y ^ 2) by nra; lra. }
  assert (C : 0 < (y - x) * (72 + 6 * (x + y) + 124 * (x ^ 2 + x * y + y ^ 2) - 23 * ((x + y) * (x ^ 2 + y ^ 2))))
    by (apply Rmult_lt_0_compat; lra).
  lra.
Qed.

(* One threshold, rho = 0.31568586..., bracketed to eleven digits: below it the onset is soft, above it is not. *)
Theorem soft_onset_threshold : exists rho, 31568586245 / 100000000000 < rho < 31568586246 / 100000000000 /\
  forall r, 0 < r < 1 -> (0 < soft r <-> r < rho) /\ (soft r < 0 <-> rho < r).
Proof.
  assert (Cont : continuity soft) by (unfold soft; reg).
  destruct (IVT (fun x => - soft x) (31568586245 / 100000000000) (31568586246 / 100000000000)) as (rho & B & Z).
  - apply continuity_opp; exact Cont.
  - lra.
  - cbv beta; unfold soft; lra.
  - cbv beta; unfold soft; lra.
  - exists rho.
    assert (S : soft rho = 0) by lra.
    assert (N1 : soft (31568586245 / 100000000000) <> 0) by (unfold soft; lra).
    assert (N2 : soft (31568586246 / 100000000000) <> 0) by (unfold soft; lra).
    assert (R1 : rho <> 31568586245 / 100000000000) by (intro E; rewrite E in S; contradiction).
    assert (R2 : rho <> 31568586246 / 100000000000) by (intro E; rewrite E in S; contradiction).
    split; [lra|intros r Hr].
    destruct (Rtotal_order r rho) as [L|[L|L]].
    + assert (X := soft_decreases r rho ltac:(lra) ltac:(lra)); split; split; intro; lra.
    + subst r; split; split; intro; lra.
    + assert (X := soft_decreases rho r ltac:(lra) ltac:(lra)); split; split; intro; lra.
Qed.

(* The generated coefficient is positive, so the onset soft, exactly where z / d is below the threshold. *)
Theorem soft_onset_iff : exists rho, 31568586245 / 100000000000 < rho < 31568586246 / 100000000000 /\
  forall z d s, 0 < z < d -> 1 < d -> 0 < s -> (0 < cubic_coefficient z d s <-> z / d < rho).
Proof.
  destruct soft_onset_threshold as (rho & B & H); exists rho; split; [exact B|].
  intros z d s Hz Hd Hs.
  assert (E : z / d * d = z) by (field; lra).
  assert (R : 0 < z / d < 1) by (split; nra).
  destruct (H (z / d) R) as [Iff _]; rewrite <- Iff.
  set (c := s * (3 * d - z) * d ^ 4 / (144 * d * (d - z) ^ 2 * (d - 1))).
  assert (C : 0 < c).
  { unfold c; apply Rdiv_lt_0_compat; repeat apply Rmult_lt_0_compat; try lra; apply pow_lt; lra. }
  assert (V : cubic_coefficient z d s = c * soft (z / d)) by (unfold cubic_coefficient, c, soft; field; lra).
  rewrite V; split; intro; nra.
Qed.
