(* Cosine.v: cosines diagonalise the reflecting clip Laplacian, and every field is a sum of them, for every T.

   Words used here:
     T              number of clips, T >= 1
     cosine T j i   mode j at clip i: cos (j pi (i + 1/2) / T), j = 0 .. T - 1
     mu T j         its eigenvalue 4 sin^2 (j pi / 2T): the generated mode_eigenvalue at wavelength 2T/j clips
     weight T j     1/T for j = 0, 2/T for j >= 1
     coefficient T x j   weight T j * sum over i of x i * cosine T j i *)
From Coq Require Import Reals Lra Lia Psatz PeanoNat.
From RDMF Require Import Generated ClipLaplacian.
Open Scope R_scope.

Definition angle (T j : nat) : R := INR j * PI / INR T.
Definition cosine (T j i : nat) : R := cos (angle T j * (INR i + 1 / 2)).
Definition mu (T j : nat) : R := 4 * sin (angle T j / 2) ^ 2.

Lemma clips_positive : forall T, (0 < T)%nat -> 0 < INR T.
Proof. intros; apply lt_0_INR; assumption. Qed.

(* mu is the eigenvalue that the formulas use: mode j of T clips has wavelength 2 T / j. *)
Theorem mu_is_mode_eigenvalue : forall T j, (0 < T)%nat -> (0 < j)%nat ->
  mu T j = mode_eigenvalue (2 * INR T / INR j).
Proof.
  intros T j HT Hj; assert (P := clips_positive T HT); assert (Q := clips_positive j Hj).
  unfold mu, mode_eigenvalue, angle; do 3 f_equal; field; lra.
Qed.

Theorem mu_bounds : forall T j, 0 <= mu T j <= 4.
Proof.
  intros; unfold mu; assert (S := SIN_bound (angle T j / 2)); split; nra.
Qed.

Lemma mu_cos : forall T j, mu T j = 2 - 2 * cos (angle T j).
Proof.
  intros; unfold mu; replace (angle T j) with (2 * (angle T j / 2)) at 2 by field.
  rewrite cos_2a_sin; ring.
Qed.

Lemma cos_neighbours : forall a x, cos (a * (x - 1)) + cos (a * (x + 1)) = 2 * cos a * cos (a * x).
Proof.
  intros; replace (a * (x - 1)) with (a * x - a) by ring; replace (a * (x + 1)) with (a * x + a) by ring.
  rewrite cos_minus, cos_plus; ring.
Qed.

(* The eigenvector equation, reflecting ends included. *)
Theorem cosine_diagonalises : forall T j i, (i < T)%nat -> lap T (cosine T j) i = - mu T j * cosine T j i.
Proof.
  intros T j i Hi; assert (P := clips_positive T ltac:(lia)).
  assert (E : lap T (cosine T j) i =
    (cos (angle T j * (INR i + 1 / 2 - 1)) - cosine T j i) + (cos (angle T j * (INR i + 1 / 2 + 1)) - cosine T j i)).
  { rewrite lap_differences by exact Hi; f_equal.
    - destruct (Nat.eqb_spec i 0).
      + subst i; unfold cosine; simpl INR.
        replace (angle T j * (0 + 1 / 2 - 1)) with (- (angle T j * (0 + 1 / 2))) by field; rewrite cos_neg; ring.
      + unfold cosine at 1; rewrite minus_INR by lia; simpl (INR 1); do 3 f_equal; ring.
    - destruct (Nat.eqb_spec (S i) T) as [ET|N].
      + assert (EI : INR i = INR T - 1) by (rewrite <- ET, S_INR; ring).
        assert (Full : angle T j * INR T = INR j * PI) by (unfold angle; field; lra).
        unfold cosine; rewrite EI.
        replace (angle T j * (INR T - 1 + 1 / 2 + 1)) with (INR j * PI + angle T j / 2) by (rewrite <- Full; field).
        replace (angle T j * (INR T - 1 + 1 / 2)) with (INR j * PI - angle T j / 2) by (rewrite <- Full; field).
        rewrite cos_plus, cos_minus.
        assert (Z : sin (INR j * PI) = 0) by (apply sin_eq_0_1; exists (Z.of_nat j); rewrite <- INR_IZR_INZ; reflexivity).
        rewrite Z; ring.
      + unfold cosine at 1; rewrite S_INR; do 3 f_equal; ring. }
  rewrite E, mu_cos.
  assert (N := cos_neighbours (angle T j) (INR i + 1 / 2)); unfold cosine in *; lra.
