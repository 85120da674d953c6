(* Turing.v: which modes of the PDE grow, exactly, and which grows fastest.

   Words used here (v-rich state in the chart of Chart.v):
     d              diffusion ratio D_u / D_v > 0
     m = D_v mu / w mode, in units of the activator's diffusion; mu >= 0 is the eigenvalue of minus the Laplacian
     mode_determinant   det (J - mu D) / w^2;  mode_trace its trace / w  (generated)
     turing_threshold             d_T(u, z)  (generated)
     band_lo, band_hi             ends of the unstable band of m (generated)
     largest_growth, fastest_mode the largest growth rate / w and the m where it is reached (generated) *)
From Coq Require Import Reals Lra Psatz.
From Coquelicot Require Import Complex.
From RDMF Require Import Generated Spectra.
Open Scope R_scope.

Lemma square_lt : forall x y, 0 <= y -> x ^ 2 < y ^ 2 -> x < y.
Proof. intros x y H L; nra. Qed.

Section State.
Variables u z d : R.
Hypothesis Hu : 0 < u < 1 / 2.
Hypothesis Hz : 1 < z.
Hypothesis Hd : 0 < d.

Definition mode_eigenvalue_of (m : R) (x : C) : Prop :=
  eigenvalue (normalised_jacobian_uu u z - d * m) (normalised_jacobian_uv u z)
             (normalised_jacobian_vu u z) (normalised_jacobian_vv u z - m) x.

Let det m := mode_determinant u z d m.
Let tr m := mode_trace u z d m.

Lemma mode_eigenvalue_iff : forall m x, mode_eigenvalue_of m x <-> characteristic (tr m) (det m) x.
Proof.
  intros m x; unfold mode_eigenvalue_of; rewrite eigenvalue_iff.
  unfold normalised_jacobian_uu, normalised_jacobian_uv, normalised_jacobian_vu, normalised_jacobian_vv, tr, det,
    mode_trace, mode_determinant.
  match goal with |- characteristic ?a ?b x <-> characteristic ?t ?e x =>
    replace a with t by ring; replace b with e by ring end; reflexivity.
Qed.

Lemma det_form : forall m, det m = d * m ^ 2 - (d - z) * m + z * (1 - 2 * u).
Proof. intro; unfold det, mode_determinant; ring. Qed.

Lemma trace_negative : forall m, 0 <= m -> tr m < 0.
Proof. intros; unfold tr, mode_trace; nra. Qed.

(* A mode grows exactly when its determinant is negative; then the growth rate is real. *)
Theorem mode_grows_iff : forall m, 0 <= m ->
  ((exists x, mode_eigenvalue_of m x /\ 0 < fst x) <-> det m < 0).
Proof.
  intros m Hm; rewrite <- (unstable_iff (tr m) (det m)) by (apply trace_negative; exact Hm).
  split; intros (x & E & P); exists x; split; auto; apply mode_eigenvalue_iff; auto.
Qed.

(* Square roots of the threshold: q^2 = p^2 + 1. *)
Lemma threshold_factors :
  (d - z) ^ 2 - 4 * d * z * (1 - 2 * u)
  = (d - turing_threshold u z) * (d - z * (sqrt (2 - 2 * u) - sqrt (1 - 2 * u)) ^ 2) /\
  z < turing_threshold u z /\ z * (sqrt (2 - 2 * u) - sqrt (1 - 2 * u)) ^ 2 < z.
