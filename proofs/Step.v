(* Step.v: one layer step exists, is unique, stays positive and bounded: every T, every h > 0, any gain per clip.

   Words used here:
     T, u, v, s     clips, fields and reaction gain per clip (s i >= 0: the text modulates it)
     F, k, h        feed rate, kill rate, step size, all > 0 (k >= 0 suffices);  D_u, D_v >= 0
     u', v'         the fields after one step
     is_step        the two rows of the semi-implicit step hold at every clip (generated rows, reflecting ends)
     step_u, step_v the step computed by the Thomas algorithm of ClipLaplacian.v *)
From Coq Require Import Reals Lra Lia Psatz.
From RDMF Require Import Generated ClipLaplacian.
Open Scope R_scope.

Section Layer.
Variables (T : nat) (F k h D_u D_v : R).
Hypothesis HF : 0 < F.
Hypothesis Hk : 0 <= k.
Hypothesis Hh : 0 < h.
Hypothesis Hu : 0 <= D_u.
Hypothesis Hv : 0 <= D_v.

Definition field := nat -> R.

Definition is_step (s u v u' v' : field) : Prop := forall i, (i < T)%nat ->
  implicit_u F k (s i) h (u i) (v i) * u' i - h * D_u * lap T u' i = explicit_u F k (s i) h (u i) (v i) /\
  implicit_v F k (s i) h (u i) (v i) * v' i - h * D_v * lap T v' i = explicit_v F k (s i) h (u' i) (u i) (v i).

Definition admissible (u v : field) : Prop := forall i, (i < T)%nat -> 0 <= u i <= 1 /\ 0 <= v i.
Definition gain_ok (s : field) : Prop := forall i, (i < T)%nat -> 0 <= s i.

Definition step_u (s u v : field) : field :=
  solve (fun i => implicit_u F k (s i) h (u i) (v i)) (h * D_u) (fun i => explicit_u F k (s i) h (u i) (v i)) T.
Definition step_v (s u v : field) : field :=
  solve (fun i => implicit_v F k (s i) h (u i) (v i)) (h * D_v)
        (fun i => explicit_v F k (s i) h (step_u s u v i) (u i) (v i)) T.

(* Both matrices are M-matrices with row sums >= 1. *)
Lemma diagonal_u : forall s u v, gain_ok s -> forall i, (i < T)%nat -> 1 <= implicit_u F k (s i) h (u i) (v i).
Proof.
  intros s u v Hs i Hi; unfold implicit_u; assert (S := Hs i Hi).
  assert (0 <= s i * v i ^ 2) by (apply Rmult_le_pos; [lra|apply pow2_ge_0]).
  assert (0 <= h * (F + s i * v i ^ 2)) by (apply Rmult_le_pos; lra); lra.
Qed.

Lemma diagonal_v : forall (s u v : field) i, 1 <= implicit_v F k (s i) h (u i) (v i).
Proof. intros; unfold implicit_v; assert (0 <= h * (F + k)) by (apply Rmult_le_pos; lra); lra. Qed.

Lemma coupling_u : 0 <= h * D_u. Proof. apply Rmult_le_pos; lra. Qed.
Lemma coupling_v : 0 <= h * D_v. Proof. apply Rmult_le_pos; lra. Qed.

Theorem step_exists : forall s u v, gain_ok s -> is_step s u v (step_u s u v) (step_v s u v).
Proof.
  intros s u v Hs i Hi; split.
  - unfold step_u at 1 2.
    apply (thomas_solves (fun i => implicit_u F k (s i) h (u i) (v i)) (h * D_u)
             (fun i => explicit_u F k (s i) h (u i) (v i))); [exact coupling_u| |exact Hi].
    intros j Hj; assert (D := diagonal_u s u v Hs j Hj); lra.
  - unfold step_v.
    apply (thomas_solves (fun i => implicit_v F k (s i) h (u i) (v i)) (h * D_v)
             (fun i => explicit_v F k (s i) h (step_u s u v i) (u i) (v i))); [exact coupling_v| |exact Hi].
    intros j Hj; assert (D := diagonal_v s u v j); lra.
Qed.

Theorem step_unique : forall s u v u1 v1 u2 v2, gain_ok s -> is_step s u v u1 v1 -> is_step s u v u2 v2 ->
  forall i, (i < T)%nat -> u1 i = u2 i /\ v1 i = v2 i.
Proof.
  intros s u v u1 v1 u2 v2 Hs H1 H2.
  assert (EU : forall i, (i < T)%nat -> u1 i = u2 i).
  { apply (solution_unique T (fun i => implicit_u F k (s i) h (u i) (v i)) (h * D_u))
      with (b := fun i => explicit_u F k (s i) h (u i) (v i)); [|exact coupling_u| |]; intros i Hi.
    - assert (D := diagonal_u s u v Hs i Hi); lra.
    - apply H1; exact Hi.
    - apply H2; exact Hi. }
  intros i Hi; split; [apply EU; exact Hi|revert i Hi].
  apply (solution_unique T (fun i => implicit_v F k (s i) h (u i) (v i)) (h * D_v))
    with (b := fun i => explicit_v F k (s i) h (u1 i) (u i) (v i)); [|exact coupling_v| |]; intros i Hi.
  - assert (D := diagonal_v s u v i); lra.
  - apply H1; exact Hi.
  - rewrite EU by exact Hi; apply H2; exact Hi.
Qed.

Section OneStep.
Variables s u v u' v' : field.
Hypothesis Hs : gain_ok s.
Hypothesis Hstep : is_step s u v u' v'.
Hypothesis Hin : admissible u v.

Lemma gain_term : forall i, (i < T)%nat -> 0 <= h * (s i * v i ^ 2).
Proof.
  intros i Hi; apply Rmult_le_pos; [lra|apply Rmult_le_pos; [apply Hs; exact Hi|apply pow2_ge_0]].
Qed.

Theorem step_u_nonnegative : forall i, (i < T)%nat -> 0 <= u' i.
Proof.
  apply (nonnegative_solution T (fun i => implicit_u F k (s i) h (u i) (v i)) (h * D_u)); [|exact coupling_u|].
  - intros i Hi; assert (D := diagonal_u s u v Hs i Hi); lra.
  - intros i Hi; destruct (Hstep i Hi) as [E _]; rewrite E; unfold explicit_u.
    destruct (Hin i Hi); assert (0 <= F * h) by (apply Rmult_le_pos; lra); lra.
Qed.

Theorem step_u_below_one : forall i, (i < T)%nat -> u' i <= 1.
Proof.
  apply (solution_below T (fun i => implicit_u F k (s i) h (u i) (v i)) (h * D_u)); [|exact coupling_u|].
  - intros i Hi; assert (D := diagonal_u s u v Hs i Hi); lra.
  - intros i Hi; destruct (Hstep i Hi) as [E _]; rewrite E; unfold explicit_u, implicit_u.
    destruct (Hin i Hi); assert (G := gain_term i Hi); lra.
Qed.

Theorem step_v_nonnegative : forall i, (i < T)%nat -> 0 <= v' i.
Proof.
  apply (nonnegative_solution T (fun i => implicit_v F k (s i) h (u i) (v i)) (h * D_v)); [|exact coupling_v|].
  - intros i Hi; assert (D := diagonal_v s u v i); lra.
  - intros i Hi; destruct (Hstep i Hi) as [_ E]; rewrite E; unfold explicit_v.
    destruct (Hin i Hi); assert (G := gain_term i Hi); assert (P := step_u_nonnegative i Hi).
    assert (0 <= h * (s i * v i ^ 2) * u' i) by (apply Rmult_le_pos; assumption); lra.
Qed.

Theorem step_admissible : admissible u' v'.
Proof.
  intros i Hi; split; [split|];
    [apply step_u_nonnegative|apply step_u_below_one|apply step_v_nonnegative]; exact Hi.
Qed.

(* max v' <= (max v + 1 + h F + 2 h D_u) / (1 + h w): what reacts was fed, stood there or flowed in. *)
Theorem step_v_bound : forall V, (forall i, (i < T)%nat -> v i <= V) ->
  forall i, (i < T)%nat -> v' i <= (V + 1 + h * F + 2 * h * D_u) / (1 + h * (F + k)).
Proof.
  intros V HV.
  assert (W : 0 < 1 + h * (F + k)) by (assert (0 <= h * (F + k)) by (apply Rmult_le_pos; lra); lra).
  apply (solution_below T (fun i => implicit_v F k (s i) h (u i) (v i)) (h * D_v)); [|exact coupling_v|].
  - intros i Hi; assert (D := diagonal_v s u v i); lra.
  - intros i Hi; destruct (Hstep i Hi) as [E1 E2]; rewrite E2; unfold explicit_v, implicit_v.
    replace ((h * (F + k) + 1) * ((V + 1 + h * F + 2 * h * D_u) / (1 + h * (F + k))))
      with (V + 1 + h * F + 2 * h * D_u) by (field; lra).
    assert (L : lap T u' i <= 2 - 2 * u' i \/ lap T u' i <= 1 - u' i \/ lap T u' i = 0).
    { rewrite lap_differences by exact Hi.
      destruct (Nat.eqb_spec i 0), (Nat.eqb_spec (S i) T).
      - right; right; ring.
      - assert (u' (S i) <= 1) by (apply step_u_below_one; lia); right; left; lra.
      - assert (u' (i - 1)%nat <= 1) by (apply step_u_below_one; lia); right; left; lra.
      - assert (u' (i - 1)%nat <= 1) by (apply step_u_below_one; lia).
        assert (u' (S i) <= 1) by (apply step_u_below_one; lia); left; lra. }
    assert (P := step_u_nonnegative i Hi); assert (V1 := HV i Hi); destruct (Hin i Hi) as [[_ U1] _].
    assert (L2 : lap T u' i <= 2) by (destruct L as [L|[L|L]]; lra).
    assert (C := coupling_u); assert (h * D_u * lap T u' i <= h * D_u * 2) by (apply Rmult_le_compat_l; assumption).
    assert (0 <= h * F * u' i) by (apply Rmult_le_pos; [apply Rmult_le_pos; lra|exact P]).
    unfold implicit_u, explicit_u in E1; lra.
Qed.

(* mean (u + v) never exceeds max (1, its value before). *)
Theorem step_mean_bound : forall M, 1 <= M -> sum T (fun i => 1 * u i + 1 * v i) <= INR T * M ->
  sum T (fun i => 1 * u' i + 1 * v' i) <= INR T * M.
Proof.
  intros M HM Hmean.
  assert (EU : sum T (fun i => (1 + h * F) * u' i + 1 * (h * (s i * v i ^ 2) * u' i))
               = sum T (fun i => 1 * u i + 1 * (h * F))).
  { transitivity (sum T (fun i => 1 * (implicit_u F k (s i) h (u i) (v i) * u' i - h * D_u * lap T u' i)
                                  + (h * D_u) * lap T u' i)).
    - apply sum_ext; intros; unfold implicit_u; ring.
    - rewrite sum_linear, laplacian_conserves, Rmult_0_r, Rplus_0_r, Rmult_1_l.
      apply sum_ext; intros i Hi; destruct (Hstep i Hi) as [E _]; rewrite E; unfold explicit_u; ring. }
  assert (EV : sum T (fun i => (1 + h * (F + k)) * v' i + 0 * v i)
               = sum T (fun i => 1 * v i + 1 * (h * (s i * v i ^ 2) * u' i))).
  { transitivity (sum T (fun i => 1 * (implicit_v F k (s i) h (u i) (v i) * v' i - h * D_v * lap T v' i)
                                  + (h * D_v) * lap T v' i)).
    - apply sum_ext; intros; unfold implicit_v; ring.
    - rewrite sum_linear, laplacian_conserves, Rmult_0_r, Rplus_0_r, Rmult_1_l.
      apply sum_ext; intros i Hi; destruct (Hstep i Hi) as [_ E]; rewrite E; unfold explicit_v; ring. }
  rewrite !sum_linear in EU, EV; rewrite sum_linear in Hmean; rewrite sum_linear.
  rewrite sum_constant in EU.
  assert (V0 : 0 <= sum T v').
  { replace 0 with (sum T (fun _ => 0)) by (rewrite sum_constant; ring).
    apply sum_le; intros; apply step_v_nonnegative; assumption. }
  assert (N := pos_INR T); assert (0 < h * F) by (apply Rmult_lt_0_compat; lra).
  assert (0 <= h * k * sum T v') by (apply Rmult_le_pos; [apply Rmult_le_pos; lra|exact V0]).
  assert (K : (1 + h * F) * (sum T u' + sum T v') <= INR T * M + h * F * (INR T * M)).
  { assert (h * F * INR T <= h * F * (INR T * M)) by (apply Rmult_le_compat_l; [lra|nra]).
    lra. }
  assert (K' : (1 + h * F) * (sum T u' + sum T v') <= (1 + h * F) * (INR T * M)) by lra.
  apply Rmult_le_reg_l in K'; lra.
Qed.
End OneStep.

(* N steps with any gains: the computed states stay in bounds. *)
Fixpoint run (n : nat) (s : nat -> field) (u v : field) : field * field :=
  match n with
  | O => (u, v)
  | S m => let (x, y) := run m s u v in (step_u (s m) x y, step_v (s m) x y)
  end.

Theorem run_admissible : forall n s u v, (forall m, gain_ok (s m)) -> admissible u v ->
  admissible (fst (run n s u v)) (snd (run n s u v)).
Proof.
  induction n as [|n IH]; intros s u v Hs H; simpl; [exact H|].
  specialize (IH s u v Hs H); destruct (run n s u v) as [x y]; simpl in *.
  apply (step_admissible (s n) x y); [apply Hs|apply step_exists, Hs|exact IH].
Qed.
End Layer.
