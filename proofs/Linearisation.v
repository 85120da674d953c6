(* Linearisation.v: the linearised step is the nonlinear step up to second order, with one constant for every T.

   Words used here:
     u, z, w        chart of the v-rich state (u_star, v_star), F, k, s its parameters, h > 0
     p, q           perturbations of the state, |p i|, |q i| <= delta <= 1;  p', q'   after the linearised step (Modes.v)
     u', v'         the nonlinear step (Step.v) from (u_star + p, v_star + q) *)
From Coq Require Import Reals Lra Lia Psatz.
From RDMF Require Import Generated Chart ClipLaplacian Step Modes.
Open Scope R_scope.

Section Layer.
Variables (T : nat) (u z w h D_u D_v : R).
Hypothesis Hu : 0 < u < 1 / 2.
Hypothesis Hz : 1 <= z.
Hypothesis Hk : z * u < 1.
Hypothesis Hw : 0 < w.
Hypothesis Hh : 0 < h.
Hypothesis HDu : 0 <= D_u.
Hypothesis HDv : 0 <= D_v.

Let F := chart_F u z w.
Let k := chart_k u z w.
Let s := chart_s u z w.
Let V := steady_v u z.
Let eta := h * w.
(* h s, h s v_star u_star = eta, h s v_star^2 = eta z (1 - u) *)
Let sigma := h * s.

Lemma sigma_facts : 0 < eta /\ 0 < sigma /\ 0 < V /\ sigma * (V * u) = eta /\ sigma * (V * V) = eta * z * (1 - u) /\
  h * F = eta * z * u /\ h * (F + k) = eta.
Proof.
  assert (P := chart_positive u z w ltac:(lra) ltac:(lra) Hw); destruct P as (P1 & P2 & P3 & _).
  assert (G := chart_gain u z w ltac:(lra) ltac:(lra)).
  fold s in G, P2; fold V in P3.
  assert (R := chart_rate u z w); fold F k in R.
  repeat split.
  - unfold eta; apply Rmult_lt_0_compat; assumption.
  - unfold sigma; apply Rmult_lt_0_compat; assumption.
  - exact P3.
  - unfold sigma, V, steady_v, eta; rewrite <- G; ring.
  - unfold sigma, V, steady_v, eta; rewrite <- G; ring.
  - unfold F, chart_F, eta; ring.
  - unfold eta; rewrite <- R; ring.
Qed.

(* |A x - beta lap x| <= B with A >= 1 bounds |x| by B. *)
Lemma size_of_solution : forall (A x : nat -> R) beta B, 0 <= beta -> (forall i, (i < T)%nat -> 1 <= A i) ->
  (forall i, (i < T)%nat -> Rabs (A i * x i - beta * lap T x i) <= B) -> forall i, (i < T)%nat -> Rabs (x i) <= B.
Proof.
  intros A x beta B Hb HA H.
  assert (One : forall e, e = 1 \/ e = -1 -> forall i, (i < T)%nat -> e * x i <= B).
  { intros e He i Hi.
    assert (S := solution_below T A beta ltac:(intros j Hj; specialize (HA j Hj); lra) Hb (fun j => e * x j + 0 * 0) B).
    cbv beta in S; apply Rle_trans with (e * x i + 0 * 0); [lra|apply S; [|exact Hi]].
    intros j Hj; rewrite (lap_linear T e 0 x (fun _ => 0)) by exact Hj.
    assert (Bj := H j Hj); assert (Aj := HA j Hj).
    assert (B0 : 0 <= B) by (eapply Rle_trans; [apply Rabs_pos|exact Bj]).
    assert (X1 := Rle_abs (A j * x j - beta * lap T x j)); assert (X2 := Rle_abs (- (A j * x j - beta * lap T x j))).
    rewrite Rabs_Ropp in X2; destruct He; subst e; nra. }
  intros i Hi; assert (A1 := One 1 (or_introl eq_refl) i Hi); assert (A2 := One (-1) (or_intror eq_refl) i Hi).
  apply Rabs_le; lra.
Qed.

Lemma abs_bounds : forall x B, Rabs x <= B -> - B <= x <= B.
Proof. intros x B H; assert (A := Rle_abs x); assert (C := Rle_abs (- x)); rewrite Rabs_Ropp in C; lra. Qed.

Lemma abs_mult_le : forall x y X Y, Rabs x <= X -> Rabs y <= Y -> Rabs (x * y) <= X * Y.
Proof. intros; rewrite Rabs_mult; apply Rmult_le_compat; try apply Rabs_pos; assumption. Qed.

Section Step.
Variables (p q p' q' u' v' : nat -> R) (delta : R).
Hypothesis Hdelta : 0 <= delta <= 1.
Hypothesis Hp : forall i, (i < T)%nat -> Rabs (p i) <= delta /\ Rabs (q i) <= delta.
Hypothesis Hlin : linear_step T u z eta (h * D_u) (h * D_v) p q p' q'.
Hypothesis Hstep : is_step T F k h D_u D_v (fun _ => s) (fun i => u + p i) (fun i => V + q i) u' v'.

