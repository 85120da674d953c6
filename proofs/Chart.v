(* Chart.v: coordinates (u_star, z, w) in which every condition loses its square root.

   Words used here:
     u              substrate of the nontrivial steady state, in (0, 1);  v-rich: u < 1/2
     z              damping ratio - f_u / g_v = F / (w u)
     w              turnover rate F + k
     chart_F, chart_k, chart_s, steady_v    the way back (generated)
     d              diffusion ratio D_u / D_v
   The chart is a bijection between {0 < u < 1/2, z > 0, w > 0, z u < 1} and the points (F, k, s, u, v)
   with F, k, s > 0 and (u, v) their v-rich state. *)
From Coq Require Import Reals Lra Psatz.
From Coquelicot Require Import Complex.
From RDMF Require Import Generated Spectra SteadyStates.
Open Scope R_scope.

Section Point.
Variables u z w : R.
Hypothesis Hu : 0 < u < 1.
Hypothesis Hz : 0 < z.
Hypothesis Hw : 0 < w.

Let F := chart_F u z w.
Let k := chart_k u z w.
Let s := chart_s u z w.
Let v := steady_v u z.

Lemma chart_denominator : 0 < z * u ^ 2 * (1 - u).
Proof. apply Rmult_lt_0_compat; [apply Rmult_lt_0_compat; [lra|nra]|lra]. Qed.

Theorem chart_positive : 0 < F /\ 0 < s /\ 0 < v /\ (0 < k <-> z * u < 1).
Proof.
  assert (D := chart_denominator).
  unfold F, k, s, v, chart_F, chart_k, chart_s, steady_v; repeat split.
  - assert (0 < w * z) by nra; nra.
  - apply Rdiv_lt_0_compat; assumption.
  - assert (0 < z * u) by nra; nra.
  - intro; nra.
  - intro; apply Rmult_lt_0_compat; lra.
Qed.

Theorem chart_rate : F + k = w.
Proof. unfold F, k, chart_F, chart_k; ring. Qed.

Theorem chart_gain : s * (z * u ^ 2 * (1 - u)) = w.
Proof. assert (D := chart_denominator); unfold s, chart_s; field; nra. Qed.

Theorem chart_steady : steady F k s u v.
Proof.
  assert (G := chart_gain).
  unfold steady, reaction_u, reaction_v; split.
  - transitivity (F * (1 - u) - s * (z * u ^ 2 * (1 - u)) * (z * u * (1 - u))); [unfold v, steady_v; ring|].
    rewrite G; unfold F, chart_F; ring.
  - transitivity (s * (z * u ^ 2 * (1 - u)) * v - (F + k) * v); [unfold v, steady_v; ring|].
    rewrite G, chart_rate; ring.
Qed.

(* J / w = [[-z, -2], [z (1 - u), 1]], hence trace w (1 - z) and determinant w^2 z (1 - 2u). *)
Theorem chart_jacobian :
  jacobian_uu F k s u v = w * normalised_jacobian_uu u z /\ jacobian_uv F k s u v = w * normalised_jacobian_uv u z /\
  jacobian_vu F k s u v = w * normalised_jacobian_vu u z /\ jacobian_vv F k s u v = w * normalised_jacobian_vv u z.
Proof.
  assert (D := chart_denominator).
  unfold jacobian_uu, jacobian_uv, jacobian_vu, jacobian_vv, normalised_jacobian_uu, normalised_jacobian_uv,
    normalised_jacobian_vu, normalised_jacobian_vv, F, k, s, v, chart_F, chart_k, chart_s, steady_v.
  repeat split; field; lra.
Qed.

Theorem chart_trace : trace F k s u v = w * (1 - z).
Proof.
  destruct chart_jacobian as (E1 & _ & _ & E4); unfold trace; rewrite E1, E4.
  unfold normalised_jacobian_uu, normalised_jacobian_vv; ring.
Qed.

Theorem chart_determinant : determinant F k s u v = w ^ 2 * z * (1 - 2 * u).
Proof.
  destruct chart_jacobian as (E1 & E2 & E3 & E4); unfold determinant; rewrite E1, E2, E3, E4.
  unfold normalised_jacobian_uu, normalised_jacobian_uv, normalised_jacobian_vu, normalised_jacobian_vv; ring.
Qed.

(* Row "stable without diffusion": for a v-rich state exactly z > 1. *)
Theorem stable_without_diffusion_iff : u < 1 / 2 ->
  ((forall x, eigenvalue (jacobian_uu F k s u v) (jacobian_uv F k s u v)
                         (jacobian_vu F k s u v) (jacobian_vv F k s u v) x -> fst x < 0) <-> 1 < z).
Proof.
  intro Hv.
  transitivity (forall x, characteristic (trace F k s u v) (determinant F k s u v) x -> fst x < 0).
  - split; intros H x E; apply H; apply eigenvalue_iff; exact E.
  - rewrite chart_trace, chart_determinant, hurwitz_iff.
    assert (0 < w ^ 2 * z * (1 - 2 * u)) by (apply Rmult_lt_0_compat; [apply Rmult_lt_0_compat; nra|lra]).
    split; [intros [H1 _]|intro; split]; nra.
Qed.

