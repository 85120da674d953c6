(* Conductances.v: diffusion that stops at cuts. The clip Laplacian with a conductance on every edge, and its solve.

   Words used here:
     T              number of clips, T >= 1; a field is a function nat -> R read at i < T
     kappa          conductances: kappa i in [0, 1] belongs to the edge between clips i and i + 1, i + 1 < T; 0 is a cut
     wlap T kappa x i   row i of the weighted Laplacian, from the generated rows of weighted_laplacian
     glap T W x i   row i of the Laplacian of any weighted graph, W i j = W j i >= 0
     diffusion T L  what all of them share: linear, symmetric, rows sum to 0, not negative where x is smallest,
                  energy - sum of x i * L x i not negative
     energy         sum of kappa i (x (i + 1) - x i)^2 = - sum of x i (wlap x) i;  square n x = sum of x i ^ 2
     A, beta, b     the system  A i * x i - beta * L x i = b i  with A i > 0, beta >= 0 (an M-matrix)
     wsolve         the Thomas algorithm for it *)
From Coq Require Import Reals Lra Lia Psatz Arith PeanoNat.
From RDMF Require Import Generated ClipLaplacian.
Open Scope R_scope.

Definition wlap (T : nat) (kappa x : nat -> R) (i : nat) : R :=
  if (T =? 1)%nat then 0
  else if (i =? 0)%nat then weighted_laplacian_first (kappa 0%nat) (x 0%nat) (x 1%nat)
  else if (S i =? T)%nat then weighted_laplacian_last (kappa (i - 1)%nat) (x (i - 1)%nat) (x i)
  else weighted_laplacian_inner (kappa (i - 1)%nat) (kappa i) (x (i - 1)%nat) (x i) (x (S i)).

Definition conductances (T : nat) (kappa : nat -> R) : Prop := forall i, (S i < T)%nat -> 0 <= kappa i <= 1.

Lemma wlap_differences : forall T kappa x i, (i < T)%nat -> wlap T kappa x i =
  (if (i =? 0)%nat then 0 else kappa (i - 1)%nat * (x (i - 1)%nat - x i)) +
  (if (S i =? T)%nat then 0 else kappa i * (x (S i) - x i)).
Proof.
  intros T kappa x i H; unfold wlap, weighted_laplacian_first, weighted_laplacian_inner, weighted_laplacian_last.
  destruct (Nat.eqb_spec T 1), (Nat.eqb_spec i 0), (Nat.eqb_spec (S i) T); subst; try lia; ring.
Qed.

(* All conductances 1: the clip Laplacian of ClipLaplacian.v. *)
Theorem wlap_uniform : forall T x i, (i < T)%nat -> wlap T (fun _ => 1) x i = lap T x i.
Proof.
  intros; rewrite wlap_differences, lap_differences by assumption.
  destruct (i =? 0)%nat, (S i =? T)%nat; ring.
Qed.

Record diffusion (T : nat) (L : (nat -> R) -> nat -> R) : Prop := {
  diffusion_linear : forall a c x y i, (i < T)%nat ->
    L (fun j => a * x j + c * y j) i = a * L x i + c * L y i;
  diffusion_ext : forall x y i, (i < T)%nat -> (forall j, (j < T)%nat -> x j = y j) -> L x i = L y i;
  diffusion_constant : forall c i, (i < T)%nat -> L (fun _ => c) i = 0;
  diffusion_symmetric : forall x y, sum T (fun i => L x i * y i) = sum T (fun i => x i * L y i);
  diffusion_minimum : forall x i, (i < T)%nat -> (forall j, (j < T)%nat -> x i <= x j) -> 0 <= L x i;
  diffusion_dissipates : forall x, sum T (fun i => x i * L x i) <= 0 }.

(* Symmetric with rows that sum to 0: substance is moved, none is made. *)
Theorem diffusion_conserves : forall T L, diffusion T L -> forall x, sum T (L x) = 0.
Proof.
  intros T L D x.
  rewrite (sum_ext T (L x) (fun i => L x i * 1)) by (intros; ring).
  rewrite (diffusion_symmetric T L D x (fun _ => 1)).
  rewrite (sum_ext T _ (fun _ => 0)); [rewrite sum_constant; ring|].
  intros i Hi; rewrite (diffusion_constant T L D 1 i Hi); ring.