Proof.
  assert (P : sqrt (1 - 2 * u) * sqrt (1 - 2 * u) = 1 - 2 * u) by (apply sqrt_sqrt; lra).
  assert (Q : sqrt (2 - 2 * u) * sqrt (2 - 2 * u) = 2 - 2 * u) by (apply sqrt_sqrt; lra).
  assert (P0 : 0 < sqrt (1 - 2 * u)) by (apply sqrt_lt_R0; lra).
  assert (Q0 : 0 < sqrt (2 - 2 * u)) by (apply sqrt_lt_R0; lra).
  unfold turing_threshold.
  set (p := sqrt (1 - 2 * u)) in *; set (q := sqrt (2 - 2 * u)) in *.
  assert (Eq : q * q = p * p + 1) by lra.
  assert (Q1 : 1 < q) by nra.
  assert (D1 : 0 < q - p < 1) by (split; nra).
  assert (D2 : (q - p) * (q + p) = 1) by nra.
  replace (p * p) with (p ^ 2) in P by ring.
  repeat split.
  - rewrite <- P.
    transitivity ((d - z * (p + q) ^ 2) * (d - z * (q - p) ^ 2)
      + 2 * d * z * (q * q - (p * p + 1)) + z ^ 2 * (1 - ((q - p) * (q + p)) ^ 2)); [ring|].
    rewrite D2, Eq; ring.
  - assert (1 < (p + q) ^ 2) by nra; nra.
  - assert ((q - p) ^ 2 < 1) by nra; nra.
Qed.

(* Radical-free form: d > d_T exactly when d > z and (d - z)^2 > 4 d z (1 - 2u). *)
Theorem threshold_radical_free :
  turing_threshold u z < d <-> z < d /\ 4 * d * z * (1 - 2 * u) < (d - z) ^ 2.
Proof.
  destruct threshold_factors as (E & A & B); split.
  - intro H; split; [lra|].
    assert (0 < (d - turing_threshold u z) * (d - z * (sqrt (2 - 2 * u) - sqrt (1 - 2 * u)) ^ 2))
      by (apply Rmult_lt_0_compat; lra); lra.
  - intros [H1 H2]; nra.
Qed.

(* The same at fixed d: one interval of u for each z. *)
Theorem threshold_fixed_ratio :
  turing_threshold u z < d <-> z < d /\ 1 / 2 - (d - z) ^ 2 / (8 * d * z) < u.
Proof.
  rewrite threshold_radical_free.
  assert (0 < d * z) by nra.
  assert (E : (d - z) ^ 2 / (8 * d * z) * (8 * (d * z)) = (d - z) ^ 2) by (field; lra).
  set (t := (d - z) ^ 2 / (8 * d * z)) in *.
  split; intros [H1 H2]; split; nra.
Qed.

Let r := sqrt ((d - z) ^ 2 - 4 * d * z * (1 - 2 * u)).

(* The unstable band: exactly the modes between its ends grow. *)
Lemma band_product : forall m, turing_threshold u z < d -> band_lo u z d < band_hi u z d /\
  det m = d * ((m - band_lo u z d) * (m - band_hi u z d)).
Proof.
  intros m H; apply threshold_radical_free in H; destruct H as [H1 H2].
  assert (R2 : r * r = (d - z) ^ 2 - 4 * d * z * (1 - 2 * u)) by (apply sqrt_sqrt; lra).
  assert (R0 : 0 < r) by (apply sqrt_lt_R0; lra).
  assert (R3 : r < d - z) by (assert (0 < d * z * (1 - 2 * u)) by (apply Rmult_lt_0_compat; nra); nra).
  assert (Ll : 2 * d * band_lo u z d = d - z - r).
  { unfold band_lo; cbv zeta; fold r.
    apply (Rmult_eq_reg_r (d - z + r)); [|lra].
    transitivity (4 * d * z * (1 - 2 * u)); [field; lra|].
    transitivity ((d - z) ^ 2 - r * r); [rewrite R2|]; ring. }
  assert (Uu : 2 * d * band_hi u z d = d - z + r) by (unfold band_hi; cbv zeta; fold r; field; lra).
  assert (E : 4 * d * det m = (2 * d * (m - band_lo u z d)) * (2 * d * (m - band_hi u z d))).
  { rewrite det_form.
    replace (2 * d * (m - band_lo u z d)) with (2 * d * m - 2 * d * band_lo u z d) by ring.
    replace (2 * d * (m - band_hi u z d)) with (2 * d * m - 2 * d * band_hi u z d) by ring.
    rewrite Ll, Uu; transitivity ((2 * d * m - (d - z)) ^ 2 - r * r); [rewrite R2; ring|ring]. }
  assert (band_lo u z d < band_hi u z d) by nra.
  split; [assumption|apply (Rmult_eq_reg_l (4 * d)); lra].