Let P := 1 + 2 * eta.

Lemma linear_row_u : forall i, (i < T)%nat ->
  (1 + eta * z) * p' i - h * D_u * lap T p' i = p i - 2 * eta * q i.
Proof.
  intros i Hi; destruct (Hlin i Hi) as [E _].
  unfold linear_implicit_uu, linear_implicit_uv, linear_explicit_uu, linear_explicit_uv in E; lra.
Qed.

Lemma linear_row_v : forall i, (i < T)%nat ->
  (1 + eta) * q' i - h * D_v * lap T q' i = (1 + 2 * eta) * q i + eta * z * (1 - u) * p' i.
Proof.
  intros i Hi; destruct (Hlin i Hi) as [_ E].
  unfold linear_implicit_vu, linear_implicit_vv, linear_explicit_vu, linear_explicit_vv in E; lra.
Qed.

Lemma linear_u_bound : forall i, (i < T)%nat -> Rabs (p' i) <= P * delta.
Proof.
  destruct sigma_facts as (E0 & _); apply (size_of_solution (fun _ => 1 + eta * z) p' (h * D_u)).
  - apply Rmult_le_pos; lra.
  - intros; assert (0 < eta * z) by (apply Rmult_lt_0_compat; lra); lra.
  - intros i Hi; rewrite linear_row_u by exact Hi; destruct (Hp i Hi) as [A B]; unfold P.
    apply abs_bounds in A; apply abs_bounds in B; apply Rabs_le; split; nra.
Qed.

(* Second-order constants, the same for every T. *)
Let K_u := sigma * (2 * V * P + P + u).
Let K_v := sigma * ((V + 1) ^ 2 * K_u + (2 * V + 1) * P + u).

Theorem linear_step_u_error : forall i, (i < T)%nat -> Rabs (u' i - u - p' i) <= K_u * delta ^ 2.
Proof.
  destruct sigma_facts as (E0 & S0 & V0 & Su & Sv & SF & Sk).
  intros i Hi; replace (u' i - u - p' i) with (1 * (u' i - u) + -1 * p' i) by ring.
  apply (size_of_solution (fun l => implicit_u F k s h (u + p l) (V + q l)) (fun l => 1 * (u' l - u) + -1 * p' l) (h * D_u)); [| | |exact Hi].
  - apply Rmult_le_pos; lra.
  - intros l Hl; unfold implicit_u.
    assert (0 <= s * (V + q l) ^ 2) by (apply Rmult_le_pos; [unfold sigma in S0; nra|apply pow2_ge_0]).
    assert (0 <= h * (s * (V + q l) ^ 2)) by (apply Rmult_le_pos; lra).
    assert (0 <= h * F) by (rewrite SF; apply Rmult_le_pos; [apply Rmult_le_pos|]; lra); lra.
  - intros l Hl; destruct (Hstep l Hl) as [E _]; assert (L := linear_row_u l Hl).
    rewrite (lap_linear T 1 (-1) (fun n => u' n - u) p') by exact Hl.
    rewrite (lap_ext T (fun n => u' n - u) (fun n => 1 * u' n + -1 * u)) by (auto; intros; ring).
    rewrite (lap_linear T 1 (-1) u' (fun _ => u)), lap_constant by exact Hl.
    match goal with |- Rabs ?x <= _ =>
      replace x with (- (sigma * (2 * V * (q l * p' l) + q l * q l * p' l + u * (q l * q l)))) end.
    2: { unfold implicit_u, explicit_u in *.
         assert (Er : h * (F + s * (V + q l) ^ 2) = eta * z + sigma * (2 * V * q l + q l * q l)).
         { transitivity (h * F + sigma * (V * V) + sigma * (2 * V * q l + q l * q l)); [unfold sigma; ring|].
           rewrite SF, Sv; ring. }
         rewrite Er in *.
         assert (Su2 : 2 * (sigma * (V * u)) * q l = 2 * eta * q l) by (rewrite Su; ring).
         lra. }
    destruct (Hp l Hl) as [_ B]; assert (C := linear_u_bound l Hl).
    assert (D1 := abs_mult_le _ _ _ _ B C); assert (D2 := abs_mult_le _ _ _ _ B B); assert (D3 := abs_mult_le _ _ _ _ D2 C).
    rewrite Rabs_Ropp, Rabs_mult, (Rabs_right sigma) by lra; unfold K_u.
    replace (sigma * (2 * V * P + P + u) * delta ^ 2) with (sigma * ((2 * V * P + P + u) * delta ^ 2)) by ring.
    apply Rmult_le_compat_l; [lra|].
    assert (T1 := Rabs_triang (2 * V * (q l * p' l) + q l * q l * p' l) (u * (q l * q l))).
    assert (T2 := Rabs_triang (2 * V * (q l * p' l)) (q l * q l * p' l)).
    rewrite (Rabs_mult (2 * V)), (Rabs_right (2 * V)) in T2 by lra.
    rewrite (Rabs_mult u), (Rabs_right u) in T1 by lra.
    assert (P0 : 0 < P) by (unfold P; lra).
    assert (D4 : delta * delta * (P * delta) <= P * delta ^ 2) by (assert (0 <= P * delta ^ 2) by (apply Rmult_le_pos; [lra|apply pow2_ge_0]); nra).
    assert (M1 : 2 * V * Rabs (q l * p' l) <= 2 * V * (delta * (P * delta))) by (apply Rmult_le_compat_l; lra).
    assert (M2 : u * Rabs (q l * q l) <= u * (delta * delta)) by (apply Rmult_le_compat_l; lra).
    lra.
Qed.
Theorem linear_step_v_error : forall i, (i < T)%nat -> Rabs (v' i - V - q' i) <= K_v * delta ^ 2.
Proof.
  destruct sigma_facts as (E0 & S0 & V0 & Su & Sv & SF & Sk).
  intros i Hi; replace (v' i - V - q' i) with (1 * (v' i - V) + -1 * q' i) by ring.
  apply (size_of_solution (fun l => implicit_v F k s h (u + p l) (V + q l)) (fun l => 1 * (v' l - V) + -1 * q' l) (h * D_v)); [| | |exact Hi].
  - apply Rmult_le_pos; lra.
  - intros l Hl; unfold implicit_v; rewrite Sk; lra.
  - intros l Hl; destruct (Hstep l Hl) as [_ E]; assert (L := linear_row_v l Hl); assert (R := linear_step_u_error l Hl).
    rewrite (lap_linear T 1 (-1) (fun n => v' n - V) q') by exact Hl.
    rewrite (lap_ext T (fun n => v' n - V) (fun n => 1 * v' n + -1 * V)) by (auto; intros; ring).
    rewrite (lap_linear T 1 (-1) v' (fun _ => V)), lap_constant by exact Hl.
    set (r := u' l - u - p' l) in *.
    match goal with |- Rabs ?x <= _ =>
      replace x with (sigma * (u * (q l * q l) + (2 * V + q l) * (q l * p' l) + (V + q l) * (V + q l) * r)) end.
    2: { unfold implicit_v, explicit_v in *; rewrite Sk in *.
         assert (Eu : u' l = u + p' l + r) by (unfold r; ring); rewrite Eu in E.
         assert (X1 : h * s * (u + p' l + r) * (V + q l) ^ 2 = eta * V + 2 * eta * q l + eta * z * (1 - u) * p' l
            + sigma * (u * (q l * q l) + (2 * V + q l) * (q l * p' l) + (V + q l) * (V + q l) * r)).
         { transitivity (sigma * (V * u) * V + 2 * (sigma * (V * u)) * q l + sigma * (V * V) * p' l
            + sigma * (u * (q l * q l) + (2 * V + q l) * (q l * p' l) + (V + q l) * (V + q l) * r)); [unfold sigma; ring|].
           rewrite Su, Sv; ring. }
         lra. }
    destruct (Hp l Hl) as [_ B]; assert (C := linear_u_bound l Hl).
    assert (D1 := abs_mult_le _ _ _ _ B C); assert (D2 := abs_mult_le _ _ _ _ B B).
    assert (Bq := abs_bounds _ _ B).
    assert (V1 : Rabs (2 * V + q l) <= 2 * V + 1) by (apply Rabs_le; lra).
    assert (V2 : Rabs (V + q l) <= V + 1) by (apply Rabs_le; lra).
    assert (D3 := abs_mult_le _ _ _ _ V1 D1); assert (D4 := abs_mult_le _ _ _ _ V2 V2); assert (D5 := abs_mult_le _ _ _ _ D4 R).
    rewrite Rabs_mult, (Rabs_right sigma) by lra; unfold K_v.
    replace (sigma * ((V + 1) ^ 2 * K_u + (2 * V + 1) * P + u) * delta ^ 2)
      with (sigma * (((V + 1) ^ 2 * K_u + (2 * V + 1) * P + u) * delta ^ 2)) by ring.
    apply Rmult_le_compat_l; [lra|].
    assert (T1 := Rabs_triang (u * (q l * q l) + (2 * V + q l) * (q l * p' l)) ((V + q l) * (V + q l) * r)).
    assert (T2 := Rabs_triang (u * (q l * q l)) ((2 * V + q l) * (q l * p' l))).
    rewrite (Rabs_mult u), (Rabs_right u) in T2 by lra.
    assert (M2 : u * Rabs (q l * q l) <= u * (delta * delta)) by (apply Rmult_le_compat_l; lra).
    lra.
Qed.
End Step.
End Layer.