Qed.

(* Summation by parts: both sides of the edges between clips. *)
Lemma wlap_by_parts : forall T kappa x y,
  sum T (fun i => wlap T kappa x i * y i) = - sum (T - 1) (fun i => kappa i * (x (S i) - x i) * (y (S i) - y i)).
Proof.
  intros T kappa x y.
  set (flux := fun i => if (i =? 0)%nat then 0 else kappa (i - 1)%nat * (x i - x (i - 1)%nat)).
  assert (Part : forall n, (n < T)%nat -> sum n (fun i => wlap T kappa x i * y i)
    = flux n * y (n - 1)%nat - sum (n - 1) (fun i => kappa i * (x (S i) - x i) * (y (S i) - y i))).
  { induction n as [|n IH]; intro H; [unfold flux; simpl; ring|].
    cbn [sum]; rewrite IH by lia; rewrite wlap_differences by lia.
    destruct (Nat.eqb_spec (S n) T); [lia|].
    replace (S n - 1)%nat with n by lia; unfold flux; simpl (S n =? 0)%nat; cbv iota.
    replace (S n - 1)%nat with n by lia.
    destruct (Nat.eqb_spec n 0) as [E|E]; [subst n; simpl; ring|].
    destruct n as [|m]; [lia|]; replace (S m - 1)%nat with m by lia; cbn [sum]; ring. }
  destruct T as [|n]; [simpl; ring|].
  cbn [sum]; rewrite Part by lia; rewrite wlap_differences by lia; rewrite Nat.eqb_refl.
  replace (S n - 1)%nat with n by lia; unfold flux.
  destruct (Nat.eqb_spec n 0) as [E|E]; [subst n; simpl; ring|].
  destruct n as [|m]; [lia|]; replace (S m - 1)%nat with m by lia; cbn [sum]; ring.
Qed.

Lemma sum_nonnegative : forall n f, (forall i, (i < n)%nat -> 0 <= f i) -> 0 <= sum n f.
Proof. intros n f H; rewrite <- (Rmult_0_r (INR n)), <- sum_constant; apply sum_le; exact H. Qed.

Theorem wlap_diffusion : forall T kappa, (forall i, (S i < T)%nat -> 0 <= kappa i) -> diffusion T (wlap T kappa).
Proof.
  intros T kappa HK; split.
  - intros; rewrite !wlap_differences by assumption; destruct (i =? 0)%nat, (S i =? T)%nat; ring.
  - intros x y i Hi E; rewrite !wlap_differences by exact Hi; rewrite (E i Hi); f_equal.
    + destruct (Nat.eqb_spec i 0); [reflexivity|rewrite E by lia; reflexivity].
    + destruct (Nat.eqb_spec (S i) T); [reflexivity|rewrite E by lia; reflexivity].
  - intros; rewrite wlap_differences by assumption; destruct (i =? 0)%nat, (S i =? T)%nat; ring.
  - intros x y; rewrite wlap_by_parts.
    rewrite (sum_ext T (fun i => x i * wlap T kappa y i) (fun i => wlap T kappa y i * x i)) by (intros; ring).
    rewrite wlap_by_parts; f_equal; apply sum_ext; intros; ring.
  - intros x i Hi Hm; rewrite wlap_differences by exact Hi.
    assert (Part : forall k j, 0 <= k -> (j < T)%nat -> 0 <= k * (x j - x i)).
    { intros k j Hk Hj; assert (M := Hm j Hj); apply Rmult_le_pos; lra. }
    assert (0 <= if (i =? 0)%nat then 0 else kappa (i - 1)%nat * (x (i - 1)%nat - x i)).
    { destruct (Nat.eqb_spec i 0); [lra|apply Part; [apply HK; lia|lia]]. }
    assert (0 <= if (S i =? T)%nat then 0 else kappa i * (x (S i) - x i)).
    { destruct (Nat.eqb_spec (S i) T); [lra|apply Part; [apply HK; lia|lia]]. }
    lra.
  - intro x; rewrite (sum_ext T _ (fun i => wlap T kappa x i * x i)) by (intros; ring).
    rewrite wlap_by_parts.
    assert (0 <= sum (T - 1) (fun i => kappa i * (x (S i) - x i) * (x (S i) - x i))); [|lra].
    apply sum_nonnegative; intros i Hi; assert (K := HK i ltac:(lia)); assert (S2 := pow2_ge_0 (x (S i) - x i)).
    replace (kappa i * (x (S i) - x i) * (x (S i) - x i)) with (kappa i * (x (S i) - x i) ^ 2) by ring.
    apply Rmult_le_pos; assumption.
