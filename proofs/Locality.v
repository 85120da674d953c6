(* Locality.v: what happens at clip j is felt at clip i by at most ratio^|i - j|: halos give certified windows.

   Words used here:
     A, beta        the system A i * x i - beta * lap T x i = b i of one step, A i >= alpha > 0, beta > 0
     ratio          decay per clip, 1 + alpha/(2 beta) - sqrt ((1 + alpha/(2 beta))^2 - 1)
     half N p       a source's profile p clips away when the reflecting end is N clips away
     barrier        the profile to both sides of the source; a supersolution (maximum principle)
     window         the first W of T clips solved alone, with a reflecting end of its own *)
From Coq Require Import Reals Lra Lia Psatz PeanoNat.
From RDMF Require Import Generated ClipLaplacian.
Open Scope R_scope.

Definition ratio (alpha beta : R) : R := 1 + alpha / (2 * beta) - sqrt ((1 + alpha / (2 * beta)) ^ 2 - 1).
Definition distance (i j : nat) : nat := (i - j + (j - i))%nat.

Theorem ratio_root : forall alpha beta, 0 < alpha -> 0 < beta ->
  0 < ratio alpha beta < 1 /\ beta * (1 - ratio alpha beta) ^ 2 = alpha * ratio alpha beta.
Proof.
  intros alpha beta Ha Hb; unfold ratio; set (t := alpha / (2 * beta)).
  assert (Ht : 0 < t) by (apply Rdiv_lt_0_compat; lra).
  assert (Et : alpha = 2 * beta * t) by (unfold t; field; lra).
  assert (S2 : sqrt ((1 + t) ^ 2 - 1) * sqrt ((1 + t) ^ 2 - 1) = (1 + t) ^ 2 - 1) by (apply sqrt_sqrt; nra).
  assert (S0 := sqrt_pos ((1 + t) ^ 2 - 1)).
  set (r := sqrt ((1 + t) ^ 2 - 1)) in *.
  assert (r < 1 + t) by nra; assert (t < r) by nra.
  split; [lra|rewrite Et].
  transitivity (beta * (t ^ 2 - 2 * t * r + r * r)); [ring|rewrite S2; ring].
Qed.

Section Decay.
Variables (alpha beta rho : R).
Hypothesis Ha : 0 < alpha.
Hypothesis Hb : 0 < beta.
Hypothesis Hr : 0 < rho < 1.
Hypothesis Root : beta * (1 - rho) ^ 2 = alpha * rho.

Definition half (N p : nat) : R := rho ^ p + rho ^ (2 * N + 1 - p).

Lemma power_bounds : forall n, 0 < rho ^ n <= 1.
Proof.
  induction n; simpl; [lra|]. split; [apply Rmult_lt_0_compat; lra|nra].
Qed.

Lemma half_positive : forall N p, 0 < half N p.
Proof. intros; unfold half; assert (P := power_bounds p); assert (Q := power_bounds (2 * N + 1 - p)); lra. Qed.

Lemma half_end : forall N, half N (N + 1) = half N N.
Proof.
  intro; unfold half; replace (2 * N + 1 - (N + 1))%nat with N by lia; replace (2 * N + 1 - N)%nat with (N + 1)%nat by lia; ring.
Qed.

(* Away from the source the profile solves the homogeneous equation. *)
Lemma half_recurrence : forall N p, (p < N)%nat ->
  beta * (half N (S (S p)) + half N p) = (alpha + 2 * beta) * half N (S p).
Proof.
  intros N p H; unfold half.
  replace (2 * N + 1 - p)%nat with (S (S (2 * N - 1 - p))) by lia.
  replace (2 * N + 1 - S p)%nat with (S (2 * N - 1 - p)) by lia.
  replace (2 * N + 1 - S (S p))%nat with (2 * N - 1 - p)%nat by lia.
  cbn [pow]; set (x := rho ^ p); set (y := rho ^ (2 * N - 1 - p)).
  assert (E : beta * (1 + rho * rho) = (alpha + 2 * beta) * rho) by lra.
  transitivity ((x + y) * (beta * (1 + rho * rho))); [ring|rewrite E; ring].
