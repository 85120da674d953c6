(* Spectra.v: eigenvalues of real 2x2 matrices over the complex numbers.

   Words used here:
     eigenvalue a b c d x   x (complex) is an eigenvalue of the real matrix [[a, b], [c, d]]: some nonzero
                            complex vector is stretched by x
     trace t, det e         characteristic polynomial x^2 - t x + e
     Jury conditions        e < 1, 1 - t + e > 0, 1 + t + e > 0: every eigenvalue inside the unit circle
     Hurwitz conditions     t < 0, e > 0: every eigenvalue in the open left half plane
   Used by Turing.v (continuous time) and Transfer.v (one layer step). *)
From Coq Require Import Reals Lra Psatz.
From Coquelicot Require Import Complex.
Open Scope R_scope.

Definition characteristic (t e : R) (x : C) : Prop := (x * x - RtoC t * x + RtoC e = 0)%C.

Definition eigenvalue (a b c d : R) (x : C) : Prop :=
  exists p q : C, (p, q) <> (RtoC 0, RtoC 0) /\
    (RtoC a * p + RtoC b * q = x * p)%C /\ (RtoC c * p + RtoC d * q = x * q)%C.

Lemma complex_eq : forall x y : C, fst x = fst y -> snd x = snd y -> x = y.
Proof. intros [a b] [c d]; simpl; intros; subst; reflexivity. Qed.

Lemma characteristic_parts : forall t e x y,
  characteristic t e (x, y) <-> x * x - y * y - t * x + e = 0 /\ y * (2 * x - t) = 0.
Proof.
  intros t e x y; unfold characteristic; split.
  - intro H; assert (H1 := f_equal fst H); assert (H2 := f_equal snd H); simpl in H1, H2; split; lra.
  - intros [H1 H2]; apply complex_eq; simpl; lra.
Qed.

Lemma characteristic_real : forall t e x, characteristic t e (RtoC x) <-> x * x - t * x + e = 0.
Proof. intros; unfold RtoC; rewrite characteristic_parts; split; [intros [? _]|split]; lra. Qed.

(* An eigenvector exists exactly at the roots of the characteristic polynomial. *)
Theorem eigenvalue_iff : forall a b c d x,
  eigenvalue a b c d x <-> characteristic (a + d) (a * d - b * c) x.