Qed.

(* Any weighted graph: the theorems below need no order of the clips. *)
Definition glap (T : nat) (W : nat -> nat -> R) (x : nat -> R) (i : nat) : R := sum T (fun j => W i j * (x j - x i)).

Lemma sum_exchange : forall n m (f : nat -> nat -> R),
  sum n (fun i => sum m (fun j => f i j)) = sum m (fun j => sum n (fun i => f i j)).
Proof.
  induction n as [|n IH]; intros m f; simpl.
  - rewrite sum_constant; ring.
  - rewrite IH, <- (Rmult_1_l (sum m (fun j => sum n (fun i => f i j)))), <- (Rmult_1_l (sum m (fun j => f n j))).
    rewrite <- sum_linear; apply sum_ext; intros; ring.
Qed.

Theorem graph_diffusion : forall T W, (forall i j, (i < T)%nat -> (j < T)%nat -> W i j = W j i /\ 0 <= W i j) ->
  diffusion T (glap T W).
Proof.
  intros T W HW; unfold glap; split.
  - intros; rewrite <- sum_linear; apply sum_ext; intros; ring.
  - intros x y i Hi E; apply sum_ext; intros j Hj; rewrite (E i Hi), (E j Hj); reflexivity.
  - intros; rewrite (sum_ext T _ (fun _ => 0)) by (intros; ring); rewrite sum_constant; ring.
  - intros x y.
    assert (L : sum T (fun i => sum T (fun j => W i j * (x j - x i)) * y i)
      = sum T (fun i => sum T (fun j => W i j * x j * y i)) - sum T (fun i => sum T (fun j => W i j * x i * y i))).
    { rewrite <- (Rmult_1_l (sum T (fun i => sum T (fun j => W i j * x j * y i)))).
      replace (1 * sum T (fun i => sum T (fun j => W i j * x j * y i)) - sum T (fun i => sum T (fun j => W i j * x i * y i)))
        with (1 * sum T (fun i => sum T (fun j => W i j * x j * y i)) + -1 * sum T (fun i => sum T (fun j => W i j * x i * y i)))
        by ring.
      rewrite <- sum_linear; apply sum_ext; intros i Hi.
      rewrite <- sum_linear, <- (Rplus_0_r (sum T _ * y i)), <- (Rmult_0_l (sum T (fun _ => 0))), (Rmult_comm (sum T _) (y i)).
      rewrite <- sum_linear; apply sum_ext; intros; ring. }
    assert (R : sum T (fun i => x i * sum T (fun j => W i j * (y j - y i)))
      = sum T (fun i => sum T (fun j => W i j * x i * y j)) - sum T (fun i => sum T (fun j => W i j * x i * y i))).
    { replace (sum T (fun i => sum T (fun j => W i j * x i * y j)) - sum T (fun i => sum T (fun j => W i j * x i * y i)))
        with (1 * sum T (fun i => sum T (fun j => W i j * x i * y j)) + -1 * sum T (fun i => sum T (fun j => W i j * x i * y i)))
        by ring.
      rewrite <- sum_linear; apply sum_ext; intros i Hi.
      rewrite <- sum_linear, <- (Rplus_0_r (x i * sum T _)), <- (Rmult_0_l (sum T (fun _ => 0))).
      rewrite <- sum_linear; apply sum_ext; intros; ring. }
    rewrite L, R, sum_exchange; f_equal.
    apply sum_ext; intros i Hi; apply sum_ext; intros j Hj.
    destruct (HW i j Hi Hj) as [E _]; rewrite E; ring.
  - intros x i Hi Hm; rewrite <- (Rmult_0_r (INR T)), <- sum_constant; apply sum_le; intros j Hj.
    destruct (HW i j Hi Hj) as [_ P]; assert (M := Hm j Hj); apply Rmult_le_pos; lra.
  - intro x; set (f := fun i j => W i j * x i * (x j - x i)).
    assert (E : sum T (fun i => x i * sum T (fun j => W i j * (x j - x i))) = sum T (fun i => sum T (fun j => f i j))).
    { apply sum_ext; intros i Hi; rewrite <- (Rplus_0_r (x i * sum T _)), <- (Rmult_0_l (sum T (fun _ => 0))).
      rewrite <- sum_linear; apply sum_ext; intros; unfold f; ring. }
    rewrite E.
    assert (Twice : 1 * sum T (fun i => sum T (fun j => f i j)) + 1 * sum T (fun i => sum T (fun j => f j i)) <= 0).
    { rewrite <- sum_linear, <- (Rmult_0_r (INR T)), <- sum_constant; apply sum_le; intros i Hi.
      rewrite <- sum_linear, <- (Rmult_0_r (INR T)), <- sum_constant; apply sum_le; intros j Hj.
      unfold f; destruct (HW i j Hi Hj) as [S P]; rewrite <- S; assert (S2 := pow2_ge_0 (x j - x i)).
      assert (0 <= W i j * (x j - x i) ^ 2) by (apply Rmult_le_pos; assumption); lra. }
    rewrite (sum_exchange T T (fun i j => f j i)) in Twice; lra.