Qed.

Lemma half_bound : forall N p, (p <= N)%nat -> half N p <= rho ^ p * (1 + rho).
Proof.
  intros N p H; unfold half.
  replace (2 * N + 1 - p)%nat with (p + (S (2 * (N - p))))%nat by lia; rewrite pow_add; cbn [pow].
  assert (P := power_bounds p); assert (Q := power_bounds (2 * (N - p))).
  assert (rho * rho ^ (2 * (N - p)) <= rho) by nra.
  assert (rho ^ p * (rho * rho ^ (2 * (N - p))) <= rho ^ p * rho) by (apply Rmult_le_compat_l; lra); lra.
Qed.

(* Source at clip j of T = j + 1 + n clips. *)
Variables (j n : nat).
Let T := (j + 1 + n)%nat.
Definition barrier (i : nat) : R :=
  if (i <=? j)%nat then half j (j - i) * half n 0 else half n (i - j) * half j 0.

Lemma barrier_positive : forall i, 0 < barrier i.
Proof. intro; unfold barrier; destruct (i <=? j)%nat; apply Rmult_lt_0_compat; apply half_positive. Qed.

Lemma barrier_bound : forall i, (i < T)%nat -> barrier i <= rho ^ distance i j * (1 + rho) ^ 2.
Proof.
  intros i Hi; unfold barrier, distance, T in *.
  assert (B : forall N M p, (p <= N)%nat -> half N p * half M 0 <= rho ^ p * (1 + rho) ^ 2).
  { intros N M p H; assert (X := half_bound N p H); assert (Y := half_bound M 0 ltac:(lia)); simpl (rho ^ 0) in Y.
    assert (P := power_bounds p).
    apply Rle_trans with (rho ^ p * (1 + rho) * (1 * (1 + rho))); [|right; ring].
    apply Rmult_le_compat; try (apply Rlt_le, half_positive); assumption. }
  destruct (Nat.leb_spec i j).
  - replace (i - j + (j - i))%nat with (j - i)%nat by lia; apply B; lia.
  - replace (i - j + (j - i))%nat with (i - j)%nat by lia; apply B; lia.
Qed.

Lemma barrier_left : forall i, (i <= j)%nat -> barrier i = half j (j - i) * half n 0.
Proof. intros i H; unfold barrier; destruct (Nat.leb_spec i j); [reflexivity|lia]. Qed.

Lemma barrier_right : forall i, (j <= i)%nat -> barrier i = half n (i - j) * half j 0.
Proof.
  intros i H; unfold barrier; destruct (Nat.leb_spec i j); [|reflexivity].
  replace (j - i)%nat with O by lia; replace (i - j)%nat with O by lia; ring.
Qed.

(* The reflecting ends are already in the profile: one more clip would carry the same value. *)
Lemma barrier_laplacian : forall i, (i < T)%nat -> lap T barrier i =
  (if (i =? 0)%nat then half j (j + 1) * half n 0 - barrier i else barrier (i - 1)%nat - barrier i) +
  (if (S i =? T)%nat then half n (n + 1) * half j 0 - barrier i else barrier (S i) - barrier i).
Proof.
  intros i Hi; rewrite lap_differences by exact Hi; f_equal.
  - destruct (Nat.eqb_spec i 0); [|reflexivity].
    subst i; rewrite barrier_left, half_end by lia; replace (j - 0)%nat with j by lia; ring.
  - destruct (Nat.eqb_spec (S i) T); [|reflexivity].
    rewrite barrier_right, half_end by lia; replace (i - j)%nat with n by lia; ring.
Qed.