(* z > 1 and k > 0 leave 1 < z < 1/u. *)
Theorem damping_window : 1 < z /\ z * u < 1 <-> 1 < z < 1 / u.
Proof.
  assert (E : 1 / u * u = 1) by (field; lra).
  split; intros [H1 H2]; split; nra.
Qed.
End Point.

(* Onto: every v-rich state of positive parameters has chart coordinates. *)
Theorem chart_onto : forall F k s u v, 0 < F -> 0 < k -> 0 < s -> v <> 0 -> steady F k s u v ->
  let w := F + k in let z := F / (w * u) in
  0 < z /\ z * u < 1 /\ F = chart_F u z w /\ k = chart_k u z w /\ s = chart_s u z w /\ v = steady_v u z.
Proof.
  intros F k s u v HF Hk Hs Nv St w z.
  destruct (saddle_iff F k s u v HF Hk Hs Nv St) as [Hu _].
  apply steady_iff in St; auto; destruct St as [[_ E]|(Nu & E & Ev)]; [contradiction|].
  assert (X : s * F * (u * (1 - u)) = (F + k) ^ 2) by (rewrite E; field; lra).
  assert (Hz : z * u = F / w) by (unfold z, w; field; split; lra).
  assert (Hq : F / w * w = F) by (unfold w; field; lra).
  repeat split.
  - unfold z, w; apply Rdiv_lt_0_compat; [lra|nra].
  - rewrite Hz; unfold w in *; nra.
  - unfold chart_F, z, w; field; lra.
  - unfold chart_k, z, w; field; lra.
  - unfold chart_s, z, w.
    assert (Es : s = (F + k) ^ 2 / (F * (u * (1 - u)))) by (rewrite <- X; field; repeat split; lra).
    rewrite Es; field; repeat split; lra.
  - unfold steady_v, z, w; rewrite Ev.
    assert (Es : s = (F + k) ^ 2 / (F * (u * (1 - u)))) by (rewrite <- X; field; repeat split; lra).
    rewrite Es; field; repeat split; lra.
Qed.

(* One to one. *)
Theorem chart_injective : forall u z w u' z' w', 0 < u < 1 -> 0 < u' < 1 -> 0 < z -> 0 < z' -> 0 < w -> 0 < w' ->
  u = u' -> chart_F u z w = chart_F u' z' w' -> chart_k u z w = chart_k u' z' w' -> z = z' /\ w = w'.
Proof.
  unfold chart_F, chart_k; intros u z w u' z' w' Hu _ Hz Hz' Hw Hw' E EF Ek; subst u'.
  assert (Ew : w = w') by nra; subst w'; split; [|reflexivity].
  assert (0 < w * u) by nra; apply (Rmult_eq_reg_l (w * u)); lra.
Qed.

(* The v-rich state of given parameters is unique, so (F, k, s) alone determine (u, z, w). *)
Theorem v_rich_unique : forall F k s u v u' v', 0 < F -> 0 < k -> 0 < s -> v <> 0 -> v' <> 0 ->
  steady F k s u v -> steady F k s u' v' -> u < 1 / 2 -> u' < 1 / 2 -> u = u' /\ v = v'.
Proof.
  intros F k s u v u' v' HF Hk Hs Nv Nv' S S' Hu Hu'.
  apply steady_iff in S; auto; destruct S as [[_ E]|(Nu & E & Ev)]; [contradiction|].
  apply steady_iff in S'; auto; destruct S' as [[_ E']|(Nu' & E' & Ev')]; [contradiction|].
  assert (X : (u - u') * (1 - u - u') = 0) by nra.
  apply Rmult_integral in X; destruct X; [|lra].
  assert (u = u') by lra; subst u'; split; [reflexivity|congruence].
Qed.

(* Named curves and points, s free: saddle-node, Hopf, Bogdanov-Takens, Turing-Hopf at d = 2. *)
Theorem saddle_node_curve : forall z w, 0 < z -> 0 < w ->
  chart_s (1 / 2) z w * chart_F (1 / 2) z w = 4 * w ^ 2.
Proof. intros; unfold chart_s, chart_F; field; lra. Qed.

Theorem hopf_curve : forall u s, 0 < u < 1 -> 0 < s -> let w := s * u ^ 2 * (1 - u) in
  chart_s u 1 w = s /\ chart_F u 1 w = s * (u ^ 3 * (1 - u)) /\ chart_k u 1 w = s * (u ^ 2 * (1 - u) ^ 2).
Proof. intros u s Hu Hs w; unfold chart_s, chart_F, chart_k, w; repeat split; field; lra. Qed.

Theorem bogdanov_takens : chart_s (1 / 2) 1 (1 / 8) = 1 /\
  chart_F (1 / 2) 1 (1 / 8) = 1 / 16 /\ chart_k (1 / 2) 1 (1 / 8) = 1 / 16.
Proof. unfold chart_s, chart_F, chart_k; repeat split; lra. Qed.

Theorem turing_hopf_at_2 : let w := (7 / 16) ^ 2 * (9 / 16) in
  chart_s (7 / 16) 1 w = 1 /\ chart_F (7 / 16) 1 w = 3087 / 65536 /\ chart_k (7 / 16) 1 w = 3969 / 65536.
Proof. intro w; unfold w, chart_s, chart_F, chart_k; repeat split; lra. Qed.
