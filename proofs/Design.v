(* Design.v: the pattern design, the coordinates a network emits; a bijection onto the admissible parameters.

   Words used here:
     u, z, excess, wavelength, rate   a design: v-rich state, d / d_T > 1, wavelength > 2 clips, w > 0
     design_F .. design_D_v           its parameters (generated from parameters_from_design)
     design_box     0 < u < 1/2, 1 < z, z u < 1, excess > 1, wavelength > 2, rate > 0
     mode_eigenvalue l   4 sin^2 (pi / l), eigenvalue of minus the clip Laplacian at wavelength l (generated) *)
From Coq Require Import Reals Lra Psatz.
From RDMF Require Import Generated SteadyStates Chart Turing.
Open Scope R_scope.

Definition design_box (u z excess wavelength rate : R) : Prop :=
  0 < u < 1 / 2 /\ 1 < z /\ z * u < 1 /\ 1 < excess /\ 2 < wavelength /\ 0 < rate.

Lemma quarter_angle : forall l, 2 < l -> 0 < PI / l < PI / 2.
Proof.
  intros l H; assert (P := PI_RGT_0).
  assert (E : PI / l * l = PI) by (field; lra); set (t := PI / l) in *.
  split; nra.
Qed.

(* Wavelengths above 2 clips and eigenvalues in (0, 4) are in bijection. *)
Theorem mode_eigenvalue_bounds : forall l, 2 < l -> 0 < mode_eigenvalue l < 4.
Proof.
  intros l H; destruct (quarter_angle l H) as [A B]; assert (P := PI_RGT_0); unfold mode_eigenvalue.
  assert (S : 0 < sin (PI / l)) by (apply sin_gt_0; lra).
  assert (S1 : sin (PI / l) < 1) by (rewrite <- sin_PI2; apply sin_increasing_1; lra).
  split; nra.
Qed.