Qed.

(* Distinct modes have distinct eigenvalues, increasing with j. *)
Theorem mu_increases : forall T j l, (j < l)%nat -> (l < T)%nat -> mu T j < mu T l.
Proof.
  intros T j l H1 H2; assert (P := clips_positive T ltac:(lia)); assert (PI0 := PI_RGT_0).
  rewrite !mu_cos.
  assert (A : forall n, (n <= T)%nat -> 0 <= angle T n <= PI).
  { intros n Hn; unfold angle; apply le_INR in Hn; assert (N := pos_INR n).
    assert (E : INR n * PI / INR T * INR T = INR n * PI) by (field; lra).
    set (t := INR n * PI / INR T) in *; split; nra. }
  assert (Aj := A j ltac:(lia)); assert (Al := A l ltac:(lia)).
  assert (L : angle T j < angle T l).
  { unfold angle; apply lt_INR in H1.
    assert (E1 : INR j * PI / INR T * INR T = INR j * PI) by (field; lra).
    assert (E2 : INR l * PI / INR T * INR T = INR l * PI) by (field; lra).
    set (s := INR j * PI / INR T) in *; set (t := INR l * PI / INR T) in *; nra. }
  assert (C := cos_decreasing_1 (angle T j) (angle T l)); lra.
Qed.

(* Completeness: the sum over j of weight * cosine j i * cosine j l is 1 if i = l and 0 if not. *)
Definition weight (T j : nat) : R := match j with O => 1 / INR T | _ => 2 / INR T end.
Definition coefficient (T : nat) (x : nat -> R) (j : nat) : R := weight T j * sum T (fun i => x i * cosine T j i).