Qed.

(* Energy: between 0 and four times the square, and no smaller for larger conductances. *)
Definition energy (T : nat) (kappa x : nat -> R) : R := sum (T - 1) (fun i => kappa i * (x (S i) - x i) ^ 2).
Definition square (n : nat) (x : nat -> R) : R := sum n (fun i => x i ^ 2).

Lemma square_nonnegative : forall n x, 0 <= square n x.
Proof. intros; apply sum_nonnegative; intros; apply pow2_ge_0. Qed.

Lemma square_zero : forall n x, square n x = 0 -> forall i, (i < n)%nat -> x i = 0.
Proof.
  induction n as [|n IH]; intros x H i Hi; [lia|].
  change (square n x + x n ^ 2 = 0) in H.
  assert (P := square_nonnegative n x); assert (Q := pow2_ge_0 (x n)).
  destruct (Nat.eq_dec i n) as [E|E]; [subst i|apply IH; [lra|lia]].
  destruct (Req_dec (x n) 0) as [Z|Z]; [exact Z|].
  assert (0 < x n ^ 2) by (assert (X := Rsqr_pos_lt (x n) Z); unfold Rsqr in X; simpl; lra); lra.
Qed.

Theorem wlap_energy : forall T kappa x, sum T (fun i => x i * wlap T kappa x i) = - energy T kappa x.
Proof.
  intros T kappa x; rewrite (sum_ext T _ (fun i => wlap T kappa x i * x i)) by (intros; ring).
  rewrite wlap_by_parts; f_equal; apply sum_ext; intros; ring.
Qed.

Theorem energy_bounds : forall T kappa x, conductances T kappa -> 0 <= energy T kappa x <= 4 * square T x.
Proof.
  intros T kappa x HK; unfold energy, square; split.
  - apply sum_nonnegative; intros i Hi; destruct (HK i ltac:(lia)); apply Rmult_le_pos; [assumption|apply pow2_ge_0].
  - apply Rle_trans with (2 * sum (T - 1) (fun i => x i ^ 2) + 2 * sum (T - 1) (fun i => x (S i) ^ 2)).
    + rewrite <- sum_linear; apply sum_le; intros i Hi; destruct (HK i ltac:(lia)) as [K0 K1].
      assert (S1 := pow2_ge_0 (x (S i) - x i)); assert (S2 := pow2_ge_0 (x (S i) + x i)).
      assert (kappa i * (x (S i) - x i) ^ 2 <= 1 * (x (S i) - x i) ^ 2) by (apply Rmult_le_compat_r; lra); lra.
    + assert (Low : sum (T - 1) (fun i => x i ^ 2) <= sum T (fun i => x i ^ 2)).
      { destruct T as [|n]; [simpl; lra|]; replace (S n - 1)%nat with n by lia; simpl sum.
        assert (P := pow2_ge_0 (x n)); lra. }
      assert (Shift : forall n, sum n (fun i => x (S i) ^ 2) = sum (S n) (fun i => x i ^ 2) - x O ^ 2).
      { induction n as [|n IH]; [simpl; ring|]; cbn [sum]; rewrite IH; cbn [sum]; ring. }
      assert (P0 := pow2_ge_0 (x O)).
      destruct T as [|n]; [simpl; lra|]; replace (S n - 1)%nat with n in * by lia; rewrite Shift; lra.