Theorem mode_eigenvalue_injective : forall l l', 2 < l -> 2 < l' -> mode_eigenvalue l = mode_eigenvalue l' -> l = l'.
Proof.
  intros l l' H H' E; destruct (quarter_angle l H) as [A B]; destruct (quarter_angle l' H') as [A' B'].
  assert (P := PI_RGT_0); unfold mode_eigenvalue in E.
  assert (S : 0 < sin (PI / l)) by (apply sin_gt_0; lra).
  assert (S' : 0 < sin (PI / l')) by (apply sin_gt_0; lra).
  assert (Es : sin (PI / l) = sin (PI / l')) by nra.
  assert (Ea : PI / l = PI / l').
  { destruct (Rtotal_order (PI / l) (PI / l')) as [L|[L|L]]; [|exact L|]; exfalso.
    - assert (X : sin (PI / l) < sin (PI / l')) by (apply sin_increasing_1; lra); lra.
    - assert (X : sin (PI / l') < sin (PI / l)) by (apply sin_increasing_1; lra); lra. }
  assert (E1 : PI / l * (l * l') = PI * l') by (field; lra).
  assert (E2 : PI / l' * (l * l') = PI * l) by (field; lra).
  rewrite Ea, E2 in E1; nra.
Qed.

Theorem mode_eigenvalue_onto : forall mu, 0 < mu < 4 -> exists l, 2 < l /\ mode_eigenvalue l = mu.
Proof.
  intros mu H; assert (P := PI_RGT_0).
  set (s := sqrt mu / 2).
  assert (S2 : sqrt mu * sqrt mu = mu) by (apply sqrt_sqrt; lra).
  assert (S0 : 0 < sqrt mu) by (apply sqrt_lt_R0; lra).
  assert (Hs : 0 < s < 1) by (unfold s; split; nra).
  assert (Sin : sin (asin s) = s) by (apply sin_asin; lra).
  assert (B := asin_bound s).
  assert (A0 : 0 < asin s).
  { destruct (Rlt_le_dec 0 (asin s)) as [L|L]; [exact L|exfalso].
    assert (X : sin (asin s) <= sin 0) by (apply sin_incr_1; lra); rewrite sin_0 in X; lra. }
  assert (A1 : asin s < PI / 2).
  { destruct (Rlt_le_dec (asin s) (PI / 2)) as [L|L]; [exact L|exfalso].
    assert (X : asin s = PI / 2) by lra; rewrite X, sin_PI2 in Sin; lra. }
  exists (PI / asin s); split.
  - assert (E : PI / asin s * asin s = PI) by (field; lra); set (t := PI / asin s) in *; nra.
  - unfold mode_eigenvalue; replace (PI / (PI / asin s)) with (asin s) by (field; lra).
    rewrite Sin; unfold s; lra.
Qed.

Section OneDesign.
Variables u z excess wavelength rate : R.
Hypothesis Hbox : design_box u z excess wavelength rate.

Let d := excess * turing_threshold u z.
Let D_u := design_D_u u z excess wavelength rate.
Let D_v := design_D_v u z excess wavelength rate.

Lemma design_ratio_above : turing_threshold u z < d /\ 0 < d.
Proof.
  destruct Hbox as (B1 & B2 & B3 & B4 & B5 & B6).
  destruct (threshold_factors u z 1 B1 B2) as (_ & A & _); unfold d; split; nra.
Qed.

Theorem design_D_v_value : D_v * mode_eigenvalue wavelength = rate * fastest_mode u z d.
Proof.
  destruct Hbox as (B1 & B2 & B3 & B4 & B5 & B6); assert (M := mode_eigenvalue_bounds wavelength B5).
  unfold D_v, design_D_v; cbv zeta; fold d; field; lra.
Qed.

Theorem design_ratio : D_u = d * D_v.
Proof. unfold D_u, D_v, design_D_u, design_D_v; cbv zeta; reflexivity. Qed.

(* By construction: every parameter of a design is positive. *)
Theorem design_positive : 0 < design_F u z excess wavelength rate /\ 0 < design_k u z excess wavelength rate /\
  0 < design_s u z excess wavelength rate /\ 0 < D_u /\ 0 < D_v.
Proof.
  destruct Hbox as (B1 & B2 & B3 & B4 & B5 & B6).
  destruct (chart_positive u z rate ltac:(lra) ltac:(lra) B6) as (P1 & P2 & _ & P3).
  destruct design_ratio_above as [T D0].
  destruct (largest_growth_positive u z d B1 B2 D0 T) as [_ M].
  assert (E := mode_eigenvalue_bounds wavelength B5); assert (V := design_D_v_value).
  assert (0 < rate * fastest_mode u z d) by (apply Rmult_lt_0_compat; assumption).
  assert (0 < D_v) by nra.
  unfold design_F, design_k, design_s; cbv zeta; repeat split; try assumption.
  - apply P3; exact B3.
  - rewrite design_ratio; apply Rmult_lt_0_compat; assumption.
Qed.
End OneDesign.

(* Onto: parameters with a damped v-rich state, a Turing band and a fastest wavelength above 2 clips are a design's. *)
Theorem design_onto : forall F k s D_u D_v u v, 0 < F -> 0 < k -> 0 < s -> 0 < D_u -> 0 < D_v ->
  steady F k s u v -> v <> 0 -> u < 1 / 2 ->
  let w := F + k in let z := F / (w * u) in let d := D_u / D_v in
  1 < z -> turing_threshold u z < d -> w * fastest_mode u z d < 4 * D_v ->
  exists excess wavelength, design_box u z excess wavelength w /\
  F = design_F u z excess wavelength w /\ k = design_k u z excess wavelength w /\
  s = design_s u z excess wavelength w /\ D_u = design_D_u u z excess wavelength w /\
  D_v = design_D_v u z excess wavelength w.
Proof.
  intros F k s D_u D_v u v HF Hk Hs HU HV St Nv Hu w z d Hz Hd Hmu.
  destruct (chart_onto F k s u v HF Hk Hs Nv St) as (Z0 & Zu & EF & Ek & Es & _); fold w in EF, Ek, Es, Z0, Zu; fold z in EF, Ek, Es, Z0, Zu.
  destruct (saddle_iff F k s u v HF Hk Hs Nv St) as [Hu0 _].
  assert (B1 : 0 < u < 1 / 2) by lra.
  assert (D0 : 0 < d) by (unfold d; apply Rdiv_lt_0_compat; assumption).
  destruct (threshold_factors u z 1 B1 Hz) as (_ & T0 & _).
  destruct (largest_growth_positive u z d B1 Hz D0 Hd) as [_ M].
  assert (W : 0 < w) by (unfold w; lra).
  destruct (mode_eigenvalue_onto (w * fastest_mode u z d / D_v)) as (l & L & El).
  { split; [apply Rdiv_lt_0_compat; [apply Rmult_lt_0_compat; assumption|exact HV]|].
    apply (Rmult_lt_reg_r D_v); [exact HV|].
    replace (w * fastest_mode u z d / D_v * D_v) with (w * fastest_mode u z d) by (field; lra); exact Hmu. }
  exists (d / turing_threshold u z), l.
  assert (Ed : d / turing_threshold u z * turing_threshold u z = d) by (field; lra).
  assert (EV : D_v = design_D_v u z (d / turing_threshold u z) l w).
  { unfold design_D_v; cbv zeta; rewrite Ed, El; field; split; [lra|].
    assert (0 < w * fastest_mode u z d) by (apply Rmult_lt_0_compat; assumption); lra. }
  assert (EU : D_u = design_D_u u z (d / turing_threshold u z) l w).
  { rewrite design_ratio, Ed, <- EV; unfold d; field; lra. }
  assert (Ex : 1 < d / turing_threshold u z) by nra.
  unfold design_box, design_F, design_k, design_s; cbv zeta.
  repeat split; try assumption; lra.
Qed.

(* One to one. *)
Theorem design_injective : forall u z x l w x' l', design_box u z x l w -> design_box u z x' l' w ->
  design_D_u u z x l w = design_D_u u z x' l' w -> design_D_v u z x l w = design_D_v u z x' l' w -> x = x' /\ l = l'.
Proof.
  intros u z x l w x' l' H H' EU EV.
  destruct (design_positive u z x l w H) as (_ & _ & _ & _ & PV).
  rewrite !design_ratio in EU; rewrite <- EV in EU.
  assert (Ed : x * turing_threshold u z = x' * turing_threshold u z) by (apply (Rmult_eq_reg_r (design_D_v u z x l w)); lra).
  destruct (design_ratio_above u z x l w H) as [T D0].
  assert (T0 : 0 < turing_threshold u z) by (destruct H as (B1 & B2 & _); destruct (threshold_factors u z 1 B1 B2) as (_ & A & _); lra).
  assert (Ex : x = x') by (apply (Rmult_eq_reg_r (turing_threshold u z)); lra).
  split; [exact Ex|subst x'].
  assert (V := design_D_v_value u z x l w H); assert (V' := design_D_v_value u z x l' w H').
  rewrite <- EV, <- V in V'.
  destruct H as (_ & _ & _ & _ & L & _); destruct H' as (_ & _ & _ & _ & L' & _).
  apply mode_eigenvalue_injective; try assumption; apply (Rmult_eq_reg_l (design_D_v u z x l w)); lra.
Qed.
