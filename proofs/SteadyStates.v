(* SteadyStates.v: the homogeneous states of the reaction, both ways.

   Words used here:
     F, k, s            feed rate, kill rate, reaction gain, all > 0;  w = F + k turnover rate
     u, v               substrate and activator of one clip
     steady F k s u v   both reaction terms vanish (generated: reaction_u, reaction_v)
     trivial state      (1, 0): nothing salient
     v-rich state       the nontrivial state with u < 1/2; the other one (u > 1/2) is a saddle *)
From Coq Require Import Reals Lra Psatz.
From Coquelicot Require Import Complex.
From RDMF Require Import Generated Spectra.
Open Scope R_scope.

Definition steady (F k s u v : R) : Prop := reaction_u F k s u v = 0 /\ reaction_v F k s u v = 0.

Definition determinant (F k s u v : R) : R :=
  jacobian_uu F k s u v * jacobian_vv F k s u v - jacobian_uv F k s u v * jacobian_vu F k s u v.

Definition trace (F k s u v : R) : R := jacobian_uu F k s u v + jacobian_vv F k s u v.

Theorem trivial_steady : forall F k s, steady F k s 1 0.
Proof. intros; unfold steady, reaction_u, reaction_v; split; ring. Qed.

(* Every steady state is the trivial one or solves u (1 - u) = w^2 / (s F), v = w / (s u), and conversely. *)
Theorem steady_iff : forall F k s u v, 0 < F -> 0 < k -> 0 < s ->
  (steady F k s u v <->
   (u = 1 /\ v = 0) \/ (u <> 0 /\ u * (1 - u) = (F + k) ^ 2 / (s * F) /\ v = (F + k) / (s * u))).
Proof.
  intros F k s u v HF Hk Hs; unfold steady, reaction_u, reaction_v; split.
  - intros [E1 E2].
    assert (E : v * (s * u * v - (F + k)) = 0) by (rewrite <- E2; ring).
    apply Rmult_integral in E; destruct E as [E|E].
    + left; subst v; split; [|reflexivity].
      assert (X : F * (1 - u) = 0) by (rewrite <- E1; ring).
      apply Rmult_integral in X; lra.
    + right; assert (Nu : u <> 0) by (intro; subst u; nra).
      assert (Ev : v = (F + k) / (s * u)) by (field_simplify_eq; [lra|split; lra]).
      split; [exact Nu|split; [|exact Ev]].
      assert (X : s * F * (u * (1 - u)) = (F + k) ^ 2).
      { assert (Y : s * u * v = F + k) by lra.
        transitivity (s * u * (F * (1 - u) - s * u * v ^ 2) + (s * u * v) ^ 2); [ring|].
        rewrite E1, Y; ring. }
      rewrite <- X; field; lra.
  - intros [[E1 E2]|(Nu & E1 & E2)].
    + subst; split; ring.
    + assert (X : s * F * (u * (1 - u)) = (F + k) ^ 2) by (rewrite E1; field; lra).
      assert (Y : s * u * v = F + k) by (rewrite E2; field; lra).
      split.
      * assert (Z : s * u * (F * (1 - u) - s * u * v ^ 2) = 0).
        { transitivity (s * F * (u * (1 - u)) - (s * u * v) ^ 2); [ring|rewrite X, Y; ring]. }
        apply Rmult_integral in Z; destruct Z as [Z|Z]; [|exact Z].
        apply Rmult_integral in Z; lra.
      * transitivity (v * (s * u * v - (F + k))); [ring|rewrite Y; ring].
Qed.

(* A nontrivial state exists exactly when s F >= 4 w^2. *)
Theorem nontrivial_exists_iff : forall F k s, 0 < F -> 0 < k -> 0 < s ->
  ((exists u v, v <> 0 /\ steady F k s u v) <-> 4 * (F + k) ^ 2 <= s * F).
Proof.
  intros F k s HF Hk Hs; split.
  - intros (u & v & Nv & St); apply steady_iff in St; auto.
    destruct St as [[_ E]|(Nu & E & _)]; [contradiction|].
    assert (X : s * F * (u * (1 - u)) = (F + k) ^ 2) by (rewrite E; field; lra).
    assert (0 < s * F) by nra.
    assert (0 <= s * F * (1 - 2 * u) ^ 2) by (apply Rmult_le_pos; [lra|apply pow2_ge_0]).
    lra.
  - intro H.
    assert (Hsf : 0 < s * F) by nra.
    set (q := (F + k) ^ 2 / (s * F)).
    assert (Hq : s * F * q = (F + k) ^ 2) by (unfold q; field; lra).
    assert (Hw : 0 < (F + k) ^ 2) by nra.
    assert (q <= 1 / 4) by (apply (Rmult_le_reg_l (s * F)); lra).
    assert (0 < q) by (apply (Rmult_lt_reg_l (s * F)); lra).
    assert (Hr : sqrt (1 - 4 * q) * sqrt (1 - 4 * q) = 1 - 4 * q) by (apply sqrt_sqrt; lra).
    assert (Hp := sqrt_pos (1 - 4 * q)).
    set (u := (1 - sqrt (1 - 4 * q)) / 2) in *.
    assert (Hu : u * (1 - u) = q) by (unfold u; nra).
    assert (Nu : u <> 0) by (intro E; rewrite E in Hu; lra).
    exists u, ((F + k) / (s * u)); split.
    + intro E; assert (X : (F + k) / (s * u) * (s * u) = F + k) by (field; lra).
      rewrite E in X; lra.
    + apply steady_iff; auto.