Qed.

Theorem energy_monotone : forall T kappa lambda x, (forall i, (S i < T)%nat -> kappa i <= lambda i) ->
  energy T kappa x <= energy T lambda x.
Proof.
  intros T kappa lambda x H; unfold energy; apply sum_le; intros i Hi.
  apply Rmult_le_compat_r; [apply pow2_ge_0|apply H; lia].
Qed.

Theorem energy_scales : forall T kappa c x, energy T (fun i => c * kappa i) x = c * energy T kappa x.
Proof.
  intros; unfold energy; rewrite <- (Rplus_0_r (c * sum _ _)), <- (Rmult_0_l (sum (T - 1) (fun _ => 0))).
  rewrite <- sum_linear; apply sum_ext; intros; ring.
Qed.

(* Eigenvalues: in [0, 4], and simple where nothing is cut. *)
Definition eigenvector (T : nat) (L : (nat -> R) -> nat -> R) (mu : R) (phi : nat -> R) : Prop :=
  (exists i, (i < T)%nat /\ phi i <> 0) /\ forall i, (i < T)%nat -> L phi i = - mu * phi i.

Lemma eigenvector_square : forall T L mu phi, eigenvector T L mu phi -> 0 < square T phi.
Proof.
  intros T L mu phi ((i & Hi & N) & _); assert (P := square_nonnegative T phi).
  destruct (Req_dec (square T phi) 0) as [Z|Z]; [|lra].
  exfalso; apply N; apply (square_zero T phi Z i Hi).
Qed.

Lemma eigenvector_energy : forall T kappa mu phi, eigenvector T (wlap T kappa) mu phi ->
  energy T kappa phi = mu * square T phi.
Proof.
  intros T kappa mu phi (_ & E); assert (W := wlap_energy T kappa phi).
  rewrite (sum_ext T _ (fun i => - mu * phi i ^ 2 + 0 * phi i)) in W
    by (intros i Hi; rewrite (E i Hi); ring).
  rewrite sum_linear in W; fold (square T phi) in W; lra.
Qed.

Theorem eigenvalue_bounds : forall T kappa mu phi, conductances T kappa ->
  eigenvector T (wlap T kappa) mu phi -> 0 <= mu <= 4.
Proof.
  intros T kappa mu phi HK E; assert (P := eigenvector_square _ _ _ _ E).
  assert (V := eigenvector_energy _ _ _ _ E); destruct (energy_bounds T kappa phi HK); split; nra.
Qed.

Theorem eigenvalue_simple : forall T kappa mu phi psi, (forall i, (S i < T)%nat -> 0 < kappa i) ->
  eigenvector T (wlap T kappa) mu phi -> eigenvector T (wlap T kappa) mu psi ->
  phi O <> 0 /\ forall i, (i < T)%nat -> phi O * psi i = psi O * phi i.
