(* Recurrence.v: two-term recurrences under Jury's conditions decay geometrically.

   Words used here:
     s (n + 2) = t s (n + 1) - e s n   what powers of a 2x2 matrix of trace t and determinant e obey
     r              a decay rate in (0, 1);  energy: a quadratic form that shrinks by r^2 in each step *)
From Coq Require Import Reals Lra Psatz.
Open Scope R_scope.

Definition energy (t e r x y : R) : R := (r ^ 2 + e) * (x ^ 2 + r ^ 2 * y ^ 2) - 2 * t * r ^ 2 * x * y.

Lemma energy_shrinks : forall t e r x y, e <= r ^ 2 -> energy t e r (t * x - e * y) x <= r ^ 2 * energy t e r x y.
Proof.
  intros t e r x y H.
  assert (E : r ^ 2 * energy t e r x y - energy t e r (t * x - e * y) x = (r ^ 2 - e) * (t * x - (r ^ 2 + e) * y) ^ 2)
    by (unfold energy; ring).
  assert (0 <= (r ^ 2 - e) * (t * x - (r ^ 2 + e) * y) ^ 2) by (apply Rmult_le_pos; [lra|apply pow2_ge_0]); lra.
Qed.

Lemma energy_bound : forall t e r x y, 0 < r -> (r ^ 2 + e - Rabs t * r) * (r ^ 2 * y ^ 2) <= energy t e r x y \/ r ^ 2 + e <= Rabs t * r.
Proof.
  intros t e r x y Hr; destruct (Rle_lt_dec (r ^ 2 + e) (Rabs t * r)) as [L|L]; [right; exact L|left].
  unfold energy.
  assert (A : 2 * t * r ^ 2 * x * y <= Rabs t * r * (x ^ 2 + r ^ 2 * y ^ 2)).
  { apply Rle_trans with (Rabs (t * r) * Rabs (2 * (x * (r * y)))).
    - rewrite <- Rabs_mult; apply Rle_trans with (t * r * (2 * (x * (r * y)))); [right; ring|apply Rle_abs].
    - rewrite Rabs_mult, (Rabs_right r) by lra.
      apply Rmult_le_compat_l; [apply Rmult_le_pos; [apply Rabs_pos|lra]|].
      apply Rabs_le; split.
      + assert (S := pow2_ge_0 (x + r * y)); nra.
      + assert (S := pow2_ge_0 (x - r * y)); nra. }
  assert (0 <= (r ^ 2 + e - Rabs t * r) * x ^ 2) by (apply Rmult_le_pos; [lra|apply pow2_ge_0]); lra.
Qed.

(* One rate for all sequences. *)
Theorem recurrence_decays : forall t e, -1 < e < 1 -> Rabs t < 1 + e ->
  exists r, 0 < r < 1 /\ forall s : nat -> R, (forall n, s (S (S n)) = t * s (S n) - e * s n) ->
  exists c, 0 <= c /\ forall n, Rabs (s n) <= c * r ^ n.
Proof.
  intros t e He Ht.
  set (g := Rmin (1 + e - Rabs t) (Rmin (1 - e) (1 + e)) / 4).
  assert (G1 : g <= (1 + e - Rabs t) / 4) by (unfold g; assert (X := Rmin_l (1 + e - Rabs t) (Rmin (1 - e) (1 + e))); lra).
  assert (G2 : g <= (1 - e) / 4).
  { unfold g; assert (X := Rmin_r (1 + e - Rabs t) (Rmin (1 - e) (1 + e))); assert (Y := Rmin_l (1 - e) (1 + e)); lra. }
  assert (G3 : g <= (1 + e) / 4).
  { unfold g; assert (X := Rmin_r (1 + e - Rabs t) (Rmin (1 - e) (1 + e))); assert (Y := Rmin_r (1 - e) (1 + e)); lra. }
  assert (G0 : 0 < g).
  { unfold g; apply Rdiv_lt_0_compat; [|lra]; apply Rmin_glb_lt; [lra|apply Rmin_glb_lt; lra]. }
  assert (T0 := Rabs_pos t).
  exists (1 - g); set (r := 1 - g).
  assert (R2 : 1 - 2 * g <= r ^ 2) by (unfold r; nra).
  assert (Hr : 0 < r < 1) by (unfold r; lra).
  assert (E2 : e <= r ^ 2) by lra.
  assert (K : 0 < r ^ 2 + e - Rabs t * r) by (assert (Rabs t * r <= Rabs t) by nra; lra).
  split; [exact Hr|intros s Hs].
  set (w := energy t e r (s 1%nat) (s 0%nat)).
  assert (W : forall n, energy t e r (s (S n)) (s n) <= w * (r ^ n) ^ 2).
  { induction n as [|n IH]; [unfold w; simpl; lra|].
    rewrite (Hs n); apply Rle_trans with (r ^ 2 * energy t e r (s (S n)) (s n)); [apply energy_shrinks; exact E2|].
    apply Rle_trans with (r ^ 2 * (w * (r ^ n) ^ 2)); [apply Rmult_le_compat_l; [apply pow2_ge_0|exact IH]|].
    simpl; right; ring. }
  assert (K2 : 0 < (r ^ 2 + e - Rabs t * r) * r ^ 2) by (apply Rmult_lt_0_compat; [exact K|apply pow_lt; lra]).
  assert (B : forall n, (r ^ 2 + e - Rabs t * r) * r ^ 2 * s n ^ 2 <= w * (r ^ n) ^ 2).
  { intro n; destruct (energy_bound t e r (s (S n)) (s n) (proj1 Hr)) as [X|X]; [|lra].
    specialize (W n); lra. }
  assert (W0 : 0 <= w).
  { specialize (B O); simpl (r ^ 0) in B.
    assert (0 <= (r ^ 2 + e - Rabs t * r) * r ^ 2 * s O ^ 2) by (apply Rmult_le_pos; [lra|apply pow2_ge_0]); lra. }
  set (q := w / ((r ^ 2 + e - Rabs t * r) * r ^ 2)).
  assert (Q0 : 0 <= q) by (apply Rmult_le_pos; [exact W0|apply Rlt_le, Rinv_0_lt_compat; exact K2]).
  exists (sqrt q); split; [apply sqrt_pos|intro n].
  assert (Rn : 0 < r ^ n) by (apply pow_lt; lra).
  apply Rsqr_incr_0; [|apply Rabs_pos|apply Rmult_le_pos; [apply sqrt_pos|lra]].
  rewrite <- Rsqr_abs; unfold Rsqr.
  apply (Rmult_le_reg_l ((r ^ 2 + e - Rabs t * r) * r ^ 2)); [exact K2|].
  apply Rle_trans with (w * (r ^ n) ^ 2); [specialize (B n); lra|right].
  transitivity ((r ^ 2 + e - Rabs t * r) * r ^ 2 * (sqrt q * sqrt q) * (r ^ n) ^ 2); [|ring].
  rewrite sqrt_sqrt by exact Q0; unfold q; field; lra.
Qed.
