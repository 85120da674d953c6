(* ClipLaplacian.v: the clip Laplacian with reflecting ends, and the tridiagonal solve of one step.

   Words used here:
     T              number of clips, T >= 1; a field is a function nat -> R read at i < T
     lap T x i      row i of the clip Laplacian, from the generated rows of clip_laplacian
     sum n f        f 0 + ... + f (n - 1)
     A, beta, b     the system  A i * x i - beta * lap T x i = b i  with A i > 0, beta >= 0 (an M-matrix)
     solve          the Thomas algorithm: forward elimination (slope, offset), back substitution (back) *)
From Coq Require Import Reals Lra Lia Psatz Arith PeanoNat.
From RDMF Require Import Generated.
Open Scope R_scope.

Definition lap (T : nat) (x : nat -> R) (i : nat) : R :=
  if (T =? 1)%nat then 0
  else if (i =? 0)%nat then laplacian_first (x 0%nat) (x 1%nat)
  else if (S i =? T)%nat then laplacian_last (x (i - 1)%nat) (x i)
  else laplacian_inner (x (i - 1)%nat) (x i) (x (S i)).

Fixpoint sum (n : nat) (f : nat -> R) : R := match n with O => 0 | S m => sum m f + f m end.

Lemma lap_differences : forall T x i, (i < T)%nat ->
  lap T x i = (if (i =? 0)%nat then 0 else x (i - 1)%nat - x i) + (if (S i =? T)%nat then 0 else x (S i) - x i).
Proof.
  intros T x i H; unfold lap, laplacian_first, laplacian_inner, laplacian_last.
  destruct (Nat.eqb_spec T 1), (Nat.eqb_spec i 0), (Nat.eqb_spec (S i) T); subst; try lia; ring.
Qed.

Lemma lap_ext : forall T x y i, (i < T)%nat -> (forall j, (j < T)%nat -> x j = y j) -> lap T x i = lap T y i.
Proof.
  intros T x y i H E; rewrite !lap_differences by exact H.
  rewrite (E i H); f_equal.
  - destruct (Nat.eqb_spec i 0); [reflexivity|rewrite E by lia; reflexivity].
  - destruct (Nat.eqb_spec (S i) T); [reflexivity|rewrite E by lia; reflexivity].
Qed.

Lemma lap_linear : forall T a c x y i, (i < T)%nat ->
  lap T (fun j => a * x j + c * y j) i = a * lap T x i + c * lap T y i.
Proof.
  intros; rewrite !lap_differences by assumption.
  destruct (i =? 0)%nat, (S i =? T)%nat; ring.
Qed.

Lemma lap_constant : forall T c i, (i < T)%nat -> lap T (fun _ => c) i = 0.
Proof. intros; rewrite lap_differences by assumption; destruct (i =? 0)%nat, (S i =? T)%nat; ring. Qed.

(* The Laplacian moves substance, it makes none. *)
Lemma sum_ext : forall n f g, (forall i, (i < n)%nat -> f i = g i) -> sum n f = sum n g.
Proof. induction n; intros f g E; simpl; [reflexivity|rewrite (IHn f g) by auto; rewrite E by lia; reflexivity]. Qed.

Lemma sum_linear : forall n a c f g, sum n (fun i => a * f i + c * g i) = a * sum n f + c * sum n g.
Proof. induction n; intros; simpl; [ring|rewrite IHn; ring]. Qed.

Lemma sum_constant : forall n c, sum n (fun _ => c) = INR n * c.
Proof. induction n; intros; [simpl; ring|rewrite S_INR; simpl; rewrite IHn; ring]. Qed.

Lemma sum_le : forall n f g, (forall i, (i < n)%nat -> f i <= g i) -> sum n f <= sum n g.
Proof.
  induction n; intros f g E; simpl; [lra|].
  assert (f n <= g n) by auto; assert (sum n f <= sum n g) by auto; lra.
Qed.

Lemma sum_telescopes : forall n f, sum n (fun i => f (S i) - f i) = f n - f O.
Proof. induction n; intros; simpl; [ring|rewrite IHn; ring]. Qed.

Theorem laplacian_conserves : forall T x, sum T (lap T x) = 0.
Proof.
  intros T x.
  set (flux := fun i => if (i =? 0)%nat then 0 else if (i =? T)%nat then 0 else x i - x (i - 1)%nat).
  rewrite (sum_ext T (lap T x) (fun i => flux (S i) - flux i)).
  - rewrite sum_telescopes; unfold flux; destruct (Nat.eqb_spec T 0); rewrite ?Nat.eqb_refl; simpl; ring.
  - intros i H; rewrite lap_differences by exact H; unfold flux.
    replace (S i - 1)%nat with i by lia.
    destruct (Nat.eqb_spec i 0), (Nat.eqb_spec (S i) 0), (Nat.eqb_spec (S i) T), (Nat.eqb_spec i T);
      subst; try lia; ring.