(* Dirichlet's kernel: 2 sin (t/2) (1/2 + cos t + ... + cos (n t)) = sin ((n + 1/2) t). *)
Lemma dirichlet : forall t n, 2 * sin (t / 2) * (1 / 2 + sum n (fun j => cos (INR (S j) * t))) = sin ((INR n + 1 / 2) * t).
Proof.
  intros t; induction n as [|n IH].
  - simpl; replace ((0 + 1 / 2) * t) with (t / 2) by field; field.
  - transitivity (2 * sin (t / 2) * (1 / 2 + sum n (fun j => cos (INR (S j) * t)))
                  + 2 * sin (t / 2) * cos (INR (S n) * t)); [cbn [sum]; ring|].
    rewrite IH, S_INR.
    replace ((INR n + 1 / 2) * t) with ((INR n + 1) * t - t / 2) by field.
    replace ((INR n + 1 + 1 / 2) * t) with ((INR n + 1) * t + t / 2) by field.
    rewrite sin_minus, sin_plus; ring.
Qed.

Lemma sin_cos_multiple : forall n, sin (INR n * PI) = 0 /\ cos (INR n * PI) = (-1) ^ n.
Proof.
  induction n as [|n [S C]]; [simpl; rewrite Rmult_0_l, sin_0, cos_0; split; reflexivity|].
  rewrite S_INR; replace ((INR n + 1) * PI) with (INR n * PI + PI) by ring.
  rewrite neg_sin, neg_cos, S, C; simpl; split; ring.
Qed.

(* At t = n pi / T with 0 < n < 2T the kernel up to T - 1 is - (-1)^n / 2. *)
Lemma kernel_value : forall T n, (0 < n < 2 * T)%nat ->
  1 / 2 + sum (T - 1) (fun j => cos (INR (S j) * (INR n * PI / INR T))) = - (-1) ^ n / 2.
Proof.
  intros T n Hn; assert (P := clips_positive T ltac:(lia)); assert (PI0 := PI_RGT_0).
  set (t := INR n * PI / INR T).
  assert (D := dirichlet t (T - 1)); rewrite minus_INR in D by lia; simpl (INR 1) in D.
  assert (Tt : INR T * t = INR n * PI) by (unfold t; field; lra).
  replace ((INR T - 1 + 1 / 2) * t) with (INR n * PI - t / 2) in D by (rewrite <- Tt; field).
  destruct (sin_cos_multiple n) as [S C]; rewrite sin_minus, S, C in D.
  assert (Pos : 0 < sin (t / 2)).
  { assert (N1 : 0 < INR n) by (apply clips_positive; lia).
    assert (N2 : INR n < 2 * INR T) by (replace 2 with (INR 2) by (simpl; ring); rewrite <- mult_INR; apply lt_INR; lia).
    apply sin_gt_0; nra. }
  apply (Rmult_eq_reg_l (2 * sin (t / 2))); [rewrite D; field|lra].
Qed.

Lemma product_of_cosines : forall T j i l, (l <= i)%nat ->
  2 * (cosine T j i * cosine T j l) =
  cos (INR j * (INR (i + l + 1) * PI / INR T)) + cos (INR j * (INR (i - l) * PI / INR T)).
Proof.
  intros T j i l H; unfold cosine.
  replace (INR j * (INR (i + l + 1) * PI / INR T)) with (angle T j * (INR i + 1 / 2) + angle T j * (INR l + 1 / 2))
    by (rewrite !plus_INR; simpl (INR 1); transitivity (angle T j * (INR i + INR l + 1)); [field|unfold angle, Rdiv; ring]).
  replace (INR j * (INR (i - l) * PI / INR T)) with (angle T j * (INR i + 1 / 2) - angle T j * (INR l + 1 / 2))
    by (unfold angle; rewrite minus_INR by exact H; unfold Rdiv; ring).
  rewrite cos_plus, cos_minus; ring.
Qed.

Theorem cosines_complete : forall T i l, (i < T)%nat -> (l < T)%nat ->
  sum T (fun j => weight T j * (cosine T j i * cosine T j l)) = if (i =? l)%nat then 1 else 0.
Proof.
  intros T; assert (Key : forall i l, (i < T)%nat -> (l <= i)%nat ->
    sum T (fun j => weight T j * (cosine T j i * cosine T j l)) = if (i =? l)%nat then 1 else 0).
  { intros i l Hi Hl; assert (P := clips_positive T ltac:(lia)).
    destruct T as [|n]; [lia|].
    assert (Sh : forall f, sum (S n) f = f O + sum n (fun j => f (S j))).
    { intro f; clear; induction n as [|n IH]; [simpl; ring|].
      change (sum (S (S n)) f) with (sum (S n) f + f (S n)); rewrite IH; simpl; ring. }
    rewrite Sh.
    rewrite (sum_ext n _ (fun j => 1 / INR (S n) * cos (INR (S j) * (INR (i + l + 1) * PI / INR (S n)))
                                 + 1 / INR (S n) * cos (INR (S j) * (INR (i - l) * PI / INR (S n))))).
    2: { intros j Hj; transitivity (1 / INR (S n) * (2 * (cosine (S n) (S j) i * cosine (S n) (S j) l)));
           [unfold weight; field; lra|rewrite product_of_cosines by exact Hl; field; lra]. }
    rewrite sum_linear.
    assert (K1 := kernel_value (S n) (i + l + 1) ltac:(lia)); replace (S n - 1)%nat with n in K1 by lia.
    assert (C0 : forall m, cosine (S n) 0 m = 1).
    { intro m; unfold cosine, angle; simpl (INR 0); replace (0 * PI / INR (S n) * (INR m + 1 / 2)) with 0 by (field; lra); apply cos_0. }
    rewrite !C0; unfold weight at 1.
    destruct (Nat.eqb_spec i l) as [E|N].
    - subst l; replace (i - i)%nat with O by lia.
      rewrite (sum_ext n (fun j => cos (INR (S j) * (INR 0 * PI / INR (S n)))) (fun _ => 1)).
      2: { intros j Hj; simpl (INR 0); replace (INR (S j) * (0 * PI / INR (S n))) with 0 by (field; lra); apply cos_0. }
      rewrite sum_constant.
      assert (Odd : (-1) ^ (i + i + 1) = -1) by (replace (i + i + 1)%nat with (S (2 * i)) by lia; apply pow_1_odd).
      rewrite Odd in K1.
      assert (E1 : sum n (fun j => cos (INR (S j) * (INR (i + i + 1) * PI / INR (S n)))) = 0) by lra.
      rewrite E1; rewrite S_INR in *; field; lra.
    - assert (K2 := kernel_value (S n) (i - l) ltac:(lia)); replace (S n - 1)%nat with n in K2 by lia.
      assert (Opp : (-1) ^ (i + l + 1) = - (-1) ^ (i - l)).
      { replace (i + l + 1)%nat with (i - l + S (2 * l))%nat by lia; rewrite pow_add, pow_1_odd; ring. }
      rewrite Opp in K1.
      set (s1 := sum n (fun j => cos (INR (S j) * (INR (i + l + 1) * PI / INR (S n))))) in *.
      set (s2 := sum n (fun j => cos (INR (S j) * (INR (i - l) * PI / INR (S n))))) in *.
      replace s1 with (- 1 - s2) by lra; field; lra. }
  intros i l Hi Hl; destruct (Nat.le_ge_cases l i) as [L|L]; [apply Key; assumption|].
  rewrite (sum_ext T _ (fun j => weight T j * (cosine T j l * cosine T j i))) by (intros; ring).
  rewrite (Key l i Hl L), Nat.eqb_sym; reflexivity.
Qed.

Lemma sum_swap : forall n m f, sum n (fun i => sum m (fun j => f i j)) = sum m (fun j => sum n (fun i => f i j)).
Proof.
  induction n as [|n IH]; intros m f; simpl.
  - induction m; simpl; [reflexivity|rewrite <- IHm; ring].
  - rewrite IH; clear IH; induction m as [|m IH]; simpl; [ring|rewrite <- IH; ring].
Qed.

Lemma sum_scale : forall n c f, sum n (fun i => c * f i) = c * sum n f.
Proof. induction n; intros; simpl; [ring|rewrite IHn; ring]. Qed.

Lemma sum_pick : forall n l f, (l < n)%nat -> sum n (fun i => f i * (if (i =? l)%nat then 1 else 0)) = f l.
Proof.
  induction n as [|n IH]; intros l f H; [lia|simpl; destruct (Nat.eqb_spec n l) as [E|N]].
  - subst l; rewrite (sum_ext n _ (fun _ => 0)); [rewrite sum_constant; ring|].
    intros i Hi; destruct (Nat.eqb_spec i n); [lia|ring].
  - rewrite IH by lia; ring.
Qed.

(* Every field is the sum of its modes. *)
Theorem field_is_sum_of_modes : forall T x i, (i < T)%nat ->
  x i = sum T (fun j => coefficient T x j * cosine T j i).
Proof.
  intros T x i Hi; unfold coefficient.
  rewrite (sum_ext T _ (fun j => sum T (fun l => x l * (weight T j * (cosine T j l * cosine T j i))))).
  - rewrite sum_swap.
    rewrite (sum_ext T _ (fun l => x l * (if (l =? i)%nat then 1 else 0))); [symmetry; apply sum_pick; exact Hi|].
    intros l Hl; rewrite sum_scale, cosines_complete by assumption; reflexivity.
  - intros j Hj; transitivity (weight T j * cosine T j i * sum T (fun l => x l * cosine T j l)); [ring|].
    rewrite <- sum_scale; apply sum_ext; intros; ring.
Qed.