Lemma barrier_homogeneous : forall i, (i < T)%nat -> i <> j -> alpha * barrier i - beta * lap T barrier i = 0.
Proof.
  intros i Hi Nij; rewrite barrier_laplacian by exact Hi; unfold T in *.
  destruct (Nat.lt_ge_cases i j) as [L|L].
  - destruct (Nat.eqb_spec (S i) (j + 1 + n)); [lia|].
    rewrite (barrier_left i), (barrier_left (S i)) by lia.
    assert (E := half_recurrence j (j - S i) ltac:(lia)).
    replace (S (j - S i)) with (j - i)%nat in E by lia.
    assert (Pred : (if (i =? 0)%nat then half j (j + 1) * half n 0 - half j (j - i) * half n 0
             else barrier (i - 1)%nat - half j (j - i) * half n 0) = (half j (S (j - i)) - half j (j - i)) * half n 0).
    { destruct (Nat.eqb_spec i 0); [subst i; replace (S (j - 0)) with (j + 1)%nat by lia; ring|].
      rewrite barrier_left by lia; replace (j - (i - 1))%nat with (S (j - i)) by lia; ring. }
    rewrite Pred.
    transitivity (half n 0 * ((alpha + 2 * beta) * half j (j - i) - beta * (half j (S (j - i)) + half j (j - S i)))); [ring|].
    rewrite E; ring.
  - destruct (Nat.eqb_spec i 0); [lia|].
    rewrite (barrier_right i), (barrier_right (i - 1)%nat) by lia.
    assert (E := half_recurrence n (i - 1 - j) ltac:(lia)).
    replace (S (i - 1 - j)) with (i - j)%nat in E by lia.
    assert (Succ : (if (S i =? j + 1 + n)%nat then half n (n + 1) * half j 0 - half n (i - j) * half j 0
             else barrier (S i) - half n (i - j) * half j 0) = (half n (S (i - j)) - half n (i - j)) * half j 0).
    { destruct (Nat.eqb_spec (S i) (j + 1 + n)); [replace (S (i - j)) with (n + 1)%nat by lia; ring|].
      rewrite barrier_right by lia; replace (S i - j)%nat with (S (i - j)) by lia; ring. }
    rewrite Succ.
    transitivity (half j 0 * ((alpha + 2 * beta) * half n (i - j) - beta * (half n (S (i - j)) + half n (i - 1 - j)))); [ring|].
    rewrite E; ring.
Qed.

Lemma half_one : forall N, rho * half N 1 = rho * rho + rho ^ (2 * N + 1).
Proof. intro N; unfold half; replace (2 * N + 1)%nat with (S (2 * N)) by lia; replace (S (2 * N) - 1)%nat with (2 * N)%nat by lia; cbn [pow]; ring. Qed.