Proof.
  intros T kappa mu phi psi HK Ephi Epsi.
  assert (Zero : forall y, y O = 0 -> (forall i, (i < T)%nat -> wlap T kappa y i = - mu * y i) ->
    forall n i, (i <= n)%nat -> (i < T)%nat -> y i = 0).
  { intros y Y0 HY; induction n as [|n IH]; intros i Hn Hi; [replace i with O by lia; exact Y0|].
    destruct (Nat.eq_dec i (S n)) as [E|E]; [|apply IH; lia].
    subst i; assert (Row := HY n ltac:(lia)); rewrite wlap_differences in Row by lia.
    destruct (Nat.eqb_spec (S n) T); [lia|].
    assert (Kn := HK n Hi).
    assert (Yn : y n = 0) by (apply IH; lia).
    assert (Left : (if (n =? 0)%nat then 0 else kappa (n - 1)%nat * (y (n - 1)%nat - y n)) = 0).
    { destruct (Nat.eqb_spec n 0); [reflexivity|].
      assert (Ym : y (n - 1)%nat = 0) by (apply IH; lia). rewrite Ym, Yn; ring. }
    rewrite Left, Yn in Row.
    assert (Z : kappa n * y (S n) = 0) by lra.
    apply Rmult_integral in Z; lra. }
  destruct Ephi as ((i0 & Hi0 & N0) & Rphi), Epsi as (_ & Rpsi); split.
  - intro P0; apply N0; apply (Zero phi P0 Rphi i0); [apply Nat.le_refl|exact Hi0].
  - intros i Hi.
    assert (D := wlap_diffusion T kappa (fun i H => Rlt_le _ _ (HK i H))).
    assert (Y := Zero (fun j => phi O * psi j + - psi O * phi j)); cbv beta in Y.
    assert (phi O * psi i + - psi O * phi i = 0); [|lra].
    apply (Y ltac:(ring)) with (n := i); [|apply Nat.le_refl|exact Hi].
    intros j Hj; rewrite (diffusion_linear T _ D _ _ psi phi j Hj), (Rphi j Hj), (Rpsi j Hj); ring.
Qed.

(* The k-th smallest eigenvalue in the form of Courant and Fischer: it is at most lambda iff on some k-dimensional
   space of fields the energy is at most lambda times the square. So it cannot fall when a conductance is raised. *)
Definition combination (k : nat) (c : nat -> R) (basis : nat -> nat -> R) (i : nat) : R :=
  sum k (fun j => c j * basis j i).
Definition independent (T k : nat) (basis : nat -> nat -> R) : Prop := forall c,
  (forall i, (i < T)%nat -> combination k c basis i = 0) -> forall j, (j < k)%nat -> c j = 0.
Definition eigenvalue_at_most (T : nat) (kappa : nat -> R) (k : nat) (lambda : R) : Prop :=
  exists basis, independent T k basis /\
  forall c, energy T kappa (combination k c basis) <= lambda * square T (combination k c basis).

Theorem eigenvalues_monotone : forall T kappa larger k lambda,
  (forall i, (S i < T)%nat -> kappa i <= larger i) ->
  eigenvalue_at_most T larger k lambda -> eigenvalue_at_most T kappa k lambda.
Proof.
  intros T kappa larger k lambda H (basis & I & B); exists basis; split; [exact I|intro c].
  apply Rle_trans with (2 := B c); apply energy_monotone; exact H.
Qed.

(* c mu_k <= mu_k(kappa) <= mu_k for conductances between c and 1 *)
Theorem eigenvalues_between : forall T kappa c k lambda, 0 < c -> (forall i, (S i < T)%nat -> c <= kappa i <= 1) ->
  (eigenvalue_at_most T (fun _ => 1) k lambda -> eigenvalue_at_most T kappa k lambda) /\
  (eigenvalue_at_most T kappa k (c * lambda) -> eigenvalue_at_most T (fun _ => 1) k lambda).
Proof.
  intros T kappa c k lambda Hc HK; split.
  - apply eigenvalues_monotone; intros i Hi; destruct (HK i Hi); lra.
  - intros (basis & I & B); exists basis; split; [exact I|intro e].
    specialize (B e); set (x := combination k e basis) in *.
    assert (L : c * energy T (fun _ => 1) x <= energy T kappa x).
    { rewrite <- energy_scales; apply energy_monotone; intros i Hi; destruct (HK i Hi); lra. }
    apply (Rmult_le_reg_l c); [exact Hc|]; lra.
Qed.

(* Maximum principle, for every diffusion. *)
Section System.
Variables (T : nat) (L : (nat -> R) -> nat -> R) (A : nat -> R) (beta : R).
Hypothesis HL : diffusion T L.
Hypothesis HA : forall i, (i < T)%nat -> 0 < A i.
Hypothesis Hbeta : 0 <= beta.