Qed.

(* Maximum principle. *)
Lemma smallest_clip : forall (T : nat) (x : nat -> R), (0 < T)%nat ->
  exists j, (j < T)%nat /\ forall i, (i < T)%nat -> x j <= x i.
Proof.
  induction T as [|T IH]; intros x H; [lia|].
  destruct T as [|T]; [exists O; split; [lia|intros i Hi; replace i with O by lia; lra]|].
  destruct (IH x) as (j & Hj & Hm); [lia|].
  destruct (Rle_lt_dec (x j) (x (S T))) as [L|L].
  - exists j; split; [lia|intros i Hi].
    destruct (Nat.eq_dec i (S T)); [subst; exact L|apply Hm; lia].
  - exists (S T); split; [lia|intros i Hi].
    destruct (Nat.eq_dec i (S T)); [subst; lra|]. assert (x j <= x i) by (apply Hm; lia); lra.
Qed.

Section System.
Variables (T : nat) (A : nat -> R) (beta : R).
Hypothesis HA : forall i, (i < T)%nat -> 0 < A i.
Hypothesis Hbeta : 0 <= beta.

Theorem nonnegative_solution : forall x, (forall i, (i < T)%nat -> 0 <= A i * x i - beta * lap T x i) ->
  forall i, (i < T)%nat -> 0 <= x i.
Proof.
  intros x H i Hi; destruct (smallest_clip T x) as (j & Hj & Hm); [lia|].
  assert (L : 0 <= lap T x j).
  { rewrite lap_differences by exact Hj.
    destruct (Nat.eqb_spec j 0), (Nat.eqb_spec (S j) T); try lra.
    - assert (x j <= x (S j)) by (apply Hm; lia); lra.
    - assert (x j <= x (j - 1)%nat) by (apply Hm; lia); lra.
    - assert (x j <= x (S j)) by (apply Hm; lia); assert (x j <= x (j - 1)%nat) by (apply Hm; lia); lra. }
  assert (Rj := H j Hj); assert (Aj := HA j Hj).
  assert (0 <= beta * lap T x j) by (apply Rmult_le_pos; assumption).
  assert (0 <= x j) by nra; assert (x j <= x i) by auto; lra.
Qed.

Theorem solution_below : forall x M, (forall i, (i < T)%nat -> A i * x i - beta * lap T x i <= A i * M) ->
  forall i, (i < T)%nat -> x i <= M.
Proof.
  intros x M H i Hi.
  assert (P := nonnegative_solution (fun j => 1 * M + -1 * x j)); cbv beta in P.
  assert (0 <= 1 * M + -1 * x i); [|lra].
  apply P; [intros j Hj|exact Hi].
  rewrite (lap_linear T 1 (-1) (fun _ => M) x), lap_constant by exact Hj.
  assert (R := H j Hj); lra.
Qed.

Theorem solution_unique : forall x y b,
  (forall i, (i < T)%nat -> A i * x i - beta * lap T x i = b i) ->
  (forall i, (i < T)%nat -> A i * y i - beta * lap T y i = b i) -> forall i, (i < T)%nat -> x i = y i.
Proof.
  intros x y b Hx Hy.
  assert (Le : forall x y, (forall i, (i < T)%nat -> A i * x i - beta * lap T x i = b i) ->
    (forall i, (i < T)%nat -> A i * y i - beta * lap T y i = b i) -> forall i, (i < T)%nat -> x i <= y i).
  { clear x y Hx Hy; intros x y Hx Hy i Hi.
    assert (P := nonnegative_solution (fun j => 1 * y j + -1 * x j)); cbv beta in P.
    assert (0 <= 1 * y i + -1 * x i); [|lra].
    apply P; [intros j Hj|exact Hi]; rewrite lap_linear by exact Hj.
    assert (X := Hx j Hj); assert (Y := Hy j Hj); lra. }
  intros i Hi; apply Rle_antisym; apply Le; assumption.
Qed.
End System.

(* The Thomas algorithm. *)
Section Thomas.
Variables (A : nat -> R) (beta : R) (b : nat -> R).

Fixpoint slope (n : nat) : R :=
  match n with O => beta / (A O + beta) | S m => beta / (A (S m) + beta * (1 - slope m) + beta) end.