Lemma barrier_source : beta * (1 - rho ^ 2) ^ 2 <= rho * (alpha * barrier j - beta * lap T barrier j).
Proof.
  rewrite barrier_laplacian by (unfold T; lia).
  assert (Left : (if (j =? 0)%nat then half j (j + 1) * half n 0 - barrier j else barrier (j - 1)%nat - barrier j)
                 = half j 1 * half n 0 - barrier j).
  { destruct (Nat.eqb_spec j 0) as [E|N]; [rewrite E; reflexivity|].
    rewrite (barrier_left (j - 1)%nat) by lia; replace (j - (j - 1))%nat with 1%nat by lia; reflexivity. }
  assert (Right : (if (S j =? T)%nat then half n (n + 1) * half j 0 - barrier j else barrier (S j) - barrier j)
                  = half n 1 * half j 0 - barrier j).
  { destruct (Nat.eqb_spec (S j) T) as [E|N]; [replace n with O by (unfold T in E; lia); reflexivity|].
    rewrite (barrier_right (S j)) by lia; replace (S j - j)%nat with 1%nat by lia; reflexivity. }
  rewrite Left, Right, barrier_left by lia; replace (j - j)%nat with O by lia.
  assert (Ej := half_one j); assert (En := half_one n).
  assert (Zj : half j 0 = 1 + rho ^ (2 * j + 1)) by (unfold half; rewrite Nat.sub_0_r; reflexivity).
  assert (Zn : half n 0 = 1 + rho ^ (2 * n + 1)) by (unfold half; rewrite Nat.sub_0_r; reflexivity).
  rewrite Zj, Zn in *.
  assert (Pj : 0 < rho ^ (2 * j + 1) <= rho).
  { rewrite pow_add, pow_1; assert (P := power_bounds (2 * j)); split; nra. }
  assert (Pn : 0 < rho ^ (2 * n + 1) <= rho).
  { rewrite pow_add, pow_1; assert (P := power_bounds (2 * n)); split; nra. }
  set (x := rho ^ (2 * j + 1)) in *; set (y := rho ^ (2 * n + 1)) in *.
  assert (E : beta * (1 + rho * rho) = (alpha + 2 * beta) * rho) by lra.
  assert (Val : rho * (alpha * ((1 + x) * (1 + y)) - beta * (half j 1 * (1 + y) - (1 + x) * (1 + y)
                 + (half n 1 * (1 + x) - (1 + x) * (1 + y)))) = beta * (1 - rho * rho) * (1 - x * y)).
  { transitivity ((alpha + 2 * beta) * rho * ((1 + x) * (1 + y)) - beta * ((rho * half j 1) * (1 + y) + (rho * half n 1) * (1 + x))); [ring|].
    rewrite <- E, Ej, En; ring. }
  rewrite Val.
  assert (x * y <= rho * rho) by (apply Rmult_le_compat; lra).
  assert (0 < beta * (1 - rho * rho)) by (apply Rmult_lt_0_compat; nra).
  apply Rle_trans with (beta * (1 - rho * rho) * (1 - rho * rho)); [right; ring|apply Rmult_le_compat_l; lra].
Qed.