Theorem diffusion_nonnegative_solution : forall x, (forall i, (i < T)%nat -> 0 <= A i * x i - beta * L x i) ->
  forall i, (i < T)%nat -> 0 <= x i.
Proof.
  intros x H i Hi; destruct (smallest_clip T x) as (j & Hj & Hm); [lia|].
  assert (M := diffusion_minimum T L HL x j Hj Hm).
  assert (Rj := H j Hj); assert (Aj := HA j Hj).
  assert (0 <= beta * L x j) by (apply Rmult_le_pos; assumption).
  assert (0 <= x j) by nra; assert (x j <= x i) by auto; lra.
Qed.

Theorem diffusion_comparison : forall x y,
  (forall i, (i < T)%nat -> A i * x i - beta * L x i <= A i * y i - beta * L y i) ->
  forall i, (i < T)%nat -> x i <= y i.
Proof.
  intros x y H i Hi.
  assert (P := diffusion_nonnegative_solution (fun j => 1 * y j + -1 * x j)); cbv beta in P.
  assert (0 <= 1 * y i + -1 * x i); [|lra].
  apply P; [intros j Hj|exact Hi].
  rewrite (diffusion_linear T L HL) by exact Hj; assert (R := H j Hj); lra.
Qed.

Theorem diffusion_solution_below : forall x M, (forall i, (i < T)%nat -> A i * x i - beta * L x i <= A i * M) ->
  forall i, (i < T)%nat -> x i <= M.
Proof.
  intros x M H; apply (diffusion_comparison x (fun _ => M)); intros i Hi.
  rewrite (diffusion_constant T L HL) by exact Hi; assert (R := H i Hi); lra.
Qed.

Theorem diffusion_solution_unique : forall x y b,
  (forall i, (i < T)%nat -> A i * x i - beta * L x i = b i) ->
  (forall i, (i < T)%nat -> A i * y i - beta * L y i = b i) -> forall i, (i < T)%nat -> x i = y i.
Proof.
  intros x y b Hx Hy i Hi; apply Rle_antisym.
  - apply (diffusion_comparison x y); [intros j Hj; rewrite Hx, Hy by exact Hj; lra|exact Hi].
  - apply (diffusion_comparison y x); [intros j Hj; rewrite Hx, Hy by exact Hj; lra|exact Hi].
Qed.
End System.

(* The Thomas algorithm with a conductance on every edge; e i = beta * kappa i, and 0 past the last clip. *)
Section Thomas.
Variables (T : nat) (A : nat -> R) (beta : R) (kappa b : nat -> R).

Definition coupling (i : nat) : R := if (S i =? T)%nat then 0 else beta * kappa i.

Fixpoint wslope (n : nat) : R :=
  match n with
  | O => coupling O / (A O + coupling O)
  | S m => coupling (S m) / (A (S m) + coupling m * (1 - wslope m) + coupling (S m))
  end.

Fixpoint woffset (n : nat) : R :=
  match n with
  | O => b O / (A O + coupling O)
  | S m => (b (S m) + coupling m * woffset m) / (A (S m) + coupling m * (1 - wslope m) + coupling (S m))
  end.

Fixpoint wback (n : nat) (last : R) : nat -> R :=
  match n with
  | O => fun _ => last
  | S m => fun i => if (i =? S m)%nat then last else wback m (woffset m + wslope m * last) i
  end.

Definition wsolve : nat -> R := wback (T - 1) (woffset (T - 1)).

Hypothesis HA : forall i, (i < T)%nat -> 0 < A i.
Hypothesis Hbeta : 0 <= beta.
Hypothesis HK : forall i, (S i < T)%nat -> 0 <= kappa i.

Lemma coupling_nonnegative : forall i, (i < T)%nat -> 0 <= coupling i.
Proof.
  intros i Hi; unfold coupling; destruct (Nat.eqb_spec (S i) T); [lra|].
  apply Rmult_le_pos; [exact Hbeta|apply HK; lia].
Qed.