Qed.

(* The closed form with the square root: exactly two candidates. *)
Theorem nontrivial_closed_form : forall F k s u, 0 < F -> 0 < s -> 4 * (F + k) ^ 2 <= s * F ->
  let r := sqrt (1 - 4 * (F + k) ^ 2 / (s * F)) in
  (u * (1 - u) = (F + k) ^ 2 / (s * F) <-> u = (1 - r) / 2 \/ u = (1 + r) / 2).
Proof.
  intros F k s u HF Hs H r.
  assert (Hsf : 0 < s * F) by nra.
  set (q := (F + k) ^ 2 / (s * F)) in *.
  assert (Hq : s * F * q = (F + k) ^ 2) by (unfold q; field; lra).
  assert (q <= 1 / 4) by (apply (Rmult_le_reg_l (s * F)); lra).
  assert (Er : r = sqrt (1 - 4 * q)) by (unfold r, q; f_equal; field; lra).
  assert (Hr : r * r = 1 - 4 * q) by (rewrite Er; apply sqrt_sqrt; lra).
  split; [intro E|intros [E|E]; subst u; nra].
  assert (X : (u - (1 - r) / 2) * (u - (1 + r) / 2) = 0) by nra.
  apply Rmult_integral in X; destruct X; [left|right]; lra.
Qed.

(* At a nontrivial state the sign of det J is the sign of 1 - 2u: v-rich if u < 1/2, a saddle if u > 1/2. *)
Theorem determinant_at_state : forall F k s u v, 0 < F -> 0 < k -> 0 < s -> v <> 0 ->
  steady F k s u v -> u * determinant F k s u v = F * (F + k) * (1 - 2 * u).
Proof.
  intros F k s u v HF Hk Hs Nv [E1 E2]; unfold reaction_u, reaction_v in *.
  unfold determinant, jacobian_uu, jacobian_uv, jacobian_vu, jacobian_vv.
  assert (Y : s * u * v = F + k).
  { assert (X : v * (s * u * v - (F + k)) = 0) by (rewrite <- E2; ring).
    apply Rmult_integral in X; destruct X; [contradiction|lra]. }
  assert (Z : u * (s * v ^ 2) = F * (1 - u)) by (transitivity (s * u * v ^ 2); [ring|lra]).
  transitivity (- (u * F + u * (s * v ^ 2)) * (2 * (s * u * v) - (F + k))
                + 2 * (s * u * v) * (u * (s * v ^ 2))); [ring|].
  rewrite Y, Z; ring.
Qed.

Theorem saddle_iff : forall F k s u v, 0 < F -> 0 < k -> 0 < s -> v <> 0 -> steady F k s u v ->
  0 < u < 1 /\ (determinant F k s u v < 0 <-> 1 / 2 < u) /\ (0 < determinant F k s u v <-> u < 1 / 2).
Proof.
  intros F k s u v HF Hk Hs Nv St.
  assert (D := determinant_at_state F k s u v HF Hk Hs Nv St).
  apply steady_iff in St; auto; destruct St as [[_ E]|(Nu & E & _)]; [contradiction|].
  assert (X : s * F * (u * (1 - u)) = (F + k) ^ 2) by (rewrite E; field; lra).
  assert (Hsf : 0 < s * F) by nra; assert (0 < (F + k) ^ 2) by nra.
  assert (P : 0 < u * (1 - u)) by (apply (Rmult_lt_reg_l (s * F)); lra).
  assert (Hu : 0 < u < 1) by (split; nra).
  assert (0 < F * (F + k)) by nra.
  split; [exact Hu|split; split; intro G; nra].
Qed.

(* The trivial state is stable at every wavenumber, whatever the diffusion. *)
Theorem trivial_stable : forall F k s D_u D_v mu x,
  0 < F -> 0 < k -> 0 <= D_u -> 0 <= D_v -> 0 <= mu ->
  eigenvalue (jacobian_uu F k s 1 0 - mu * D_u) (jacobian_uv F k s 1 0)
             (jacobian_vu F k s 1 0) (jacobian_vv F k s 1 0 - mu * D_v) x -> fst x < 0.
Proof.
  intros F k s D_u D_v mu x HF Hk Hu Hv Hm H; apply eigenvalue_iff in H; revert x H.
  unfold jacobian_uu, jacobian_uv, jacobian_vu, jacobian_vv; apply hurwitz_iff.
  assert (0 <= mu * D_u) by nra; assert (0 <= mu * D_v) by nra.
  split; [nra|].
  match goal with |- 0 < ?e => replace e with ((F + mu * D_u) * (F + k + mu * D_v)) by ring end.
  apply Rmult_lt_0_compat; lra.
Qed.