Fixpoint offset (n : nat) : R :=
  match n with
  | O => b O / (A O + beta)
  | S m => (b (S m) + beta * offset m) / (A (S m) + beta * (1 - slope m) + beta)
  end.

Fixpoint back (n : nat) (last : R) : nat -> R :=
  match n with
  | O => fun _ => last
  | S m => fun i => if (i =? S m)%nat then last else back m (offset m + slope m * last) i
  end.

Definition solve (T : nat) : nat -> R :=
  match T with
  | O => fun _ => 0
  | S O => fun _ => b O / A O
  | S (S m) => back (S m) ((b (S m) + beta * offset m) / (A (S m) + beta * (1 - slope m)))
  end.

Lemma quotient_nonnegative : forall x y, 0 <= x -> 0 < y -> 0 <= x / y.
Proof. intros; apply Rmult_le_pos; [assumption|apply Rlt_le, Rinv_0_lt_compat; assumption]. Qed.

Lemma slope_bounds : 0 <= beta -> forall n, (forall i, (i <= n)%nat -> 0 < A i) -> 0 <= slope n < 1.
Proof.
  intro Hb; induction n as [|n IH]; intro HA; simpl.
  - assert (A0 := HA O (Nat.le_refl _)); split; [apply quotient_nonnegative; lra|].
    apply (Rmult_lt_reg_r (A O + beta)); [lra|]; replace (beta / (A O + beta) * (A O + beta)) with beta by (field; lra); lra.
  - assert (Q : 0 <= slope n < 1) by (apply IH; intros; apply HA; lia).
    assert (An := HA (S n) (Nat.le_refl _)); assert (0 <= beta * (1 - slope n)) by nra.
    split; [apply quotient_nonnegative; lra|].
    apply (Rmult_lt_reg_r (A (S n) + beta * (1 - slope n) + beta)); [lra|].
    replace (beta / (A (S n) + beta * (1 - slope n) + beta) * (A (S n) + beta * (1 - slope n) + beta)) with beta
      by (field; lra); lra.
Qed.

Lemma back_last : forall n y, back n y n = y.
Proof. destruct n; intros; simpl; [reflexivity|rewrite Nat.eqb_refl; reflexivity]. Qed.

Lemma back_relation : forall n y i, (i < n)%nat -> back n y i = offset i + slope i * back n y (S i).
Proof.
  induction n as [|n IH]; intros y i H; [lia|].
  cbn [back]; destruct (Nat.eqb_spec i (S n)); [lia|].
  destruct (Nat.eqb_spec (S i) (S n)) as [E|N].
  - injection E as E; subst i; apply back_last.
  - apply IH; lia.
Qed.

(* The algorithm solves the system: existence, for every number of clips. *)
Theorem thomas_solves : forall T, 0 <= beta -> (forall i, (i < T)%nat -> 0 < A i) ->
  forall i, (i < T)%nat -> A i * solve T i - beta * lap T (solve T) i = b i.
Proof.
  intros T Hb HA i Hi; destruct T as [|[|m]]; [lia| |].
  - replace i with O in * by lia; assert (A0 := HA O Hi); unfold lap; simpl; field; lra.
  - set (x := solve (S (S m))).
    assert (Rel : forall j, (j < S m)%nat -> x j = offset j + slope j * x (S j)).
    { intros j Hj; unfold x, solve; apply back_relation; exact Hj. }
    assert (Q : forall j, (j <= m)%nat -> 0 <= slope j < 1).
    { intros j Hj; apply slope_bounds; [exact Hb|intros; apply HA; lia]. }
    rewrite lap_differences by exact Hi.
    destruct i as [|j]; simpl (0 =? 0)%nat; cbv iota.
    + destruct (Nat.eqb_spec 1 (S (S m))); [lia|].
      assert (A0 := HA O Hi); rewrite (Rel O) by lia; simpl; field; lra.
    + replace (S j =? 0)%nat with false by reflexivity; replace (S j - 1)%nat with j by lia; cbv iota.
      assert (Aj := HA (S j) Hi); assert (Qj := Q j ltac:(lia)); assert (0 <= beta * (1 - slope j)) by nra.
      rewrite (Rel j) by lia.
      destruct (Nat.eqb_spec (S (S j)) (S (S m))) as [E|N].
      * injection E as E; subst j.
        assert (Xl : x (S m) = (b (S m) + beta * offset m) / (A (S m) + beta * (1 - slope m)))
          by (unfold x, solve; apply back_last).
        rewrite Xl; field; lra.
      * rewrite (Rel (S j)) by lia; simpl slope; simpl offset; field; lra.
Qed.
End Thomas.
