(* ShadowHeadline.v: what a trained layer with global competition and cuts is promised, in one statement.

   Words used here:
     u, z, w, D_v   0 < u < 1/2, 1 < z, z u < 1, w > 0, D_v >= 0: a damped v-rich state; F, k, s from the chart
     kappa          any conductances in [0, 1];  T clips, step size h
     linear_shadow, multiplier, energy, shadow_trajectory   ShadowModes.v;  shadow_run   Shadow.v *)
From Coq Require Import Reals Lra Psatz.
From RDMF Require Import Generated SteadyStates Chart Transfer ClipLaplacian Step Conductances Shadow ShadowModes Selection.
Open Scope R_scope.

Theorem shadow_headline : forall u z w D_v, 0 < u < 1 / 2 -> 1 < z -> z * u < 1 -> 0 < w -> 0 <= D_v ->
  let F := chart_F u z w in
  let k := chart_k u z w in
  let s := chart_s u z w in
  let V := steady_v u z in
  forall (T : nat) (kappa : nat -> R) (h : R), (0 < T)%nat -> conductances T kappa -> 0 < h ->
  (* the homogeneous state is a fixed point, whatever the conductances *)
  is_shadow_step T (wlap T kappa) F k h D_v (fun _ => s) u (fun _ => V) u (fun _ => V) /\
  (* it is stable to uniform perturbations *)
  mode_decays_in_layer u z (h * w) 0 0 /\
  (* a mode of mean 0, so every mu > 0, is multiplied by (1 + 2 h w)/(1 + h w + h mu D_v) in each step, so it grows iff D_v mu < w *)
  (forall mu phi, 0 < mu \/ (mu = 0 /\ sum T phi = 0) -> eigenvector T (wlap T kappa) mu phi ->
     (forall p q p' q', linear_shadow T (wlap T kappa) u z (h * w) (h * D_v) p q p' q' ->
        along T phi q' = multiplier (h * w) (mu * (h * D_v)) * along T phi q) /\
     (1 < multiplier (h * w) (mu * (h * D_v)) <-> D_v * mu < w)) /\
  (* some nonuniform perturbation grows iff one of mean 0 has D_v energy < w square *)
  ((exists x, sum T x = 0 /\ D_v * energy T kappa x < w * square T x) <->
   (exists growth p q, 1 < growth /\ shadow_trajectory T (wlap T kappa) u z (h * w) (h * D_v) p q /\
      0 < square T (deviation T (q O)) /\
      forall n, growth ^ n * square T (deviation T (q O)) <= square T (deviation T (q n)))) /\
  (* every state stays in bounds, whatever gains the text asks for *)
  (forall gains u0 v0 n M, (forall m, gain_ok T (gains m)) -> 0 <= u0 <= 1 -> (forall i, (i < T)%nat -> 0 <= v0 i) ->
     1 <= M -> u0 + mean T v0 <= M ->
     let state := shadow_run T kappa F k h D_v n gains u0 v0 in
     0 <= fst state <= 1 /\ (forall i, (i < T)%nat -> 0 <= snd state i) /\ fst state + mean T (snd state) <= M).
Proof.
  intros u z w D_v Hu Hz Hzu Hw HD F k s V T kappa h HT HK Hh.
  destruct (chart_positive u z w ltac:(lra) ltac:(lra) Hw) as (PF & Ps & PV & Pk); fold F in PF; fold k in Pk.
  assert (Hk : 0 < k) by (apply Pk; exact Hzu).
  assert (Eta : 0 < h * w) by (apply Rmult_lt_0_compat; assumption).
  assert (Hd : 0 <= h * D_v) by (apply Rmult_le_pos; lra).
  assert (DL := clips_diffuse T kappa HK).
  split; [|split; [|split; [|split]]].
  - apply shadow_homogeneous_fixed_point; try assumption; try lra.
    unfold F, k, s, V; apply chart_steady; lra.
  - apply (proj2 (shadow_uniform_stable_iff u z (h * w) Hu ltac:(lra) Eta)).
    unfold uniform_margin; assert (0 < z * (h * w)) by (apply Rmult_lt_0_compat; lra); lra.
  - intros mu phi Hm Hphi.
    assert (Hmu : 0 <= mu) by (destruct Hm as [Q|[Q _]]; lra).
    assert (Z : sum T phi = 0).
    { destruct Hm as [Q|[_ Q]]; [|exact Q]. apply (mode_mean T (wlap T kappa) DL mu phi); [lra|exact Hphi]. }
    split.
    + intros p q p' q' H; apply (shadow_mode_multiplier T (wlap T kappa) u z (h * w) (h * D_v) DL Eta Hd mu phi Hmu Z Hphi p q p' q' H).
    + replace (mu * (h * D_v)) with (h * mu * D_v) by ring.
      apply (proj1 (shadow_mode_grows_iff u z w h mu D_v Hw Hh Hmu HD)).
  - rewrite <- (shadow_nonuniform_grows_iff T kappa u z (h * w) (h * D_v) HT HK Eta ltac:(lra) Hd).
    split; intros (x & Z & E); exists x; (split; [exact Z|]).
    + assert (h * (D_v * energy T kappa x) < h * (w * square T x)) by (apply Rmult_lt_compat_l; assumption); lra.
    + apply (Rmult_lt_reg_l h); [exact Hh|lra].
  - intros gains u0 v0 n M Hg U0 V0 HM H; apply shadow_run_bounds; try assumption; lra.
Qed.