Qed.

Theorem band_iff : forall m, turing_threshold u z < d -> (det m < 0 <-> band_lo u z d < m < band_hi u z d).
Proof.
  intros m H; destruct (band_product m H) as [L E]; rewrite E; split.
  - intro D; assert ((m - band_lo u z d) * (m - band_hi u z d) < 0) by nra; split; nra.
  - intros [M1 M2]; assert (0 < d * ((m - band_lo u z d) * (band_hi u z d - m)))
      by (repeat apply Rmult_lt_0_compat; lra); lra.
Qed.

Theorem outside_band : forall m, turing_threshold u z < d ->
  m < band_lo u z d \/ band_hi u z d < m -> 0 < det m.
Proof.
  intros m H O; destruct (band_product m H) as [L E]; rewrite E; apply Rmult_lt_0_compat; [exact Hd|].
  destruct O; nra.
Qed.

Lemma band_positive : turing_threshold u z < d -> 0 < band_lo u z d < band_hi u z d.
Proof.
  intro H; assert (H' := H); apply threshold_radical_free in H; destruct H as [H1 H2].
  assert (M : det ((d - z) / (2 * d)) < 0).
  { rewrite det_form; apply (Rmult_lt_reg_l (4 * d)); [lra|].
    replace (4 * d * (d * ((d - z) / (2 * d)) ^ 2 - (d - z) * ((d - z) / (2 * d)) + z * (1 - 2 * u)))
      with (4 * d * z * (1 - 2 * u) - (d - z) ^ 2) by (field; lra); lra. }
  apply band_iff in M; [|exact H'].
  split; [|lra].
  destruct (Rlt_le_dec 0 (band_lo u z d)) as [G|G]; [exact G|exfalso].
  assert (P : 0 < (d - z) / (2 * d)) by (apply Rdiv_lt_0_compat; lra).
  assert (Z : det 0 < 0 \/ band_lo u z d = 0).
  { destruct (Req_dec (band_lo u z d) 0); [right; assumption|left; apply band_iff; lra]. }
  destruct Z as [Z|Z]; [rewrite det_form in Z; nra|].
  assert (T : det 0 = z * (1 - 2 * u)) by (rewrite det_form; ring).
  assert (0 < det 0) by (rewrite T; apply Rmult_lt_0_compat; lra).
  (* det is negative just right of 0, although it is positive at 0 *)
  set (e := Rmin ((d - z) / (2 * d)) (z * (1 - 2 * u) / (d - z)) / 2).
  assert (Q : 0 < z * (1 - 2 * u) / (d - z)) by (apply Rdiv_lt_0_compat; nra).
  assert (Q' : z * (1 - 2 * u) / (d - z) * (d - z) = z * (1 - 2 * u)) by (field; lra).
  assert (e <= (d - z) / (2 * d) / 2) by (unfold e; assert (X := Rmin_l ((d - z) / (2 * d)) (z * (1 - 2 * u) / (d - z))); lra).
  assert (e <= z * (1 - 2 * u) / (d - z) / 2) by (unfold e; assert (X := Rmin_r ((d - z) / (2 * d)) (z * (1 - 2 * u) / (d - z))); lra).
  assert (0 < e) by (unfold e; apply Rmult_lt_0_compat; [apply Rmin_glb_lt; assumption|lra]).
  assert (N : det e < 0) by (apply band_iff; lra).
  rewrite det_form in N.
  assert (0 < d * e ^ 2) by (apply Rmult_lt_0_compat; [|apply pow_lt]; lra).
  assert (e * (d - z) <= z * (1 - 2 * u) / 2) by nra.
  nra.
Qed.

(* The Turing criterion: some mode grows exactly when d > d_T. *)
Theorem turing_iff :
  (exists m x, 0 < m /\ mode_eigenvalue_of m x /\ 0 < fst x) <-> turing_threshold u z < d.
Proof.
  split.
  - intros (m & x & Hm & E & P).
    assert (D : det m < 0) by (apply mode_grows_iff; [lra|exists x; auto]).
    rewrite det_form in D; apply threshold_radical_free.
    assert (K : 0 < z * (1 - 2 * u)) by (apply Rmult_lt_0_compat; lra).
    assert (0 < d * m ^ 2) by (apply Rmult_lt_0_compat; [|apply pow_lt]; lra).
    assert (0 < (d - z) * m) by lra.
    assert (z < d) by nra; split; [assumption|].
    assert (S : 0 <= (2 * d * m - (d - z)) ^ 2) by apply pow2_ge_0.
    assert (4 * d * (d * m ^ 2 - (d - z) * m + z * (1 - 2 * u)) < 0) by nra.
    nra.
  - intro H; destruct (band_positive H).
    set (m := (band_lo u z d + band_hi u z d) / 2).
    assert (D : det m < 0) by (apply band_iff; unfold m; lra).
    apply mode_grows_iff in D; [|unfold m; lra].
    destruct D as (x & E & P); exists m, x; split; [unfold m; lra|auto].
Qed.

(* Largest growth: no mode grows faster, and exactly the mode fastest_mode grows that fast. *)
Let S := sqrt (2 * d * z * (1 - u)).
Let top := largest_growth u z d.
Let fastest := fastest_mode u z d.

Lemma growth_square : turing_threshold u z < d ->
  S * S = 2 * d * z * (1 - u) /\ (d - 1) * top = d + z - 2 * S /\ 2 * d * fastest = d - z - (d + 1) * top /\ 1 < d.
Proof.
  intro H; apply threshold_radical_free in H; destruct H as [H1 H2].
  assert (0 < d * z) by nra.
  assert (E : S * S = 2 * d * z * (1 - u)) by (apply sqrt_sqrt; nra).
  assert (S0 : 0 <= S) by apply sqrt_pos.
  assert (T : (d - 1) * top = d + z - 2 * S).
  { unfold top, largest_growth; cbv zeta; fold S.
    apply (Rmult_eq_reg_r (d + z + 2 * S)); [|lra].
    transitivity ((d - z) ^ 2 - 4 * d * z * (1 - 2 * u)); [field; lra|].
    transitivity ((d + z) ^ 2 - 4 * (S * S)); [rewrite E|]; ring. }
  repeat split; [exact E|exact T| |lra].
  apply (Rmult_eq_reg_r (d - 1)); [|lra].
  transitivity ((d - 1) * (d - z) - (d + 1) * ((d - 1) * top)); [rewrite T|ring].
  unfold fastest, fastest_mode; cbv zeta; fold S; field; lra.
Qed.

Theorem largest_growth_positive : turing_threshold u z < d -> 0 < top /\ 0 < fastest.
Proof.
  intro H; destruct (growth_square H) as (E & T & M & D1).
  apply threshold_radical_free in H; destruct H as [H1 H2].
  assert (S0 : 0 <= S) by apply sqrt_pos.
  assert (G0 : (2 * S) * (2 * S) < (d + z) * (d + z)) by lra.
  assert (G1 : 2 * S < d + z) by nra.
  assert (0 < top) by nra; split; [assumption|].
  (* d (d - 1) m = (d + 1) S - d (z + 1) *)
  assert (M' : d * ((d - 1) * fastest) = (d + 1) * S - d * (z + 1)).
  { assert (X : 2 * (d * ((d - 1) * fastest)) = (d - 1) * (d - z) - (d + 1) * ((d - 1) * top)).
    { transitivity ((d - 1) * (2 * d * fastest)); [ring|rewrite M; ring]. }
    rewrite T in X; lra. }
  assert (G2 : d * (z + 1) < (d + 1) * S).
  { assert (A : (d * (z + 1)) ^ 2 < ((d + 1) * S) ^ 2).
    { replace (((d + 1) * S) ^ 2) with ((d + 1) ^ 2 * (S * S)) by ring; rewrite E.
      assert (0 < (d - z) * (z * d - 1)) by (apply Rmult_lt_0_compat; nra).
      assert (0 < d * ((d - z) * (z * d - 1))) by nra.
      assert (0 < d * z * (d + 1) ^ 2) by (apply Rmult_lt_0_compat; nra).
      assert (0 < d * z * (d + 1) ^ 2 * (1 - 2 * u)) by (apply Rmult_lt_0_compat; lra).
      lra. }
    apply square_lt; [apply Rmult_le_pos; lra|exact A]. }
  assert (0 < d * ((d - 1) * fastest)) by lra.
  assert (0 < (d - 1) * fastest) by nra; nra.
Qed.

(* The dispersion polynomial at the top growth rate is a perfect square in m. *)
Lemma top_is_double_root : turing_threshold u z < d -> forall m,
  top * top - tr m * top + det m = d * (m - fastest) ^ 2.
Proof.
  intros H m; destruct (growth_square H) as (E & T & M & D1).
  rewrite det_form; unfold tr, mode_trace.
  assert (V : ((d - 1) * top - (d + z)) ^ 2 = 8 * d * z * (1 - u)).
  { rewrite T; transitivity (4 * (S * S)); [ring|rewrite E; ring]. }
  apply (Rmult_eq_reg_l (4 * d)); [|lra].
  transitivity ((2 * d * m - 2 * d * fastest) ^ 2); [|ring].
  rewrite M.
  assert (W : 4 * d * (top * top - (- d * m - m - z + 1) * top + (d * m ^ 2 - (d - z) * m + z * (1 - 2 * u)))
    - (2 * d * m - (d - z - (d + 1) * top)) ^ 2
    = 8 * d * z * (1 - u) - ((d - 1) * top - (d + z)) ^ 2) by ring.
  lra.
Qed.

Theorem largest_growth_bound : turing_threshold u z < d -> forall m x, 0 <= m ->
  mode_eigenvalue_of m x -> fst x <= top /\ (fst x = top -> m = fastest).
Proof.
  intros H m [x y] Hm X; apply mode_eigenvalue_iff, characteristic_parts in X; destruct X as [X1 X2]; simpl.
  destruct (largest_growth_positive H) as [Tp _].
  assert (B := top_is_double_root H m); assert (N := trace_negative m Hm).
  assert (Sq : 0 <= (m - fastest) ^ 2) by apply pow2_ge_0.
  apply Rmult_integral in X2; destruct X2 as [Y|Y]; [|lra].
  subst y.
  assert (P : (top - x) * (top + x - tr m) = d * (m - fastest) ^ 2) by lra.
  destruct (Rle_lt_dec x top) as [G|G].
  - split; [exact G|intro Q; subst x].
    assert (Z : d * (m - fastest) ^ 2 = 0) by lra.
    apply Rmult_integral in Z; destruct Z as [Z|Z]; [lra|].
    assert (m - fastest = 0) by (apply Rsqr_0_uniq; unfold Rsqr; lra); lra.
  - exfalso; assert (0 < (x - top) * (top + x - tr m)) by (apply Rmult_lt_0_compat; lra).
    assert (0 <= d * (m - fastest) ^ 2) by nra; lra.
Qed.

Theorem largest_growth_attained : turing_threshold u z < d -> mode_eigenvalue_of fastest (RtoC top).
Proof.
  intro H; apply mode_eigenvalue_iff, characteristic_real.
  rewrite (top_is_double_root H); ring.
Qed.
End State.
