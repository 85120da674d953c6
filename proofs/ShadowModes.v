(* ShadowModes.v: which perturbations of the shadow system's v-rich state grow: exactly, for every step size.

   Words used here (chart of Chart.v, eta = h w, dv = h D_v):
     p              perturbation of the one substrate;  q  of the activator, a field over T clips
     linear_shadow  the linearised shadow step: generated L and B without diffusion, the substrate sees mean q
     along phi x    sum over i of x i * phi i, the coefficient along the mode phi up to a factor
     multiplier eta b   (1 + 2 eta)/(1 + eta + b), what one step does to a mode of mean 0; b = h mu D_v
     form x         - sum of x i (L x) i, the diffusion's energy;  square T x = sum of x i ^ 2 *)
From Coq Require Import Reals Lra Lia Psatz.
From Coquelicot Require Import Complex.
From RDMF Require Import Generated Spectra Transfer ClipLaplacian Conductances Shadow.
Open Scope R_scope.

Definition linear_shadow (T : nat) (L : (nat -> R) -> nat -> R) (u z eta dv : R)
  (p : R) (q : nat -> R) (p' : R) (q' : nat -> R) : Prop :=
  linear_implicit_uu u z eta 0 0 * p' + linear_implicit_uv u z eta 0 0 * mean T q'
    = linear_explicit_uu u z eta 0 0 * p + linear_explicit_uv u z eta 0 0 * mean T q /\
  forall i, (i < T)%nat ->
  linear_implicit_vu u z eta 0 0 * p' + linear_implicit_vv u z eta 0 0 * q' i - dv * L q' i
    = linear_explicit_vu u z eta 0 0 * p + linear_explicit_vv u z eta 0 0 * q i.

Definition multiplier (eta b : R) : R := shadow_multiplier eta b.

Lemma multiplier_value : forall eta b, 0 < eta -> 0 <= b -> multiplier eta b * (1 + eta + b) = 1 + 2 * eta.
Proof. intros; unfold multiplier, shadow_multiplier; field; lra. Qed.

(* It is the quotient of the generated rows of the activator. *)
Theorem multiplier_of_rows : forall u z eta a b, 0 < eta -> 0 <= b ->
  multiplier eta b * linear_implicit_vv u z eta a b = linear_explicit_vv u z eta a b.
Proof.
  intros u z eta a b He Hb; assert (V := multiplier_value eta b He Hb).
  unfold linear_implicit_vv, linear_explicit_vv; lra.
Qed.

(* One condition for all D_u: with mixing = D_v / D_u the two-field mode grows iff it is negative, and at mixing = 0
   it is the shadow system's, growth for 0 < m < 1. *)
Theorem mixing_joins_both : forall u z d m, 0 < d ->
  mode_determinant u z d m = d * mixed_mode_determinant u z (1 / d) m /\
  (mode_determinant u z d m < 0 <-> mixed_mode_determinant u z (1 / d) m < 0) /\
  (mixed_mode_determinant u z 0 m < 0 <-> 0 < m < 1).
Proof.
  intros u z d m Hd.
  assert (E : mode_determinant u z d m = d * mixed_mode_determinant u z (1 / d) m)
    by (unfold mode_determinant, mixed_mode_determinant; field; lra).
  split; [exact E|split].
  - rewrite E; split; intro H; nra.
  - unfold mixed_mode_determinant; split; [intro H; split; nra|intros [A B]; nra].
Qed.

Lemma multiplier_positive : forall eta b, 0 < eta -> 0 <= b -> 0 < multiplier eta b.
Proof. intros eta b He Hb; assert (V := multiplier_value eta b He Hb); nra. Qed.

(* The longest wave grows fastest: the multiplier falls with the eigenvalue. *)
Theorem multiplier_decreases : forall eta b b', 0 < eta -> 0 <= b < b' -> multiplier eta b' < multiplier eta b.
Proof.
  intros eta b b' He Hb; assert (V := multiplier_value eta b He ltac:(lra)); assert (V' := multiplier_value eta b' He ltac:(lra)).
  assert (P := multiplier_positive eta b He ltac:(lra)); assert (P' := multiplier_positive eta b' He ltac:(lra)); nra.
Qed.

(* A mode mu > 0 of the layer grows iff D_v mu < w, as in the PDE, whose rate is w (J_vv / w) - D_v mu. *)
Theorem shadow_mode_grows_iff : forall u z w h mu D_v, 0 < w -> 0 < h -> 0 <= mu -> 0 <= D_v ->
  (1 < multiplier (h * w) (h * mu * D_v) <-> D_v * mu < w) /\
  (multiplier (h * w) (h * mu * D_v) < 1 <-> w < D_v * mu) /\
  (D_v * mu < w <-> 0 < w * normalised_jacobian_vv u z - D_v * mu).
Proof.
  intros u z w h mu D_v Hw Hh Hm HD.
  assert (He : 0 < h * w) by (apply Rmult_lt_0_compat; assumption).
  assert (Hb : 0 <= h * mu * D_v) by (apply Rmult_le_pos; [apply Rmult_le_pos; lra|exact HD]).
  assert (V := multiplier_value (h * w) (h * mu * D_v) He Hb); set (r := multiplier (h * w) (h * mu * D_v)) in *.
  assert (E : (r - 1) * (1 + h * w + h * mu * D_v) = h * (w - D_v * mu)) by lra.
  assert (P : 0 < 1 + h * w + h * mu * D_v) by lra.
  unfold normalised_jacobian_vv; repeat split; intro X; nra.
Qed.

Section Linear.
Variables (T : nat) (L : (nat -> R) -> nat -> R) (u z eta dv : R).
Hypothesis HT : (0 < T)%nat.
Hypothesis HL : diffusion T L.
Hypothesis Heta : 0 < eta.
Hypothesis Hz : 0 < z.
Hypothesis Hdv : 0 <= dv.

Lemma mean_of_laplacian : forall x, mean T (L x) = 0.
Proof. intro x; unfold mean; rewrite (diffusion_conserves T L HL); unfold Rdiv; ring. Qed.

(* Substrate and mean activator: the two-field step's own mode without diffusion. *)
Theorem shadow_uniform_mode : forall p q p' q', linear_shadow T L u z eta dv p q p' q' ->
  p' = amplification_uu u z eta 0 0 * p + amplification_uv u z eta 0 0 * mean T q /\
  mean T q' = amplification_vu u z eta 0 0 * p + amplification_vv u z eta 0 0 * mean T q.
Proof.
  intros p q p' q' [R1 R2].
  assert (M : mean T (fun i => linear_implicit_vv u z eta 0 0 * q' i + - dv * L q' i)
            = mean T (fun i => linear_explicit_vv u z eta 0 0 * q i + (linear_explicit_vu u z eta 0 0 * p - linear_implicit_vu u z eta 0 0 * p') * 1)).
  { apply mean_ext; intros i Hi; assert (R := R2 i Hi); lra. }
  rewrite !mean_linear, mean_of_laplacian, mean_constant in M by exact HT.
  unfold linear_implicit_uu, linear_implicit_uv, linear_implicit_vu, linear_implicit_vv, linear_explicit_uu,
    linear_explicit_uv, linear_explicit_vu, linear_explicit_vv in *.
  assert (Pz : 0 < eta * z) by (apply Rmult_lt_0_compat; assumption).
  assert (E1 : (1 + eta * z) * p' = p - 2 * eta * mean T q) by lra.
  assert (X1 : p' = amplification_uu u z eta 0 0 * p + amplification_uv u z eta 0 0 * mean T q).
  { apply (Rmult_eq_reg_l (1 + eta * z)); [rewrite E1|lra]; unfold amplification_uu, amplification_uv; field; lra. }
  split; [exact X1|].
  apply (Rmult_eq_reg_l (1 + eta)); [|lra].
  transitivity ((1 + 2 * eta) * mean T q + eta * z * (1 - u) * p'); [lra|rewrite X1].
  unfold amplification_uu, amplification_uv, amplification_vu, amplification_vv; field; lra.
Qed.

Definition along (phi x : nat -> R) : R := sum T (fun i => x i * phi i).

(* A mode with mu > 0 has mean 0: the substrate does not see it, and it does not see the substrate. *)
Theorem mode_mean : forall mu phi, mu <> 0 -> eigenvector T L mu phi -> sum T phi = 0.
Proof.
  intros mu phi Hmu (_ & Row); assert (C := diffusion_conserves T L HL phi).
  rewrite (sum_ext T (L phi) (fun i => - mu * phi i + 0 * 0)) in C by (intros i Hi; rewrite (Row i Hi); ring).
  rewrite sum_linear in C; assert (Z : mu * sum T phi = 0) by lra; apply Rmult_integral in Z; lra.
Qed.

Theorem shadow_mode_multiplier : forall mu phi, 0 <= mu -> sum T phi = 0 -> eigenvector T L mu phi ->
  forall p q p' q', linear_shadow T L u z eta dv p q p' q' ->
  along phi q' = multiplier eta (mu * dv) * along phi q.
Proof.
  intros mu phi Hmu Z Hphi p q p' q' [_ R2]; destruct Hphi as (_ & Row).
  assert (Sym : sum T (fun i => L q' i * phi i) = - mu * along phi q').
  { rewrite (diffusion_symmetric T L HL); unfold along.
    rewrite (sum_ext T _ (fun i => - mu * (q' i * phi i) + 0 * 0)) by (intros i Hi; rewrite (Row i Hi); ring).
    rewrite sum_linear; ring. }
  set (c := linear_explicit_vu u z eta 0 0 * p - linear_implicit_vu u z eta 0 0 * p').
  assert (E : sum T (fun i => linear_implicit_vv u z eta 0 0 * (q' i * phi i) + - dv * (L q' i * phi i))
            = sum T (fun i => linear_explicit_vv u z eta 0 0 * (q i * phi i) + c * phi i)).
  { apply sum_ext; intros i Hi; assert (R := R2 i Hi).
    transitivity ((linear_implicit_vv u z eta 0 0 * q' i - dv * L q' i) * phi i); [ring|].
    replace (linear_implicit_vv u z eta 0 0 * q' i - dv * L q' i) with (linear_explicit_vv u z eta 0 0 * q i + c)
      by (unfold c; lra); ring. }
  rewrite !sum_linear, Sym, Z in E; fold (along phi q') (along phi q) in E.
  assert (B : 0 <= mu * dv) by (apply Rmult_le_pos; lra).
  assert (V := multiplier_value eta (mu * dv) Heta B).
  apply (Rmult_eq_reg_l (1 + eta + mu * dv)); [|lra].
  transitivity (multiplier eta (mu * dv) * (1 + eta + mu * dv) * along phi q); [rewrite V|ring].
  unfold linear_implicit_vv, linear_explicit_vv in E; lra.
Qed.

(* The pattern of a mode is a trajectory of its own: it grows or decays by its multiplier and never changes sign. *)
Theorem shadow_mode_pattern : forall mu phi, 0 <= mu -> sum T phi = 0 -> eigenvector T L mu phi ->
  forall n, linear_shadow T L u z eta dv 0 (fun i => multiplier eta (mu * dv) ^ n * phi i)
                                         0 (fun i => multiplier eta (mu * dv) ^ S n * phi i).
Proof.
  intros mu phi Hmu Z Hphi n; destruct Hphi as (_ & Row).
  assert (B : 0 <= mu * dv) by (apply Rmult_le_pos; lra).
  assert (V := multiplier_value eta (mu * dv) Heta B); set (r := multiplier eta (mu * dv)) in *.
  assert (M : forall c, mean T (fun i => c * phi i) = 0).
  { intro c; rewrite (mean_ext T _ (fun i => c * phi i + 0 * 0)) by (intros; ring).
    rewrite mean_linear by exact HT; unfold mean; rewrite Z; unfold Rdiv; ring. }
  split; [rewrite !M; ring|intros i Hi].
  rewrite (diffusion_ext T L HL _ (fun l => r ^ S n * phi l + 0 * 0) i Hi) by (intros; ring).
  rewrite (diffusion_linear T L HL _ 0 phi (fun _ => 0) i Hi), (Row i Hi).
  unfold linear_implicit_vu, linear_implicit_vv, linear_explicit_vu, linear_explicit_vv; simpl pow.
  transitivity (r ^ n * phi i * (r * (1 + eta + mu * dv))); [ring|rewrite V; ring].
Qed.

(* Without eigenvectors: the nonuniform part, for any diffusion. *)
Definition form (x : nat -> R) : R := - sum T (fun i => x i * L x i).
Definition shadow_trajectory (p : nat -> R) (q : nat -> nat -> R) : Prop :=
  forall n, linear_shadow T L u z eta dv (p n) (q n) (p (S n)) (q (S n)).
Definition deviation (x : nat -> R) (i : nat) : R := x i - mean T x.

Lemma deviation_mean : forall x, sum T (deviation x) = 0.
Proof.
  intro x; unfold deviation; rewrite (sum_ext T _ (fun i => 1 * x i + -1 * mean T x)) by (intros; ring).
  rewrite (sum_linear T 1 (-1) x (fun _ => mean T x)), sum_constant, (mean_sum T x HT); ring.
Qed.

(* The deviation from the mean obeys the activator's row alone. *)
Lemma deviation_step : forall p q p' q', linear_shadow T L u z eta dv p q p' q' -> forall i, (i < T)%nat ->
  (1 + eta) * deviation q' i - dv * L (deviation q') i = (1 + 2 * eta) * deviation q i.
Proof.
  intros p q p' q' [_ R2] i Hi.
  set (c := linear_explicit_vu u z eta 0 0 * p - linear_implicit_vu u z eta 0 0 * p').
  assert (Row : forall j, (j < T)%nat -> (1 + eta) * q' j - dv * L q' j = (1 + 2 * eta) * q j + c).
  { intros j Hj; assert (R := R2 j Hj); unfold c; unfold linear_implicit_vv, linear_explicit_vv in R; lra. }
  assert (M : mean T (fun j => (1 + eta) * q' j + - dv * L q' j) = mean T (fun j => (1 + 2 * eta) * q j + c * 1)).
  { apply mean_ext; intros j Hj; assert (R := Row j Hj); lra. }
  rewrite !mean_linear, mean_of_laplacian, mean_constant in M by exact HT.
  rewrite (diffusion_ext T L HL (deviation q') (fun j => 1 * q' j + -1 * mean T q')) by (auto; intros; unfold deviation; ring).
  rewrite (diffusion_linear T L HL 1 (-1) q' (fun _ => mean T q') i Hi), (diffusion_constant T L HL) by exact Hi.
  assert (R := Row i Hi); unfold deviation; lra.
Qed.

(* A quadratic without sign change has no positive discriminant. *)
Lemma discriminant : forall a b c, (forall t, 0 <= a * t ^ 2 + 2 * t * b + c) -> 0 <= a -> b ^ 2 <= a * c.
Proof.
  intros a b c Q Ha; destruct (Req_dec a 0) as [Z|N].
  - destruct (Req_dec b 0) as [B|B]; [rewrite B, Z; lra|exfalso].
    specialize (Q (- (c + 1) / (2 * b))).
    replace (a * (- (c + 1) / (2 * b)) ^ 2 + 2 * (- (c + 1) / (2 * b)) * b + c) with (a * (- (c + 1) / (2 * b)) ^ 2 - 1) in Q
      by (field; exact B).
    rewrite Z in Q; lra.
  - specialize (Q (- b / a)).
    replace (a * (- b / a) ^ 2 + 2 * (- b / a) * b + c) with ((a * c - b ^ 2) / a) in Q by (field; exact N).
    assert (0 <= (a * c - b ^ 2) / a * a) by (apply Rmult_le_pos; assumption).
    replace ((a * c - b ^ 2) / a * a) with (a * c - b ^ 2) in H by (field; exact N); lra.
Qed.

Lemma inner_square : forall x y, sum T (fun i => x i * y i) ^ 2 <= square T x * square T y.
Proof.
  intros x y; apply discriminant; [intro t|apply square_nonnegative].
  assert (N := square_nonnegative T (fun i => t * x i + y i)).
  replace (square T x * t ^ 2 + 2 * t * sum T (fun i => x i * y i) + square T y) with (square T (fun i => t * x i + y i));
    [exact N|].
  unfold square; rewrite (sum_ext T _ (fun i => t ^ 2 * x i ^ 2 + 1 * (2 * t * (x i * y i) + 1 * y i ^ 2))) by (intros; ring).
  rewrite !sum_linear; ring.
Qed.

Lemma form_nonnegative : forall x, 0 <= form x.
Proof. intro x; assert (D := diffusion_dissipates T L HL x); unfold form; lra. Qed.

(* If diffusion moves every nonuniform field by at least gap, deviations shrink or grow by at most its multiplier. *)
Theorem shadow_deviation_bound : forall gap, 0 <= gap ->
  (forall x, sum T x = 0 -> gap * square T x <= form x) ->
  forall p q, shadow_trajectory p q -> forall n,
  square T (deviation (q n)) <= (multiplier eta (gap * dv) ^ 2) ^ n * square T (deviation (q O)).
Proof.
  intros gap Hg Gap p q Htr.
  assert (B : 0 <= gap * dv) by (apply Rmult_le_pos; assumption).
  assert (V := multiplier_value eta (gap * dv) Heta B); assert (Rp := multiplier_positive eta (gap * dv) Heta B).
  set (r := multiplier eta (gap * dv)) in *.
  assert (One : forall n, square T (deviation (q (S n))) <= r ^ 2 * square T (deviation (q n))).
  { intro n; set (x := deviation (q n)); set (y := deviation (q (S n))).
    assert (E : (1 + eta) * square T y + dv * form y = (1 + 2 * eta) * sum T (fun i => x i * y i)).
    { transitivity (sum T (fun i => (1 + eta) * y i ^ 2 + - dv * (y i * L y i))).
      - rewrite sum_linear; unfold form, square; ring.
      - rewrite (sum_ext T _ (fun i => (1 + 2 * eta) * (x i * y i) + 0 * 0)).
        + rewrite sum_linear; ring.
        + intros i Hi; assert (R := deviation_step _ _ _ _ (Htr n) i Hi); fold x y in R.
          transitivity (((1 + eta) * y i - dv * L y i) * y i); [ring|rewrite R; ring]. }
    assert (G := Gap y (deviation_mean _)); assert (C := inner_square x y).
    assert (X := square_nonnegative T x); assert (Y := square_nonnegative T y).
    set (s := sum T (fun i => x i * y i)) in *; set (X2 := square T x) in *; set (Y2 := square T y) in *.
    assert (D : dv * (gap * Y2) <= dv * form y) by (apply Rmult_le_compat_l; assumption).
    assert (K : (1 + eta + gap * dv) * Y2 <= (1 + 2 * eta) * s) by lra.
    assert (Kr : Y2 <= r * s).
    { apply (Rmult_le_reg_l (1 + eta + gap * dv)); [lra|].
      replace ((1 + eta + gap * dv) * (r * s)) with ((1 + 2 * eta) * s) by (rewrite <- V; ring); exact K. }
    destruct (Req_dec Y2 0) as [Z|N].
    { rewrite Z; apply Rmult_le_pos; [apply pow2_ge_0|exact X]. }
    assert (Y2 * Y2 <= (r ^ 2 * X2) * Y2).
    { assert (Y2 ^ 2 <= (r * s) ^ 2) by (apply pow_incr; lra).
      assert (r ^ 2 * s ^ 2 <= r ^ 2 * (X2 * Y2)) by (apply Rmult_le_compat_l; [apply pow2_ge_0|exact C]). nra. }
    apply (Rmult_le_reg_r Y2); lra. }
  induction n as [|n IH]; [simpl; lra|].
  apply Rle_trans with (1 := One n); change ((r ^ 2) ^ S n) with (r ^ 2 * (r ^ 2) ^ n).
  rewrite Rmult_assoc; apply Rmult_le_compat_l; [apply pow2_ge_0|exact IH].
Qed.

(* Conversely a nonuniform field of small energy grows at least by the multiplier of its Rayleigh quotient. *)
Theorem shadow_deviation_grows : forall mu p q, 0 <= mu -> shadow_trajectory p q ->
  0 < square T (deviation (q O)) -> form (deviation (q O)) <= mu * square T (deviation (q O)) ->
  forall n, (multiplier eta (mu * dv) ^ 2) ^ n * square T (deviation (q O)) <= square T (deviation (q n)).
Proof.
  intros mu p q Hmu Htr Pos0 Ray0.
  assert (B : 0 <= mu * dv) by (apply Rmult_le_pos; assumption).
  assert (V := multiplier_value eta (mu * dv) Heta B); assert (Rp := multiplier_positive eta (mu * dv) Heta B).
  set (r := multiplier eta (mu * dv)) in *; set (c := 1 + 2 * eta) in *; set (e0 := 1 + eta + mu * dv) in *.
  set (x := fun n => deviation (q n)).
  (* A = (1 + eta) - dv L is symmetric and positive; A x (n + 1) = c x n *)
  set (A := fun y i => (1 + eta) * y i - dv * L y i).
  assert (Step : forall n i, (i < T)%nat -> A (x (S n)) i = c * x n i).
  { intros n i Hi; unfold A, x, c; apply (deviation_step _ _ _ _ (Htr n) i Hi). }
  assert (Sym : forall y w, sum T (fun i => A y i * w i) = sum T (fun i => y i * A w i)).
  { intros y w; unfold A.
    rewrite (sum_ext T (fun i => ((1 + eta) * y i - dv * L y i) * w i) (fun i => (1 + eta) * (y i * w i) + - dv * (L y i * w i)))
      by (intros; ring).
    rewrite (sum_ext T (fun i => y i * ((1 + eta) * w i - dv * L w i)) (fun i => (1 + eta) * (y i * w i) + - dv * (y i * L w i)))
      by (intros; ring).
    rewrite !sum_linear, (diffusion_symmetric T L HL); reflexivity. }
  assert (Form : forall y, sum T (fun i => A y i * y i) = (1 + eta) * square T y + dv * form y).
  { intro y; unfold A, form, square.
    rewrite (sum_ext T _ (fun i => (1 + eta) * y i ^ 2 + - dv * (y i * L y i))) by (intros; ring).
    rewrite sum_linear; ring. }
  assert (Form0 : forall y, 0 <= sum T (fun i => A y i * y i)).
  { intro y; rewrite Form; assert (P := square_nonnegative T y); assert (F0 := form_nonnegative y).
    assert (0 <= dv * form y) by (apply Rmult_le_pos; assumption).
    assert (0 <= (1 + eta) * square T y) by (apply Rmult_le_pos; lra); lra. }
  assert (Cauchy : forall y w, sum T (fun i => A y i * w i) ^ 2
    <= sum T (fun i => A y i * y i) * sum T (fun i => A w i * w i)).
  { intros y w; apply discriminant; [intro t|apply Form0].
    assert (N := Form0 (fun i => t * y i + 1 * w i)); cbv beta in N.
    assert (E : sum T (fun i => A (fun i => t * y i + 1 * w i) i * (t * y i + 1 * w i))
      = sum T (fun i => A y i * y i) * t ^ 2 + 2 * t * sum T (fun i => A y i * w i) + sum T (fun i => A w i * w i)).
    { transitivity (sum T (fun i => t ^ 2 * (A y i * y i) + 1 * (t * (A y i * w i) + 1 * (t * (y i * A w i) + 1 * (A w i * w i))))).
      - apply sum_ext; intros i Hi.
        assert (Li : A (fun i => t * y i + 1 * w i) i = t * A y i + 1 * A w i).
        { unfold A; rewrite (diffusion_linear T L HL t 1 y w i Hi); ring. }
        rewrite Li; ring.
      - rewrite !sum_linear, <- (Sym y w); ring. }
    rewrite <- E; exact N. }
  (* one step: growth by r, and the Rayleigh quotient does not rise *)
  assert (One : forall n, 0 < square T (x n) -> dv * form (x n) <= dv * mu * square T (x n) ->
    r ^ 2 * square T (x n) <= square T (x (S n)) /\ dv * form (x (S n)) <= dv * mu * square T (x (S n))).
  { intros n Pos Ray.
    set (a := square T (x n)) in *; set (b := sum T (fun i => x n i * x (S n) i)); set (d := square T (x (S n))).
    assert (Ea : sum T (fun i => A (x n) i * x n i) <= e0 * a) by (rewrite Form; fold a; unfold e0; lra).
    assert (E1 := Form0 (x n)).
    assert (Eb : sum T (fun i => A (x (S n)) i * x (S n) i) = c * b).
    { unfold b; rewrite (sum_ext T _ (fun i => c * (x n i * x (S n) i) + 0 * 0)).
      - rewrite sum_linear; ring.
      - intros i Hi; rewrite (Step n i Hi); ring. }
    assert (Cross : sum T (fun i => A (x n) i * x (S n) i) = c * a).
    { rewrite Sym; unfold a, square; rewrite (sum_ext T _ (fun i => c * x n i ^ 2 + 0 * 0)).
      - rewrite sum_linear; ring.
      - intros i Hi; rewrite (Step n i Hi); ring. }
    assert (C1 := Cauchy (x n) (x (S n))); rewrite Cross, Eb in C1.
    assert (C2 : b ^ 2 <= a * d) by (unfold a, b, d; apply inner_square).
    assert (Cp : 0 < c) by (unfold c; lra).
    assert (E0 : 0 < e0) by (unfold e0; lra).
    set (e := sum T (fun i => A (x n) i * x n i)) in *.
    assert (C3 : c * a ^ 2 <= e * b).
    { apply (Rmult_le_reg_l c); [exact Cp|]; lra. }
    assert (A2 : 0 < a ^ 2) by (apply pow_lt; exact Pos).
    assert (Ca : 0 < c * a ^ 2) by (apply Rmult_lt_0_compat; assumption).
    assert (Bp : 0 < b).
    { destruct (Rlt_le_dec 0 b) as [P|N]; [exact P|exfalso].
      assert (e * b <= 0) by (assert (0 <= e * - b) by (apply Rmult_le_pos; lra); lra); lra. }
    assert (C4 : c * a ^ 2 <= e0 * a * b).
    { apply Rle_trans with (1 := C3); apply Rmult_le_compat_r; lra. }
    assert (C5 : c * a <= e0 * b).
    { apply (Rmult_le_reg_r a); [exact Pos|]; lra. }
    assert (C6 : r * a <= b).
    { apply (Rmult_le_reg_l e0); [exact E0|]; replace (e0 * (r * a)) with (r * e0 * a) by ring; rewrite V; exact C5. }
    assert (Ra : 0 < r * a) by (apply Rmult_lt_0_compat; assumption).
    assert (B2 : (r * a) * b <= b ^ 2).
    { replace (b ^ 2) with (b * b) by ring; apply Rmult_le_compat_r; lra. }
    assert (B3 : (r * a) * (r * a) <= (r * a) * b) by (apply Rmult_le_compat_l; lra).
    assert (C7 : r * b <= d).
    { apply (Rmult_le_reg_l a); [exact Pos|]; replace (a * (r * b)) with (r * a * b) by ring; lra. }
    split.
    - apply (Rmult_le_reg_l a); [exact Pos|]; replace (a * (r ^ 2 * a)) with (r * a * (r * a)) by ring; lra.
    - assert (Fd := Form (x (S n))); fold d in Fd; rewrite Eb in Fd.
      assert (C8 : e0 * (r * b) <= e0 * d) by (apply Rmult_le_compat_l; lra).
      replace (e0 * (r * b)) with (r * e0 * b) in C8 by ring; rewrite V in C8; unfold e0 in C8; lra. }
  assert (All : forall n, 0 < square T (x n) /\ dv * form (x n) <= dv * mu * square T (x n)).
  { induction n as [|n (P & R)].
    - split; [exact Pos0|]; rewrite Rmult_assoc; apply Rmult_le_compat_l; assumption.
    - destruct (One n P R) as [G R']; split; [|exact R'].
      assert (0 < r ^ 2 * square T (x n)) by (apply Rmult_lt_0_compat; [apply pow_lt; exact Rp|exact P]); lra. }
  induction n as [|n IH]; [simpl; lra|].
  destruct (All n) as [P R]; destruct (One n P R) as [G _].
  apply Rle_trans with (2 := G); change ((r ^ 2) ^ S n) with (r ^ 2 * (r ^ 2) ^ n).
  rewrite Rmult_assoc; apply Rmult_le_compat_l; [apply pow2_ge_0|exact IH].
Qed.

(* Growth of the nonuniform part in one step needs a nonuniform field of energy below w / D_v. *)
Theorem shadow_growth_needs : forall p q p' q', linear_shadow T L u z eta dv p q p' q' ->
  square T (deviation q) < square T (deviation q') ->
  dv * form (deviation q') < eta * square T (deviation q').
Proof.
  intros p q p' q' H G; set (x := deviation q) in *; set (y := deviation q') in *.
  assert (E : (1 + eta) * square T y + dv * form y = (1 + 2 * eta) * sum T (fun i => x i * y i)).
  { transitivity (sum T (fun i => (1 + eta) * y i ^ 2 + - dv * (y i * L y i))).
    - rewrite sum_linear; unfold form, square; ring.
    - rewrite (sum_ext T _ (fun i => (1 + 2 * eta) * (x i * y i) + 0 * 0)).
      + rewrite sum_linear; ring.
      + intros i Hi; assert (R := deviation_step _ _ _ _ H i Hi); fold x y in R.
        transitivity (((1 + eta) * y i - dv * L y i) * y i); [ring|rewrite R; ring]. }
  assert (C := inner_square x y); assert (X := square_nonnegative T x).
  set (s := sum T (fun i => x i * y i)) in *; set (X2 := square T x) in *; set (Y2 := square T y) in *.
  assert (Sy : s < Y2).
  { destruct (Rlt_le_dec s Y2) as [P|N]; [exact P|exfalso].
    assert (Y2 * Y2 <= s ^ 2) by (replace (s ^ 2) with (s * s) by ring; apply Rmult_le_compat; lra).
    assert (X2 * Y2 < Y2 * Y2) by (apply Rmult_lt_compat_r; lra); lra. }
  assert ((1 + 2 * eta) * s < (1 + 2 * eta) * Y2) by (apply Rmult_lt_compat_l; lra); lra.
Qed.
End Linear.

(* The uniform mode. In the PDE it is stable iff z > 1; the implicit step damps more: the layer's iff z (1 + h w) > 1. *)
Theorem shadow_uniform_stable_iff : forall u z eta, 0 < u < 1 / 2 -> 0 < z -> 0 < eta ->
  (mode_decays_in_pde u z eta 0 0 <-> 1 < z) /\ (mode_decays_in_layer u z eta 0 0 <-> 0 < uniform_margin z eta).
Proof.
  intros u z eta Hu Hz He.
  assert (Pz : 0 < eta * z) by (apply Rmult_lt_0_compat; assumption).
  assert (Pe : 0 < eta * z * eta) by (apply Rmult_lt_0_compat; assumption).
  assert (Pu : 0 < eta * z * eta * u) by (apply Rmult_lt_0_compat; lra).
  assert (Pw : 0 < eta * z * eta * (1 - 2 * u)) by (apply Rmult_lt_0_compat; lra).
  split.
  - transitivity (forall x, characteristic (pde_trace u z eta 0 0) (pde_determinant u z eta 0 0) x -> fst x < 0).
    + split; intros H x E; apply H; apply eigenvalue_iff; exact E.
    + rewrite hurwitz_iff; unfold pde_trace, pde_determinant, normalised_jacobian_uu, normalised_jacobian_uv,
        normalised_jacobian_vu, normalised_jacobian_vv.
      split; [intros [H _]; nra|intro H; split; nra].
  - set (tr := amplification_trace u z eta 0 0); set (dt := amplification_determinant u z eta 0 0).
    transitivity (forall x, characteristic tr dt x -> Cmod x < 1).
    + assert (E : tr = amplification_uu u z eta 0 0 + amplification_vv u z eta 0 0 /\
        dt = amplification_uu u z eta 0 0 * amplification_vv u z eta 0 0 - amplification_uv u z eta 0 0 * amplification_vu u z eta 0 0).
      { unfold tr, dt, amplification_trace, amplification_determinant, amplification_uu, amplification_uv,
          amplification_vu, amplification_vv; split; field; lra. }
      destruct E as [E1 E2]; rewrite E1, E2; split; intros H x E; apply H; apply eigenvalue_iff; exact E.
    + rewrite jury_iff; set (q := (1 + eta * z) * (1 + eta)).
      assert (Q : 0 < q) by (unfold q; apply Rmult_lt_0_compat; lra).
      assert (D1 : (1 - dt) * q = eta * (z * (1 + eta) - 1)) by (unfold dt, amplification_determinant, q; field; lra).
      assert (D2 : (1 - tr + dt) * q = eta * z * eta * (1 - 2 * u))
        by (unfold tr, dt, amplification_trace, amplification_determinant, q; field; lra).
      assert (D3 : (1 + tr + dt) * q = 4 + 6 * eta + 2 * (eta * z) + eta * z * eta + 2 * (eta * z * eta * u))
        by (unfold tr, dt, amplification_trace, amplification_determinant, q; field; lra).
      unfold uniform_margin; split.
      * intros [H _]; assert (0 < (1 - dt) * q) by (apply Rmult_lt_0_compat; lra); nra.
      * intro H; assert (0 < eta * (z * (1 + eta) - 1)) by (apply Rmult_lt_0_compat; lra); repeat split; nra.
Qed.

(* Clips with conductances: the exact condition, with no eigenvector in it. *)
Section Clips.
Variables (T : nat) (kappa : nat -> R) (u z eta dv : R).
Hypothesis HT : (0 < T)%nat.
Hypothesis HK : conductances T kappa.
Hypothesis Heta : 0 < eta.
Hypothesis Hz : 0 < z.
Hypothesis Hdv : 0 <= dv.
Let DL := clips_diffuse T kappa HK.

Definition next_p (p : R) (q : nat -> R) : R := (p - 2 * eta * mean T q) / (1 + eta * z).
Definition next_q (p : R) (q : nat -> R) : nat -> R :=
  wsolve T (fun _ => 1 + eta) dv kappa (fun i => (1 + 2 * eta) * q i + eta * z * (1 - u) * next_p p q).

Lemma next_is_step : forall p q, linear_shadow T (wlap T kappa) u z eta dv p q (next_p p q) (next_q p q).
Proof.
  intros p q; assert (Pz : 0 < eta * z) by (apply Rmult_lt_0_compat; assumption); split.
  - unfold linear_implicit_uu, linear_implicit_uv, linear_explicit_uu, linear_explicit_uv, next_p; field; lra.
  - intros i Hi.
    assert (S := weighted_thomas_solves T (fun _ => 1 + eta) dv kappa
      (fun i => (1 + 2 * eta) * q i + eta * z * (1 - u) * next_p p q) ltac:(intros; lra) Hdv
      ltac:(intros j Hj; apply HK; exact Hj) i Hi).
    fold (next_q p q) in S; cbv beta in S.
    unfold linear_implicit_vu, linear_implicit_vv, linear_explicit_vu, linear_explicit_vv; lra.
Qed.

Fixpoint orbit (q0 : nat -> R) (n : nat) : R * (nat -> R) :=
  match n with O => (0, q0) | S m => let (p, q) := orbit q0 m in (next_p p q, next_q p q) end.

Theorem shadow_nonuniform_grows_iff :
  (exists x, sum T x = 0 /\ dv * energy T kappa x < eta * square T x) <->
  (exists growth p q, 1 < growth /\ shadow_trajectory T (wlap T kappa) u z eta dv p q /\
     0 < square T (deviation T (q O)) /\
     forall n, growth ^ n * square T (deviation T (q O)) <= square T (deviation T (q n))).
Proof.
  assert (FE : forall x, form T (wlap T kappa) x = energy T kappa x)
    by (intro x; unfold form; rewrite wlap_energy; ring).
  split.
  - intros (x & Z & E).
    assert (Px := square_nonnegative T x).
    assert (F0 := proj1 (energy_bounds T kappa x HK)).
    assert (Pos : 0 < square T x).
    { destruct (Req_dec (square T x) 0) as [S|S]; [|lra].
      assert (0 <= dv * energy T kappa x) by (apply Rmult_le_pos; assumption); rewrite S in E; lra. }
    assert (Dx : forall i, (i < T)%nat -> deviation T x i = x i) by (intros i Hi; unfold deviation, mean; rewrite Z; unfold Rdiv; ring).
    set (mu := energy T kappa x / square T x).
    assert (Mu : mu * square T x = energy T kappa x) by (unfold mu; field; lra).
    assert (Mu0 : 0 <= mu) by (unfold mu; apply quotient_nonnegative; assumption).
    assert (B : 0 <= mu * dv) by (apply Rmult_le_pos; assumption).
    assert (Small : mu * dv < eta).
    { apply (Rmult_lt_reg_r (square T x)); [exact Pos|]; replace (mu * dv * square T x) with (dv * (mu * square T x)) by ring.
      rewrite Mu; exact E. }
    assert (V := multiplier_value eta (mu * dv) Heta B); set (r := multiplier eta (mu * dv)) in *.
    assert (R1 : 1 < r).
    { destruct (Rlt_le_dec 1 r) as [P|N]; [exact P|exfalso].
      assert (r * (1 + eta + mu * dv) <= 1 * (1 + eta + mu * dv)) by (apply Rmult_le_compat_r; lra); lra. }
    assert (Sq : square T (deviation T x) = square T x)
      by (unfold square; apply sum_ext; intros i Hi; rewrite (Dx i Hi); reflexivity).
    assert (En : energy T kappa (deviation T x) = energy T kappa x).
    { unfold energy; apply sum_ext; intros i Hi; rewrite !Dx by lia; reflexivity. }
    exists (r ^ 2), (fun n => fst (orbit x n)), (fun n => snd (orbit x n)).
    assert (Tr : shadow_trajectory T (wlap T kappa) u z eta dv (fun n => fst (orbit x n)) (fun n => snd (orbit x n))).
    { intro n; simpl; destruct (orbit x n) as [p q]; apply next_is_step. }
    split; [simpl; nra|split; [exact Tr|split; [simpl; rewrite Sq; exact Pos|]]].
    apply (shadow_deviation_grows T (wlap T kappa) u z eta dv HT DL Heta Hdv mu _ _ Mu0 Tr).
    + simpl; rewrite Sq; exact Pos.
    + simpl; rewrite FE, Sq, En, Mu; lra.
  - intros (g & p & q & G & Tr & Pos & Grow).
    exists (deviation T (q 1%nat)); split; [apply deviation_mean; exact HT|].
    rewrite <- FE; apply (shadow_growth_needs T (wlap T kappa) u z eta dv HT DL Heta _ _ _ _ (Tr O)).
    specialize (Grow 1%nat); simpl in Grow.
    assert (1 * square T (deviation T (q 0%nat)) < g * square T (deviation T (q 0%nat))) by (apply Rmult_lt_compat_r; assumption).
    lra.
Qed.

(* Two parts of a video that a cut separates always grow apart: energy 0. *)
Theorem segments_grow_apart : forall m, (0 < m < T)%nat -> kappa (m - 1)%nat = 0 ->
  exists growth p q, 1 < growth /\ shadow_trajectory T (wlap T kappa) u z eta dv p q /\
     0 < square T (deviation T (q O)) /\
     forall n, growth ^ n * square T (deviation T (q O)) <= square T (deviation T (q n)).
Proof.
  intros m Hm Cut; apply shadow_nonuniform_grows_iff.
  exists (fun i => if (i <? m)%nat then INR (T - m) else - INR m).
  set (x := fun i => if (i <? m)%nat then INR (T - m) else - INR m).
  assert (E : energy T kappa x = 0).
  { unfold energy; rewrite (sum_ext (T - 1) _ (fun _ => 0)); [rewrite sum_constant; ring|].
    intros i Hi; unfold x; destruct (Nat.ltb_spec (S i) m), (Nat.ltb_spec i m); try lia; try ring.
    replace i with (m - 1)%nat by lia; rewrite Cut; ring. }
  assert (P1 : 0 < INR m) by (apply lt_0_INR; lia).
  assert (P2 : 0 < INR (T - m)) by (apply lt_0_INR; lia).
  split.
  - assert (Pre : forall n, (n <= m)%nat -> sum n x = INR n * INR (T - m)).
    { induction n as [|n IH]; intro H; [simpl; ring|]; cbn [sum]; rewrite IH, S_INR by lia.
      unfold x; destruct (Nat.ltb_spec n m); [ring|lia]. }
    assert (Post : forall n, sum (m + n) x = INR m * INR (T - m) - INR n * INR m).
    { induction n as [|n IH].
      - replace (m + 0)%nat with m by lia; rewrite Pre by lia; simpl; ring.
      - replace (m + S n)%nat with (S (m + n)) by lia; cbn [sum]; rewrite IH, S_INR; unfold x.
        destruct (Nat.ltb_spec (m + n) m); [lia|ring]. }
    replace T with (m + (T - m))%nat at 1 by lia; rewrite Post; ring.
  - rewrite E; assert (S0 := square_nonnegative T x).
    assert (square T x <> 0).
    { intro Z; assert (X := square_zero T x Z O ltac:(lia)); unfold x in X.
      destruct (Nat.ltb_spec 0 m); [lra|lia]. }
    assert (0 < eta * square T x) by (apply Rmult_lt_0_compat; lra); lra.
Qed.
End Clips.
