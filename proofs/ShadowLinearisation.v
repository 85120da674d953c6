(* ShadowLinearisation.v: the linearised shadow step is the nonlinear one up to second order, one constant for every T.

   Words used here: as in Linearisation.v and ShadowModes.v, and
     p, p'          perturbation of the one substrate before and after the linearised step
     q, q'          of the activator, a field;  |p|, |q i| <= delta <= 1
     u', v'         the nonlinear shadow step from (u_star + p, v_star + q) *)
From Coq Require Import Reals Lra Lia Psatz.
From RDMF Require Import Generated Chart ClipLaplacian Step Linearisation Conductances Shadow ShadowModes.
Open Scope R_scope.

Lemma size_of_shadow_solution : forall T L a (x : nat -> R) beta B, diffusion T L -> 0 <= beta -> 1 <= a ->
  (forall i, (i < T)%nat -> Rabs (a * x i - beta * L x i) <= B) -> forall i, (i < T)%nat -> Rabs (x i) <= B.
Proof.
  intros T L a x beta B HL Hb Ha H.
  assert (One : forall e, e = 1 \/ e = -1 -> forall i, (i < T)%nat -> e * x i + 0 * 0 <= B).
  { intros e He; apply (diffusion_solution_below T L (fun _ => a) beta HL); [intros; lra|exact Hb|].
    intros j Hj; rewrite (diffusion_linear T L HL e 0 x (fun _ => 0)) by exact Hj.
    assert (Bj := abs_bounds _ _ (H j Hj)).
    assert (B0 : 0 <= B) by (eapply Rle_trans; [apply Rabs_pos|exact (H j Hj)]).
    assert (B <= a * B) by nra; destruct He; subst e; lra. }
  intros i Hi; assert (X := One 1 (or_introl eq_refl) i Hi); assert (Y := One (-1) (or_intror eq_refl) i Hi).
  apply Rabs_le; lra.
Qed.

Section Layer.
Variables (T : nat) (L : (nat -> R) -> nat -> R) (u z w h D_v : R).
Hypothesis HT : (0 < T)%nat.
Hypothesis HL : diffusion T L.
Hypothesis Hu : 0 < u < 1 / 2.
Hypothesis Hz : 1 <= z.
Hypothesis Hk : z * u < 1.
Hypothesis Hw : 0 < w.
Hypothesis Hh : 0 < h.
Hypothesis HDv : 0 <= D_v.

Let F := chart_F u z w.
Let k := chart_k u z w.
Let s := chart_s u z w.
Let V := steady_v u z.
Let eta := h * w.
Let sigma := h * s.

Variables (p p' u' : R) (q q' v' : nat -> R) (delta : R).
Hypothesis Hdelta : 0 <= delta <= 1.
Hypothesis Hp : Rabs p <= delta.
Hypothesis Hq : forall i, (i < T)%nat -> Rabs (q i) <= delta.
Hypothesis Hlin : linear_shadow T L u z eta (h * D_v) p q p' q'.
Hypothesis Hstep : is_shadow_step T L F k h D_v (fun _ => s) (u + p) (fun i => V + q i) u' v'.

Let P := 1 + 2 * eta.
Let K_u := sigma * (2 * V * P + P + u).
Let K_v := sigma * ((V + 1) ^ 2 * K_u + (2 * V + 1) * P + u).

Lemma shadow_facts : 0 < eta /\ 0 < sigma /\ 0 < V /\ sigma * (V * u) = eta /\ sigma * (V * V) = eta * z * (1 - u) /\
  h * F = eta * z * u /\ h * (F + k) = eta.
Proof. exact (sigma_facts u z w h Hu Hz Hw Hh). Qed.

Lemma mean_sizes : Rabs (mean T q) <= delta /\ 0 <= mean T (fun i => q i * q i) <= delta * delta.
Proof.
  assert (N := clips_count T HT).
  assert (Up : forall x B, (forall i, (i < T)%nat -> x i <= B) -> mean T x <= B).
  { intros x B H; rewrite <- (mean_constant T B HT); unfold mean, Rdiv; apply Rmult_le_compat_r;
      [apply Rlt_le, Rinv_0_lt_compat; exact N|apply sum_le; exact H]. }
  split; [|split].
  - apply Rabs_le; split.
    + assert (M : mean T (fun i => -1 * q i + 0 * 0) <= delta).
      { apply Up; intros i Hi; assert (B := abs_bounds _ _ (Hq i Hi)); lra. }
      rewrite (mean_linear T (-1) q 0 (fun _ => 0) HT) in M; lra.
    + apply Up; intros i Hi; assert (B := abs_bounds _ _ (Hq i Hi)); lra.
  - apply mean_nonnegative; [exact HT|intros i Hi; nra].
  - apply Up; intros i Hi; assert (B := abs_mult_le _ _ _ _ (Hq i Hi) (Hq i Hi)).
    assert (A := Rle_abs (q i * q i)); lra.
Qed.