Lemma wslope_bounds : forall n, (n < T)%nat -> 0 <= wslope n < 1.
Proof.
  assert (Q : forall c p, 0 <= c -> 0 < p -> 0 <= c / (p + c) < 1).
  { intros c p Hc Hp; split; [apply quotient_nonnegative; lra|].
    apply (Rmult_lt_reg_r (p + c)); [lra|]; replace (c / (p + c) * (p + c)) with c by (field; lra); lra. }
  induction n as [|n IH]; intro H; simpl.
  - apply Q; [apply coupling_nonnegative; exact H|apply HA; exact H].
  - assert (P : 0 <= wslope n < 1) by (apply IH; lia).
    assert (Cn := coupling_nonnegative n ltac:(lia)); assert (An := HA (S n) H).
    assert (0 <= coupling n * (1 - wslope n)) by (apply Rmult_le_pos; lra).
    apply Q; [apply coupling_nonnegative; exact H|lra].
Qed.

Lemma wback_last : forall n y, wback n y n = y.
Proof. destruct n; intros; simpl; [reflexivity|rewrite Nat.eqb_refl; reflexivity]. Qed.

Lemma wback_relation : forall n y i, (i < n)%nat -> wback n y i = woffset i + wslope i * wback n y (S i).
Proof.
  induction n as [|n IH]; intros y i H; [lia|].
  cbn [wback]; destruct (Nat.eqb_spec i (S n)); [lia|].
  destruct (Nat.eqb_spec (S i) (S n)) as [E|N].
  - injection E as E; subst i; apply wback_last.
  - apply IH; lia.
Qed.

(* One elimination solves the system, whatever the conductances; every pivot is positive. *)
Theorem weighted_thomas_solves : forall i, (i < T)%nat -> A i * wsolve i - beta * wlap T kappa wsolve i = b i.
Proof.
  intros i Hi.
  assert (Rel : forall j, (S j < T)%nat -> wsolve j = woffset j + wslope j * wsolve (S j)).
  { intros j Hj; unfold wsolve; apply wback_relation; lia. }
  assert (Last : wsolve (T - 1)%nat = woffset (T - 1)) by (unfold wsolve; apply wback_last).
  assert (Row : forall j, (j < T)%nat -> A j * wsolve j - beta * wlap T kappa wsolve j =
    (A j + (if (j =? 0)%nat then 0 else coupling (j - 1)) + coupling j) * wsolve j
    - (if (j =? 0)%nat then 0 else coupling (j - 1) * wsolve (j - 1)%nat) - coupling j * wsolve (S j)).
  { intros j Hj; rewrite wlap_differences by exact Hj; unfold coupling.
    destruct (Nat.eqb_spec j 0), (Nat.eqb_spec (S j) T), (Nat.eqb_spec (S (j - 1)) T); try lia; ring. }
  assert (Solved : forall j, (j < T)%nat -> wsolve j = woffset j + wslope j * wsolve (S j) \/
    (coupling j = 0 /\ wsolve j = woffset j)).
  { intros j Hj; destruct (Nat.eq_dec (S j) T) as [E|N]; [right|left; apply Rel; lia].
    unfold coupling; rewrite E, Nat.eqb_refl; split; [reflexivity|].
    replace j with (T - 1)%nat by lia; exact Last. }
  rewrite Row by exact Hi.
  assert (Ai := HA i Hi); assert (Ci := coupling_nonnegative i Hi).
  destruct i as [|j].
  - simpl (0 =? 0)%nat; cbv iota.
    destruct (Solved O Hi) as [E|[Z E]]; rewrite E; simpl; [field; lra|rewrite Z; field; lra].
  - simpl (S j =? 0)%nat; cbv iota; replace (S j - 1)%nat with j by lia.
    rewrite (Rel j Hi).
    assert (Q := wslope_bounds j ltac:(lia)); assert (Cj := coupling_nonnegative j ltac:(lia)).
    assert (0 <= coupling j * (1 - wslope j)) by (apply Rmult_le_pos; lra).
    destruct (Solved (S j) Hi) as [E|[Z E]]; rewrite E; simpl wslope; simpl woffset; [field; lra|rewrite Z; field; lra].
Qed.
End Thomas.