(* Decay of the Green's function, for any reaction A i >= alpha per clip and any number of clips. *)
Theorem green_decay : forall (A x b : nat -> R), (forall i, (i < T)%nat -> alpha <= A i) ->
  (forall i, (i < T)%nat -> A i * x i - beta * lap T x i = b i) ->
  (forall i, (i < T)%nat -> i <> j -> b i = 0) ->
  forall i, (i < T)%nat -> Rabs (x i) <= rho ^ distance i j / alpha * Rabs (b j).
Proof.
  intros A x b HA Hx Hz.
  set (W := beta * (1 - rho ^ 2) ^ 2 / rho).
  assert (W0 : 0 < W).
  { unfold W; apply Rdiv_lt_0_compat; [apply Rmult_lt_0_compat; [exact Hb|apply pow_lt; nra]|lra]. }
  assert (Src : W <= alpha * barrier j - beta * lap T barrier j).
  { assert (S := barrier_source); unfold W.
    apply (Rmult_le_reg_l rho); [lra|].
    replace (rho * (beta * (1 - rho ^ 2) ^ 2 / rho)) with (beta * (1 - rho ^ 2) ^ 2) by (field; lra); exact S. }
  set (K := Rabs (b j) / W).
  assert (KW : K * W = Rabs (b j)) by (unfold K; field; lra).
  assert (K0 : 0 <= K) by (unfold K; apply quotient_nonnegative; [apply Rabs_pos|exact W0]).
  (* K barrier +- x is a supersolution *)
  assert (Super : forall e, e = 1 \/ e = -1 -> forall i, (i < T)%nat -> 0 <= K * barrier i + e * x i).
  { intros e He.
    apply (nonnegative_solution T A beta); [intros i Hi; specialize (HA i Hi); lra|lra|].
    intros i Hi; rewrite lap_linear by exact Hi.
    assert (B := barrier_positive i); assert (X := Hx i Hi); assert (Ai := HA i Hi).
    assert (G : 0 <= K * ((A i - alpha) * barrier i)) by (apply Rmult_le_pos; [exact K0|apply Rmult_le_pos; lra]).
    destruct (Nat.eq_dec i j) as [E|N].
    - subst i; assert (Kl : K * W <= K * (alpha * barrier j - beta * lap T barrier j)) by (apply Rmult_le_compat_l; assumption).
      rewrite KW in Kl; assert (R1 := Rle_abs (b j)); assert (R2 := Rle_abs (- b j)); rewrite Rabs_Ropp in R2.
      destruct He; subst e; lra.
    - assert (Hm := barrier_homogeneous i Hi N); rewrite (Hz i Hi N) in X.
      assert (Z : K * (alpha * barrier i - beta * lap T barrier i) = 0) by (rewrite Hm; ring).
      destruct He; subst e; lra. }
  intros i Hi.
  assert (P1 := Super 1 (or_introl eq_refl) i Hi); assert (P2 := Super (-1) (or_intror eq_refl) i Hi).
  assert (Up : Rabs (x i) <= K * barrier i) by (apply Rabs_le; lra).
  assert (Bb := barrier_bound i Hi); assert (K * barrier i <= K * (rho ^ distance i j * (1 + rho) ^ 2))
    by (apply Rmult_le_compat_l; assumption).
  assert (Fin : K * (rho ^ distance i j * (1 + rho) ^ 2) = rho ^ distance i j / alpha * Rabs (b j)).
  { unfold K, W; replace alpha with (beta * (1 - rho) ^ 2 / rho) by (rewrite Root; field; lra).
    field; repeat split; try lra; try nra. }
  lra.
Qed.
End Decay.

(* A window solved alone: the error at clip i is the flux cut off, damped once per clip of halo. *)
Theorem window_error : forall alpha beta W T (A b x y : nat -> R), 0 < alpha -> 0 < beta -> (0 < W < T)%nat ->
  (forall i, (i < T)%nat -> alpha <= A i) ->
  (forall i, (i < T)%nat -> A i * x i - beta * lap T x i = b i) ->
  (forall i, (i < W)%nat -> A i * y i - beta * lap W y i = b i) ->
  forall i, (i < W)%nat ->
  Rabs (x i - y i) <= ratio alpha beta ^ (W - 1 - i) / alpha * (beta * Rabs (x W - x (W - 1)%nat)).
Proof.
  intros alpha beta W T A b x y Ha Hb HW HA Hx Hy i Hi.
  destruct (ratio_root alpha beta Ha Hb) as [R1 R2].
  assert (G := green_decay alpha beta (ratio alpha beta) Ha Hb R1 R2 (W - 1) 0 A (fun l => 1 * x l + -1 * y l)
    (fun l => if (l =? W - 1)%nat then beta * (x W - x (W - 1)%nat) else 0)).
  replace (W - 1 + 1 + 0)%nat with W in G by lia; cbv beta in G.
  replace (x i - y i) with (1 * x i + -1 * y i) by ring.
  rewrite Nat.eqb_refl in G; rewrite <- (Rabs_pos_eq beta) at 2 by lra; rewrite <- Rabs_mult.
  replace (W - 1 - i)%nat with (distance i (W - 1)) by (unfold distance; lia).
  apply G; [intros; apply HA; lia| | |exact Hi].
  - intros l Hl; rewrite lap_linear by exact Hl.
    assert (X := Hx l ltac:(lia)); assert (Y := Hy l Hl).
    assert (E : lap T x l = lap W x l + (if (l =? W - 1)%nat then x W - x (W - 1)%nat else 0)).
    { rewrite !lap_differences by lia.
      destruct (Nat.eqb_spec l (W - 1)), (Nat.eqb_spec (S l) T), (Nat.eqb_spec (S l) W); try lia; try ring.
      replace (S l) with W by lia; subst l; ring. }
    rewrite E in X; destruct (l =? W - 1)%nat; lra.
  - intros l Hl N; destruct (Nat.eqb_spec l (W - 1)); [contradiction|reflexivity].
Qed.