Lemma linear_p_row : (1 + eta * z) * p' = p - 2 * eta * mean T q.
Proof.
  destruct Hlin as [E _].
  unfold linear_implicit_uu, linear_implicit_uv, linear_explicit_uu, linear_explicit_uv in E; lra.
Qed.

Lemma linear_p_bound : Rabs p' <= P * delta.
Proof.
  destruct shadow_facts as (E0 & _); destruct mean_sizes as [M _].
  assert (Ez : 0 < eta * z) by (apply Rmult_lt_0_compat; lra).
  assert (B : Rabs ((1 + eta * z) * p') <= P * delta).
  { rewrite linear_p_row; apply abs_bounds in Hp; apply abs_bounds in M; unfold P.
    assert (2 * eta * mean T q <= 2 * eta * delta) by (apply Rmult_le_compat_l; lra).
    assert (2 * eta * - delta <= 2 * eta * mean T q) by (apply Rmult_le_compat_l; lra).
    apply Rabs_le; lra. }
  rewrite Rabs_mult, (Rabs_pos_eq (1 + eta * z)) in B by lra.
  assert (A := Rabs_pos p'); assert (0 <= eta * z * Rabs p') by (apply Rmult_le_pos; lra); lra.
Qed.

Theorem linear_shadow_u_error : Rabs (u' - u - p') <= K_u * delta ^ 2.
Proof.
  destruct shadow_facts as (E0 & S0 & V0 & Su & Sv & SF & Sk); destruct mean_sizes as [M1 [M2 M3]].
  assert (Row := proj1 Hstep); cbv beta in Row.
  assert (Ms : mean T (fun i => implicit_u F k s h (u + p) (V + q i) * u')
    = (1 + h * F + sigma * (V * V) + sigma * (2 * V * mean T q + mean T (fun i => q i * q i))) * u').
  { rewrite (mean_ext T _ (fun i => ((1 + h * F + sigma * (V * V)) * u') * 1
        + 1 * ((sigma * (2 * V) * u') * q i + (sigma * u') * (q i * q i))))
      by (intros; unfold implicit_u, sigma; ring).
    rewrite !mean_linear, mean_constant by exact HT; ring. }
  rewrite Ms, (mean_ext T (fun i => explicit_u F k s h (u + p) (V + q i)) (fun _ => u + p + h * F)) in Row
    by (intros; unfold explicit_u; ring).
  rewrite mean_constant in Row by exact HT.
  set (m1 := mean T q) in *; set (m2 := mean T (fun i => q i * q i)) in *; set (r := u' - u - p').
  assert (Lin := linear_p_row); fold m1 in Lin.
  assert (Pos : 0 <= sigma * (V * V + 2 * V * m1 + m2)).
  { (* the mean of (V + q)^2 *)
    apply Rmult_le_pos; [lra|].
    assert (Q : 0 <= mean T (fun i => (V + q i) ^ 2)) by (apply mean_nonnegative; [exact HT|intros; apply pow2_ge_0]).
    rewrite (mean_ext T _ (fun i => (V * V) * 1 + 1 * (2 * V * q i + 1 * (q i * q i)))) in Q by (intros; ring).
    rewrite !mean_linear, mean_constant in Q by exact HT; unfold m1, m2; lra. }
  assert (Fpos : 0 < h * F).
  { rewrite SF; apply Rmult_lt_0_compat; [apply Rmult_lt_0_compat; lra|lra]. }
  set (A := 1 + h * F + sigma * (V * V) + sigma * (2 * V * m1 + m2)) in *.
  assert (A1 : 1 <= A) by (unfold A; lra).
  assert (Su2 : 2 * (sigma * (V * u)) * m1 = 2 * eta * m1) by (rewrite Su; ring).
  assert (E : A * r = - (sigma * (2 * V * (m1 * p') + m2 * p' + u * m2))).
  { unfold r; transitivity (A * u' - A * u - A * p'); [ring|rewrite Row; unfold A].
    rewrite SF in *; rewrite Sv in *.
    transitivity (u + p + eta * z * u - (1 + eta * z) * u - (1 + eta * z) * p'
      - sigma * (2 * V * m1 + m2) * u - sigma * (2 * V * m1 + m2) * p'); [ring|rewrite Lin; lra]. }
  assert (C := linear_p_bound).
  assert (D1 := abs_mult_le _ _ _ _ M1 C).
  assert (M2' : Rabs m2 <= delta * delta) by (rewrite Rabs_pos_eq; lra).
  assert (D3 := abs_mult_le _ _ _ _ M2' C).
  assert (P0 : 0 < P) by (unfold P; lra).
  assert (Size : Rabs (A * r) <= K_u * delta ^ 2).
  { rewrite E, Rabs_Ropp, Rabs_mult, (Rabs_pos_eq sigma) by lra; unfold K_u.
    replace (sigma * (2 * V * P + P + u) * delta ^ 2) with (sigma * ((2 * V * P + P + u) * delta ^ 2)) by ring.
    apply Rmult_le_compat_l; [lra|].
    assert (T1 := Rabs_triang (2 * V * (m1 * p') + m2 * p') (u * m2)).
    assert (T2 := Rabs_triang (2 * V * (m1 * p')) (m2 * p')).
    rewrite (Rabs_mult (2 * V)), (Rabs_pos_eq (2 * V)) in T2 by lra.
    rewrite (Rabs_mult u), (Rabs_pos_eq u) in T1 by lra.
    assert (D4 : delta * delta * (P * delta) <= P * delta ^ 2) by (assert (0 <= P * delta ^ 2) by (apply Rmult_le_pos; [lra|apply pow2_ge_0]); nra).
    assert (N1 : 2 * V * Rabs (m1 * p') <= 2 * V * (delta * (P * delta))) by (apply Rmult_le_compat_l; lra).
    assert (N2 : u * Rabs m2 <= u * (delta * delta)) by (apply Rmult_le_compat_l; lra).
    lra. }
  rewrite Rabs_mult, (Rabs_pos_eq A) in Size by lra.
  assert (R0 := Rabs_pos r); assert (0 <= (A - 1) * Rabs r) by (apply Rmult_le_pos; lra); lra.
Qed.

Theorem linear_shadow_v_error : forall i, (i < T)%nat -> Rabs (v' i - V - q' i) <= K_v * delta ^ 2.
Proof.
  destruct shadow_facts as (E0 & S0 & V0 & Su & Sv & SF & Sk).
  assert (R := linear_shadow_u_error); set (r := u' - u - p') in *.
  intros i Hi; replace (v' i - V - q' i) with (1 * (1 * v' i + - V * 1) + -1 * q' i) by ring.
  apply (size_of_shadow_solution T L (1 + eta) (fun l => 1 * (1 * v' l + - V * 1) + -1 * q' l) (h * D_v)); [exact HL| | | |exact Hi].
  - apply Rmult_le_pos; lra.
  - lra.
  - intros l Hl; assert (E := proj2 Hstep l Hl); cbv beta in E; assert (Lr := proj2 Hlin l Hl).
    rewrite (diffusion_linear T L HL 1 (-1) (fun n => 1 * v' n + - V * 1) q') by exact Hl.
    rewrite (diffusion_linear T L HL 1 (- V) v' (fun _ => 1)), (diffusion_constant T L HL) by exact Hl.
    match goal with |- Rabs ?x <= _ =>
      replace x with (sigma * (u * (q l * q l) + (2 * V + q l) * (q l * p') + (V + q l) * (V + q l) * r)) end.
    2: { unfold implicit_v, explicit_v in E; unfold linear_implicit_vu, linear_implicit_vv, linear_explicit_vu, linear_explicit_vv in Lr.
         rewrite Sk in E; assert (Eu : u' = u + p' + r) by (unfold r; ring); rewrite Eu in E.
         assert (X1 : h * s * (u + p' + r) * (V + q l) ^ 2 = eta * V + 2 * eta * q l + eta * z * (1 - u) * p'
            + sigma * (u * (q l * q l) + (2 * V + q l) * (q l * p') + (V + q l) * (V + q l) * r)).
         { transitivity (sigma * (V * u) * V + 2 * (sigma * (V * u)) * q l + sigma * (V * V) * p'
            + sigma * (u * (q l * q l) + (2 * V + q l) * (q l * p') + (V + q l) * (V + q l) * r)); [unfold sigma; ring|].
           rewrite Su, Sv; ring. }
         lra. }
    assert (B := Hq l Hl); assert (C := linear_p_bound).
    assert (D1 := abs_mult_le _ _ _ _ B C); assert (D2 := abs_mult_le _ _ _ _ B B).
    assert (Bq := abs_bounds _ _ B).
    assert (V1 : Rabs (2 * V + q l) <= 2 * V + 1) by (apply Rabs_le; lra).
    assert (V2 : Rabs (V + q l) <= V + 1) by (apply Rabs_le; lra).
    assert (D3 := abs_mult_le _ _ _ _ V1 D1); assert (D4 := abs_mult_le _ _ _ _ V2 V2); assert (D5 := abs_mult_le _ _ _ _ D4 R).
    rewrite Rabs_mult, (Rabs_pos_eq sigma) by lra; unfold K_v.
    replace (sigma * ((V + 1) ^ 2 * K_u + (2 * V + 1) * P + u) * delta ^ 2)
      with (sigma * (((V + 1) ^ 2 * K_u + (2 * V + 1) * P + u) * delta ^ 2)) by ring.
    apply Rmult_le_compat_l; [lra|].
    assert (T1 := Rabs_triang (u * (q l * q l) + (2 * V + q l) * (q l * p')) ((V + q l) * (V + q l) * r)).
    assert (T2 := Rabs_triang (u * (q l * q l)) ((2 * V + q l) * (q l * p'))).
    rewrite (Rabs_mult u), (Rabs_pos_eq u) in T2 by lra.
    assert (M2 : u * Rabs (q l * q l) <= u * (delta * delta)) by (apply Rmult_le_compat_l; lra).
    lra.
Qed.
End Layer.