Proof.
  intros a b c d x; split.
  - intros (p & q & Hne & H1 & H2); unfold characteristic.
    assert (Hp : ((x * x - RtoC (a + d) * x + RtoC (a * d - b * c)) * p = 0)%C).
    { transitivity (- ((RtoC a * p + RtoC b * q - x * p) * (x - RtoC d))
                    - RtoC b * (RtoC c * p + RtoC d * q - x * q))%C.
      - rewrite RtoC_minus, RtoC_plus, !RtoC_mult; ring.
      - rewrite H1, H2; ring. }
    assert (Hq : ((x * x - RtoC (a + d) * x + RtoC (a * d - b * c)) * q = 0)%C).
    { transitivity (- ((RtoC c * p + RtoC d * q - x * q) * (x - RtoC a))
                    - RtoC c * (RtoC a * p + RtoC b * q - x * p))%C.
      - rewrite RtoC_minus, RtoC_plus, !RtoC_mult; ring.
      - rewrite H1, H2; ring. }
    destruct (Ceq_dec p 0) as [Ep|Np].
    + destruct (Ceq_dec q 0) as [Eq|Nq]; [exfalso; apply Hne; congruence|].
      destruct (Ceq_dec (x * x - RtoC (a + d) * x + RtoC (a * d - b * c))%C 0) as [E|N]; [exact E|].
      exfalso; exact (Cmult_neq_0 _ _ N Nq Hq).
    + destruct (Ceq_dec (x * x - RtoC (a + d) * x + RtoC (a * d - b * c))%C 0) as [E|N]; [exact E|].
      exfalso; exact (Cmult_neq_0 _ _ N Np Hp).
  - unfold characteristic; rewrite RtoC_minus, RtoC_plus, !RtoC_mult; intro H.
    destruct (Req_dec b 0) as [Eb|Nb]; [destruct (Req_dec c 0) as [Ec|Nc]|].
    + (* diagonal *)
      subst b c.
      assert (H' : ((x - RtoC a) * (x - RtoC d) = 0)%C) by (rewrite <- H; ring).
      destruct (Ceq_dec (x - RtoC a)%C 0) as [E|N].
      * exists (RtoC 1), (RtoC 0); split; [intro X; inversion X; lra|split; [|ring]].
        replace x with (x - RtoC a + RtoC a)%C by ring; rewrite E; ring.
      * destruct (Ceq_dec (x - RtoC d)%C 0) as [E|N']; [|exfalso; exact (Cmult_neq_0 _ _ N N' H')].
        exists (RtoC 0), (RtoC 1); split; [intro X; inversion X; lra|split; [ring|]].
        replace x with (x - RtoC d + RtoC d)%C by ring; rewrite E; ring.
    + exists (x - RtoC d)%C, (RtoC c); split; [intro X; inversion X; lra|split; [|ring]].
      subst b.
      transitivity (x * (x - RtoC d) - (x * x - (RtoC a + RtoC d) * x
                      + (RtoC a * RtoC d - RtoC 0 * RtoC c)))%C; [ring|rewrite H; ring].
    + exists (RtoC b), (x - RtoC a)%C; split; [intro X; inversion X; lra|split; [ring|]].
      transitivity (x * (x - RtoC a) - (x * x - (RtoC a + RtoC d) * x
                      + (RtoC a * RtoC d - RtoC b * RtoC c)))%C; [ring|rewrite H; ring].
Qed.

(* Two real roots, or a conjugate pair. *)
Lemma real_roots : forall t e, t * t >= 4 * e ->
  let r := sqrt (t * t - 4 * e) in
  characteristic t e (RtoC ((t - r) / 2)) /\ characteristic t e (RtoC ((t + r) / 2)).
Proof.
  intros t e H r; assert (Hr : r * r = t * t - 4 * e) by (apply sqrt_sqrt; lra).
  split; apply characteristic_real; nra.
Qed.

Lemma complex_root : forall t e, t * t < 4 * e -> characteristic t e (t / 2, sqrt (4 * e - t * t) / 2).
Proof.
  intros t e H; assert (Hr : sqrt (4 * e - t * t) * sqrt (4 * e - t * t) = 4 * e - t * t)
    by (apply sqrt_sqrt; lra).
  apply characteristic_parts; nra.
Qed.

Lemma modulus_square : forall x y r, 0 <= r -> (Cmod (x, y) < r <-> x * x + y * y < r * r).
Proof.
  intros x y r Hr; unfold Cmod; simpl.
  assert (Hn : 0 <= x * (x * 1) + y * (y * 1)) by nra.
  assert (Hs := sqrt_sqrt _ Hn); assert (Hp := sqrt_pos (x * (x * 1) + y * (y * 1))).
  split; intro H; nra.
Qed.

(* Jury: every eigenvalue inside the unit circle. *)
Theorem jury_iff : forall t e,
  (forall x, characteristic t e x -> Cmod x < 1) <-> e < 1 /\ 0 < 1 - t + e /\ 0 < 1 + t + e.
Proof.
  intros t e; split.
  - intro H; destruct (Rlt_le_dec (t * t) (4 * e)) as [L|L].
    + assert (X := H _ (complex_root t e L)); apply modulus_square in X; [|lra].
      assert (Hr : sqrt (4 * e - t * t) * sqrt (4 * e - t * t) = 4 * e - t * t) by (apply sqrt_sqrt; lra).
      repeat split; nra.
    + destruct (real_roots t e) as [A B]; [lra|].
      apply H in A; apply H in B; rewrite Cmod_R in A, B.
      apply Rabs_def2 in A; apply Rabs_def2 in B.
      assert (Hr : sqrt (t * t - 4 * e) * sqrt (t * t - 4 * e) = t * t - 4 * e) by (apply sqrt_sqrt; lra).
      repeat split; nra.
  - intros (H1 & H2 & H3) [x y] X; apply characteristic_parts in X; destruct X as [X1 X2].
    apply modulus_square; [lra|].
    apply Rmult_integral in X2; destruct X2 as [Y|Y].
    + subst y; assert (x < 1) by nra; assert (-1 < x) by nra; nra.
    + nra.
Qed.

(* Hurwitz: every eigenvalue in the open left half plane. *)
Theorem hurwitz_iff : forall t e,
  (forall x, characteristic t e x -> fst x < 0) <-> t < 0 /\ 0 < e.
Proof.
  intros t e; split.
  - intro H; destruct (Rlt_le_dec (t * t) (4 * e)) as [L|L].
    + assert (X := H _ (complex_root t e L)); simpl in X; split; nra.
    + destruct (real_roots t e) as [A B]; [lra|].
      apply H in A; apply H in B; simpl in A, B.
      assert (Hr : sqrt (t * t - 4 * e) * sqrt (t * t - 4 * e) = t * t - 4 * e) by (apply sqrt_sqrt; lra).
      split; nra.
  - intros (H1 & H2) [x y] X; apply characteristic_parts in X; destruct X as [X1 X2]; simpl.
    apply Rmult_integral in X2; destruct X2 as [Y|Y]; [subst y; nra|lra].
Qed.

(* With two Jury conditions given, a root on or outside the unit circle can only be real and >= 1. *)
Theorem outside_is_real : forall t e x, e < 1 -> 0 < 1 + t + e ->
  characteristic t e x -> 1 <= Cmod x -> exists r, x = RtoC r /\ 1 <= r.
Proof.
  intros t e [x y] H1 H2 X M; apply characteristic_parts in X; destruct X as [X1 X2].
  assert (N : ~ (x * x + y * y < 1 * 1)) by (intro N; apply modulus_square in N; lra).
  apply Rmult_integral in X2; destruct X2 as [Y|Y]; [|nra].
  subst y; exists x; split; [reflexivity|].
  destruct (Rle_lt_dec 1 x) as [G|G]; [exact G|exfalso].
  assert (x <= -1) by nra; nra.
Qed.

Theorem grows_iff : forall t e, e < 1 -> 0 < 1 + t + e ->
  ((exists x, characteristic t e x /\ 1 < Cmod x) <-> 1 - t + e < 0).
Proof.
  intros t e H1 H2; split.
  - intros ([x y] & X & M).
    destruct (outside_is_real t e (x, y) H1 H2 X) as (r & E & Hr); [lra|].
    rewrite E in X, M; apply characteristic_real in X.
    rewrite Cmod_R, Rabs_right in M by lra.
    assert (Hs : (r - 1) * (r - (t - 1)) = - (1 - t + e)) by nra.
    assert (0 < r - (t - 1)) by nra; nra.
  - intro H; assert (L : t * t >= 4 * e) by nra.
    destruct (real_roots t e L) as [_ B].
    exists (RtoC ((t + sqrt (t * t - 4 * e)) / 2)); split; [exact B|].
    rewrite Cmod_R.
    assert (Hr : sqrt (t * t - 4 * e) * sqrt (t * t - 4 * e) = t * t - 4 * e) by (apply sqrt_sqrt; lra).
    assert (Hp := sqrt_pos (t * t - 4 * e)).
    assert (2 - t < sqrt (t * t - 4 * e)) by nra.
    rewrite Rabs_right; nra.
Qed.

(* Continuous time, negative trace: an eigenvalue in the right half plane means det < 0, and it is real. *)
Theorem unstable_iff : forall t e, t < 0 ->
  ((exists x, characteristic t e x /\ 0 < fst x) <-> e < 0).
Proof.
  intros t e H; split.
  - intros ([x y] & X & P); apply characteristic_parts in X; destruct X as [X1 X2]; simpl in P.
    apply Rmult_integral in X2; destruct X2 as [Y|Y]; [subst y; nra|lra].
  - intro E; destruct (real_roots t e) as [_ B]; [nra|].
    exists (RtoC ((t + sqrt (t * t - 4 * e)) / 2)); split; [exact B|simpl].
    assert (Hr : sqrt (t * t - 4 * e) * sqrt (t * t - 4 * e) = t * t - 4 * e) by (apply sqrt_sqrt; nra).
    assert (Hp := sqrt_pos (t * t - 4 * e)); nra.
Qed.
