(* Scaling.v: the scaling law. Rates scale with s, wavenumbers with its square root; the region knows F/s, k/s, d only.

   Words used here:
     c              a positive factor on F, k, s and on the mode eigenvalue mu (wavenumbers: its square root)
     x              an eigenvalue of J - mu D *)
From Coq Require Import Reals Lra Psatz.
From Coquelicot Require Import Complex.
From RDMF Require Import Generated Spectra SteadyStates.
Open Scope R_scope.

Theorem states_scale : forall c F k s u v, 0 < c -> (steady (c * F) (c * k) (c * s) u v <-> steady F k s u v).
Proof.
  intros c F k s u v Hc; unfold steady.
  assert (E1 : reaction_u (c * F) (c * k) (c * s) u v = c * reaction_u F k s u v) by (unfold reaction_u; ring).
  assert (E2 : reaction_v (c * F) (c * k) (c * s) u v = c * reaction_v F k s u v) by (unfold reaction_v; ring).
  rewrite E1, E2; split; intros [H1 H2]; split; try (rewrite H1; ring); try (rewrite H2; ring).
  - apply Rmult_integral in H1; lra.
  - apply Rmult_integral in H2; lra.
Qed.

Theorem chart_scales : forall c u z w,
  chart_F u z (c * w) = c * chart_F u z w /\ chart_k u z (c * w) = c * chart_k u z w /\
  chart_s u z (c * w) = c * chart_s u z w.
Proof. intros; unfold chart_F, chart_k, chart_s, Rdiv; repeat split; ring. Qed.

Theorem growth_scales : forall c F k s u v D_u D_v mu x, 0 < c ->
  (eigenvalue (jacobian_uu (c * F) (c * k) (c * s) u v - c * mu * D_u) (jacobian_uv (c * F) (c * k) (c * s) u v)
              (jacobian_vu (c * F) (c * k) (c * s) u v) (jacobian_vv (c * F) (c * k) (c * s) u v - c * mu * D_v)
              (RtoC c * x)%C <->
   eigenvalue (jacobian_uu F k s u v - mu * D_u) (jacobian_uv F k s u v)
              (jacobian_vu F k s u v) (jacobian_vv F k s u v - mu * D_v) x).
Proof.
  intros c F k s u v D_u D_v mu [x y] Hc; rewrite !eigenvalue_iff.
  replace (RtoC c * (x, y))%C with (c * x, c * y) by (apply complex_eq; simpl; ring).
  rewrite !characteristic_parts; unfold jacobian_uu, jacobian_uv, jacobian_vu, jacobian_vv.
  assert (C2 : 0 < c * c) by nra.
  split; intros [H1 H2]; split.
  - apply (Rmult_eq_reg_l (c * c)); [rewrite Rmult_0_r, <- H1; ring|lra].
  - apply (Rmult_eq_reg_l (c * c)); [rewrite Rmult_0_r, <- H2; ring|lra].
  - match goal with |- ?g = 0 => match type of H1 with ?e = 0 => replace g with (c * c * e) by ring end end; rewrite H1; ring.
  - match goal with |- ?g = 0 => match type of H2 with ?e = 0 => replace g with (c * c * e) by ring end end; rewrite H2; ring.
Qed.

(* The step knows h w, h s and h D only: scaling all rates by c is scaling the step size. *)
Theorem step_scales : forall c F k s h u_next u v,
  implicit_u (c * F) (c * k) (c * s) h u v = implicit_u F k s (c * h) u v /\
  implicit_v (c * F) (c * k) (c * s) h u v = implicit_v F k s (c * h) u v /\
  explicit_u (c * F) (c * k) (c * s) h u v = explicit_u F k s (c * h) u v /\
  explicit_v (c * F) (c * k) (c * s) h u_next u v = explicit_v F k s (c * h) u_next u v.
Proof. intros; unfold implicit_u, implicit_v, explicit_u, explicit_v; repeat split; ring. Qed.
