(* Transfer.v: a mode of the layer grows exactly when it grows in the PDE.

   Words used here (chart of Chart.v, w = F + k > 0 turnover rate, h > 0 step size):
     u, z           u_star in (0, 1/2) and damping ratio z of the v-rich state
     eta = h w      step size in units of the turnover time
     a = h mu D_u, b = h mu D_v   diffusion of the mode with clip eigenvalue mu >= 0 in one step
     L, B           implicit and explicit part of the linearised step (generated):
                    L x' = B x, with L lower and B upper triangular
     G = L^-1 B     amplification matrix of one step (generated)
     mode_matrix    J - mu D times h, the PDE's matrix of the same mode *)
From Coq Require Import Reals Lra Psatz.
From Coquelicot Require Import Complex.
From RDMF Require Import Generated Spectra.
Open Scope R_scope.

Section OneMode.
Variables u z eta a b : R.
Hypothesis Hu : 0 < u < 1 / 2.
Hypothesis Hz : 1 <= z.
Hypothesis Heta : 0 < eta.
Hypothesis Ha : 0 <= a.
Hypothesis Hb : 0 <= b.

Let l11 := linear_implicit_uu u z eta a b.
Let l12 := linear_implicit_uv u z eta a b.
Let l21 := linear_implicit_vu u z eta a b.
Let l22 := linear_implicit_vv u z eta a b.
Let g11 := amplification_uu u z eta a b.
Let g12 := amplification_uv u z eta a b.
Let g21 := amplification_vu u z eta a b.
Let g22 := amplification_vv u z eta a b.

(* The PDE's matrix of the same mode, h (J - mu D). *)
Let p11 := eta * normalised_jacobian_uu u z - a.
Let p12 := eta * normalised_jacobian_uv u z.
Let p21 := eta * normalised_jacobian_vu u z.
Let p22 := eta * normalised_jacobian_vv u z - b.
Definition pde_trace : R := p11 + p22.
Definition pde_determinant : R := p11 * p22 - p12 * p21.
Let T := amplification_trace u z eta a b.
Let D := amplification_determinant u z eta a b.

Lemma pivots_positive : 0 < 1 + eta * z + a /\ 0 < 1 + eta + b.
Proof. assert (0 < eta * z) by nra; split; lra. Qed.

Ltac open := unfold pde_trace, pde_determinant, p11, p12, p21, p22, T, D, g11, g12, g21, g22, l11, l12, l21, l22,
  normalised_jacobian_uu, normalised_jacobian_uv, normalised_jacobian_vu, normalised_jacobian_vv,
  amplification_trace, amplification_determinant, amplification_uu, amplification_uv, amplification_vu,
  amplification_vv, linear_implicit_uu, linear_implicit_uv, linear_implicit_vu, linear_implicit_vv,
  linear_explicit_uu, linear_explicit_uv, linear_explicit_vu, linear_explicit_vv.

(* G is L^-1 B, entry by entry. *)
Theorem amplification_solves :
  l11 * g11 + l12 * g21 = linear_explicit_uu u z eta a b /\ l11 * g12 + l12 * g22 = linear_explicit_uv u z eta a b /\
  l21 * g11 + l22 * g21 = linear_explicit_vu u z eta a b /\ l21 * g12 + l22 * g22 = linear_explicit_vv u z eta a b.
Proof. destruct pivots_positive; open; repeat split; field; lra. Qed.

Theorem amplification_invariants : T = g11 + g22 /\ D = g11 * g22 - g12 * g21.
Proof. destruct pivots_positive; open; split; field; lra. Qed.

(* det (I - G) det L = h^2 det (J - mu D). *)
Theorem transfer_identity :
  (1 - T + D) * (l11 * l22 - l12 * l21) = pde_determinant.
Proof. destruct pivots_positive; open; field; lra. Qed.

(* The two closed forms that the layer's own check evaluates. *)
Theorem jury_no_growth_value : jury_no_growth u z eta a b = 1 - T + D.
Proof. destruct pivots_positive; open; unfold jury_no_growth; field; lra. Qed.

Lemma step_determinant_value : D * (l11 * l22) = 1 + 2 * eta.
Proof. destruct pivots_positive; open; field; lra. Qed.

Lemma pivot_product : 1 + 2 * eta < l11 * l22.
Proof. destruct pivots_positive; open; assert (eta <= eta * z) by nra; nra. Qed.

Theorem step_determinant_bounds : 0 < D < 1.
Proof.
  assert (P := step_determinant_value); assert (Q := pivot_product); split; nra.
Qed.

Theorem no_flip_condition : 0 < 1 + T + D.
Proof.
  assert (Q := pivot_product).
  assert (E : (1 + T + D) * (l11 * l22)
              = (2 + eta * z + a) * (2 + 3 * eta + b) - 2 * eta * (eta * z * (1 - u))).
  { destruct pivots_positive; open; field; lra. }
  assert (0 < eta * z) by nra; assert (0 < eta * z * eta) by nra.
  assert (0 < (2 + eta * z + a) * (2 + 3 * eta + b) - 2 * eta * (eta * z * (1 - u))).
  { assert (eta * z * eta * u >= 0) by nra.
    assert (0 <= a * b) by nra; assert (0 <= eta * z * b) by nra; assert (0 <= a * eta) by nra. nra. }
  nra.
Qed.

Definition mode_grows_in_layer : Prop := exists x, eigenvalue g11 g12 g21 g22 x /\ 1 < Cmod x.
Definition mode_decays_in_layer : Prop := forall x, eigenvalue g11 g12 g21 g22 x -> Cmod x < 1.
Definition mode_grows_in_pde : Prop :=
  exists x, eigenvalue p11 p12 p21 p22 x /\ 0 < fst x.
Definition mode_decays_in_pde : Prop :=
  forall x, eigenvalue p11 p12 p21 p22 x -> fst x < 0.

Lemma sign_transfer : let e := 1 - T + D in
  (e < 0 <-> pde_determinant < 0) /\ (0 < e <-> 0 < pde_determinant).
Proof.
  intro e; assert (I := transfer_identity); assert (Q := pivot_product); fold e in I.
  assert (L : l11 * l22 - l12 * l21 = l11 * l22) by (unfold l12, linear_implicit_uv; ring).
  rewrite L in I; repeat split; intro; nra.
Qed.

Theorem layer_grows_iff : mode_grows_in_layer <-> pde_determinant < 0.
Proof.
  destruct amplification_invariants as [ET ED].
  rewrite <- (proj1 sign_transfer), <- grows_iff by (destruct step_determinant_bounds; try apply no_flip_condition; lra).
  rewrite ET, ED.
  unfold mode_grows_in_layer; split; intros (x & E & M); exists x; split; auto; apply eigenvalue_iff; auto.
Qed.

Theorem layer_decays_iff : mode_decays_in_layer <-> 0 < pde_determinant.
Proof.
  destruct amplification_invariants as [ET ED].
  rewrite <- (proj2 sign_transfer).
  transitivity (forall x, characteristic T D x -> Cmod x < 1).
  - rewrite ET, ED; split; intros H x E; apply H; apply eigenvalue_iff; auto.
  - rewrite jury_iff; assert (A := step_determinant_bounds); assert (B := no_flip_condition); tauto.
Qed.

(* z > 1, or any diffusion at all, gives the PDE's mode a negative trace. *)
Lemma pde_trace_value : pde_trace = - (eta * (z - 1) + a + b).
Proof. open; ring. Qed.

Theorem pde_grows_iff : 0 < eta * (z - 1) + a + b -> (mode_grows_in_pde <-> pde_determinant < 0).
Proof.
  intro Ht; rewrite <- (unstable_iff pde_trace) by (rewrite pde_trace_value; lra).
  unfold mode_grows_in_pde; split; intros (x & E & M); exists x; split; auto; apply eigenvalue_iff; exact E.
Qed.

Theorem pde_decays_iff : 0 < eta * (z - 1) + a + b -> (mode_decays_in_pde <-> 0 < pde_determinant).
Proof.
  intro Ht; transitivity (forall x, characteristic pde_trace pde_determinant x -> fst x < 0).
  - split; intros H x E; apply H; apply eigenvalue_iff; exact E.
  - rewrite hurwitz_iff; assert (V := pde_trace_value); intuition lra.
Qed.

(* The transfer theorem: same verdict in the layer as in the PDE, whatever the step size. *)
Theorem transfer : 0 < eta * (z - 1) + a + b ->
  (mode_grows_in_layer <-> mode_grows_in_pde) /\ (mode_decays_in_layer <-> mode_decays_in_pde).
Proof.
  intro Ht; rewrite layer_grows_iff, layer_decays_iff, pde_grows_iff, pde_decays_iff by exact Ht; tauto.
Qed.

(* No flip, no oscillation: a multiplier on or outside the unit circle is a real number >= 1. *)
Theorem no_flip_no_oscillation : forall x,
  eigenvalue g11 g12 g21 g22 x -> 1 <= Cmod x -> exists r, x = RtoC r /\ 1 <= r.
Proof.
  destruct amplification_invariants as [ET ED].
  intros x E M; apply eigenvalue_iff in E; rewrite <- ET, <- ED in E; destruct step_determinant_bounds.
  apply (outside_is_real T D); auto; apply no_flip_condition.
Qed.
End OneMode.
