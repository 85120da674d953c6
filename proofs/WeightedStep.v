(* WeightedStep.v: the two-field step with any diffusion: it exists, is unique, positive and bounded, and balanced.

   Words used here: as in Step.v, and
     L              any diffusion of T clips (Conductances.v): clips with cuts, or a weighted graph
     is_wstep       the two rows of the step with L in place of the clip Laplacian
     wstep_u, wstep_v   the step on clips with conductances, by one weighted elimination per field *)
From Coq Require Import Reals Lra Lia Psatz.
From RDMF Require Import Generated SteadyStates ClipLaplacian Step WellBalanced Conductances.
Open Scope R_scope.

Definition is_wstep (T : nat) (L : field -> field) (F k h D_u D_v : R) (s u v u' v' : field) : Prop :=
  forall i, (i < T)%nat ->
  implicit_u F k (s i) h (u i) (v i) * u' i - h * D_u * L u' i = explicit_u F k (s i) h (u i) (v i) /\
  implicit_v F k (s i) h (u i) (v i) * v' i - h * D_v * L v' i = explicit_v F k (s i) h (u' i) (u i) (v i).

(* All conductances 1: the step of Step.v. *)
Theorem wstep_uniform : forall T F k h D_u D_v s u v u' v',
  is_wstep T (wlap T (fun _ => 1)) F k h D_u D_v s u v u' v' <-> is_step T F k h D_u D_v s u v u' v'.
Proof.
  intros; unfold is_wstep, is_step; split; intros H i Hi; destruct (H i Hi) as [E1 E2].
  - rewrite !wlap_uniform in E1, E2 by exact Hi; split; assumption.
  - rewrite !wlap_uniform by exact Hi; split; assumption.
Qed.

Section Layer.
Variables (T : nat) (L : field -> field) (F k h D_u D_v : R).
Hypothesis HL : diffusion T L.
Hypothesis HF : 0 < F.
Hypothesis Hk : 0 <= k.
Hypothesis Hh : 0 < h.
Hypothesis Hu : 0 <= D_u.
Hypothesis Hv : 0 <= D_v.

Theorem wstep_unique : forall s u v u1 v1 u2 v2, gain_ok T s ->
  is_wstep T L F k h D_u D_v s u v u1 v1 -> is_wstep T L F k h D_u D_v s u v u2 v2 ->
  forall i, (i < T)%nat -> u1 i = u2 i /\ v1 i = v2 i.
Proof.
  intros s u v u1 v1 u2 v2 Hs H1 H2.
  assert (Cu := coupling_u h D_u Hh Hu); assert (Cv := coupling_v h D_v Hh Hv).
  assert (EU : forall i, (i < T)%nat -> u1 i = u2 i).
  { apply (diffusion_solution_unique T L (fun i => implicit_u F k (s i) h (u i) (v i)) (h * D_u) HL)
      with (b := fun i => explicit_u F k (s i) h (u i) (v i)); [|exact Cu| |]; intros i Hi.
    - assert (D := diagonal_u T F k h HF Hh s u v Hs i Hi); lra.
    - apply H1; exact Hi.
    - apply H2; exact Hi. }
  intros i Hi; split; [apply EU; exact Hi|revert i Hi].
  apply (diffusion_solution_unique T L (fun i => implicit_v F k (s i) h (u i) (v i)) (h * D_v) HL)
    with (b := fun i => explicit_v F k (s i) h (u1 i) (u i) (v i)); [|exact Cv| |]; intros i Hi.
  - assert (D := diagonal_v F k h HF Hk Hh s u v i); lra.
  - apply H1; exact Hi.
  - rewrite EU by exact Hi; apply H2; exact Hi.
Qed.

Section OneStep.
Variables s u v u' v' : field.
Hypothesis Hs : gain_ok T s.
Hypothesis Hstep : is_wstep T L F k h D_u D_v s u v u' v'.
Hypothesis Hin : admissible T u v.

Lemma wstep_u_nonnegative : forall i, (i < T)%nat -> 0 <= u' i.
Proof.
  apply (diffusion_nonnegative_solution T L (fun i => implicit_u F k (s i) h (u i) (v i)) (h * D_u) HL);
    [|exact (coupling_u h D_u Hh Hu)|].
  - intros i Hi; assert (D := diagonal_u T F k h HF Hh s u v Hs i Hi); lra.
  - intros i Hi; destruct (Hstep i Hi) as [E _]; rewrite E; unfold explicit_u.
    destruct (Hin i Hi); assert (0 <= F * h) by (apply Rmult_le_pos; lra); lra.
Qed.

Lemma wstep_u_below_one : forall i, (i < T)%nat -> u' i <= 1.
Proof.
  apply (diffusion_solution_below T L (fun i => implicit_u F k (s i) h (u i) (v i)) (h * D_u) HL);
    [|exact (coupling_u h D_u Hh Hu)|].
  - intros i Hi; assert (D := diagonal_u T F k h HF Hh s u v Hs i Hi); lra.
  - intros i Hi; destruct (Hstep i Hi) as [E _]; rewrite E; unfold explicit_u, implicit_u.
    destruct (Hin i Hi); assert (G := gain_term T h Hh s v Hs i Hi); lra.
Qed.

Lemma wstep_v_nonnegative : forall i, (i < T)%nat -> 0 <= v' i.
Proof.
  apply (diffusion_nonnegative_solution T L (fun i => implicit_v F k (s i) h (u i) (v i)) (h * D_v) HL);
    [|exact (coupling_v h D_v Hh Hv)|].
  - intros i Hi; assert (D := diagonal_v F k h HF Hk Hh s u v i); lra.
  - intros i Hi; destruct (Hstep i Hi) as [_ E]; rewrite E; unfold explicit_v.
    destruct (Hin i Hi); assert (G := gain_term T h Hh s v Hs i Hi); assert (P := wstep_u_nonnegative i Hi).
    assert (0 <= h * (s i * v i ^ 2) * u' i) by (apply Rmult_le_pos; assumption); lra.
Qed.

Theorem wstep_admissible : admissible T u' v'.
Proof.
  intros i Hi; split; [split|];
    [apply wstep_u_nonnegative|apply wstep_u_below_one|apply wstep_v_nonnegative]; exact Hi.
Qed.

(* max v' <= (max v + 1 + h F + degree h D_u) / (1 + h w), where degree bounds what L can bring into a clip *)
Theorem wstep_v_bound : forall V degree, (forall i, (i < T)%nat -> v i <= V) ->
  (forall x i, (i < T)%nat -> (forall j, (j < T)%nat -> 0 <= x j <= 1) -> L x i <= degree) ->
  forall i, (i < T)%nat -> v' i <= (V + 1 + h * F + degree * h * D_u) / (1 + h * (F + k)).
Proof.
  intros V degree HV HD.
  assert (W : 0 < 1 + h * (F + k)) by (assert (0 <= h * (F + k)) by (apply Rmult_le_pos; lra); lra).
  apply (diffusion_solution_below T L (fun i => implicit_v F k (s i) h (u i) (v i)) (h * D_v) HL);
    [|exact (coupling_v h D_v Hh Hv)|].
  - intros i Hi; assert (D := diagonal_v F k h HF Hk Hh s u v i); lra.
  - intros i Hi; destruct (Hstep i Hi) as [E1 E2]; rewrite E2; unfold explicit_v, implicit_v.
    replace ((h * (F + k) + 1) * ((V + 1 + h * F + degree * h * D_u) / (1 + h * (F + k))))
      with (V + 1 + h * F + degree * h * D_u) by (field; lra).
    assert (L2 : L u' i <= degree) by (apply HD; [exact Hi|intros; apply wstep_admissible; assumption]).
    assert (P := wstep_u_nonnegative i Hi); assert (V1 := HV i Hi); destruct (Hin i Hi) as [[_ U1] _].
    assert (C := coupling_u h D_u Hh Hu).
    assert (h * D_u * L u' i <= h * D_u * degree) by (apply Rmult_le_compat_l; assumption).
    assert (0 <= h * F * u' i) by (apply Rmult_le_pos; [apply Rmult_le_pos; lra|exact P]).
    unfold implicit_u, explicit_u in E1; lra.
Qed.

(* mean (u + v) never exceeds max (1, its value before) *)
Theorem wstep_mean_bound : forall M, 1 <= M -> sum T (fun i => 1 * u i + 1 * v i) <= INR T * M ->
  sum T (fun i => 1 * u' i + 1 * v' i) <= INR T * M.
Proof.
  intros M HM Hmean; assert (Cons := diffusion_conserves T L HL).
  assert (EU : sum T (fun i => (1 + h * F) * u' i + 1 * (h * (s i * v i ^ 2) * u' i))
               = sum T (fun i => 1 * u i + 1 * (h * F))).
  { transitivity (sum T (fun i => 1 * (implicit_u F k (s i) h (u i) (v i) * u' i - h * D_u * L u' i)
                                  + (h * D_u) * L u' i)).
    - apply sum_ext; intros; unfold implicit_u; ring.
    - rewrite sum_linear, Cons, Rmult_0_r, Rplus_0_r, Rmult_1_l.
      apply sum_ext; intros i Hi; destruct (Hstep i Hi) as [E _]; rewrite E; unfold explicit_u; ring. }
  assert (EV : sum T (fun i => (1 + h * (F + k)) * v' i + 0 * v i)
               = sum T (fun i => 1 * v i + 1 * (h * (s i * v i ^ 2) * u' i))).
  { transitivity (sum T (fun i => 1 * (implicit_v F k (s i) h (u i) (v i) * v' i - h * D_v * L v' i)
                                  + (h * D_v) * L v' i)).
    - apply sum_ext; intros; unfold implicit_v; ring.
    - rewrite sum_linear, Cons, Rmult_0_r, Rplus_0_r, Rmult_1_l.
      apply sum_ext; intros i Hi; destruct (Hstep i Hi) as [_ E]; rewrite E; unfold explicit_v; ring. }
  rewrite !sum_linear in EU, EV; rewrite sum_linear in Hmean; rewrite sum_linear.
  rewrite sum_constant in EU.
  assert (V0 : 0 <= sum T v') by (apply sum_nonnegative; intros; apply wstep_v_nonnegative; assumption).
  assert (N := pos_INR T); assert (0 < h * F) by (apply Rmult_lt_0_compat; lra).
  assert (0 <= h * k * sum T v') by (apply Rmult_le_pos; [apply Rmult_le_pos; lra|exact V0]).
  assert (K : (1 + h * F) * (sum T u' + sum T v') <= INR T * M + h * F * (INR T * M)).
  { assert (h * F * INR T <= h * F * (INR T * M)) by (apply Rmult_le_compat_l; [lra|nra]).
    lra. }
  assert (K' : (1 + h * F) * (sum T u' + sum T v') <= (1 + h * F) * (INR T * M)) by lra.
  apply Rmult_le_reg_l in K'; lra.
Qed.
End OneStep.

(* Fixed points are the steady states of the clips' system with the same diffusion. *)
Theorem wstep_fixed_point_iff : forall s u v, is_wstep T L F k h D_u D_v s u v u v <->
  forall i, (i < T)%nat ->
    D_u * L u i + reaction_u F k (s i) (u i) (v i) = 0 /\ D_v * L v i + reaction_v F k (s i) (u i) (v i) = 0.
Proof.
  intros s u v.
  assert (K : forall a : R, h * a = 0 -> a = 0) by (intros a E; apply Rmult_integral in E; lra).
  split; intros H i Hi; destruct (H i Hi) as [E1 E2].
  - unfold implicit_u, explicit_u, implicit_v, explicit_v in *; unfold reaction_u, reaction_v.
    split; apply K; lra.
  - unfold implicit_u, explicit_u, implicit_v, explicit_v; unfold reaction_u, reaction_v in *.
    split.
    + transitivity (F * h + u i - h * (D_u * L u i + (F * (1 - u i) - s i * u i * v i ^ 2))); [ring|].
      rewrite E1; ring.
    + transitivity (h * s i * u i * v i ^ 2 + v i - h * (D_v * L v i + (s i * u i * v i ^ 2 - v i * (F + k)))); [ring|].
      rewrite E2; ring.
Qed.
End Layer.

(* Clips with conductances: existence by one weighted elimination per field, and the degree 2 of the bound. *)
Lemma wlap_degree : forall T kappa x i, conductances T kappa -> (i < T)%nat ->
  (forall j, (j < T)%nat -> 0 <= x j <= 1) -> wlap T kappa x i <= 2.
Proof.
  intros T kappa x i HK Hi Hx; rewrite wlap_differences by exact Hi.
  assert (Edge : forall e j, (S e < T)%nat -> (j < T)%nat -> kappa e * (x j - x i) <= 1).
  { intros e j He Hj; destruct (HK e He); destruct (Hx j Hj), (Hx i Hi).
    apply Rle_trans with (kappa e * 1); [apply Rmult_le_compat_l; lra|lra]. }
  assert ((if (i =? 0)%nat then 0 else kappa (i - 1)%nat * (x (i - 1)%nat - x i)) <= 1).
  { destruct (Nat.eqb_spec i 0); [lra|apply Edge; lia]. }
  assert ((if (S i =? T)%nat then 0 else kappa i * (x (S i) - x i)) <= 1).
  { destruct (Nat.eqb_spec (S i) T); [lra|apply Edge; lia]. }
  lra.
Qed.

Section Clips.
Variables (T : nat) (kappa : nat -> R) (F k h D_u D_v : R).
Hypothesis HK : conductances T kappa.
Hypothesis HF : 0 < F.
Hypothesis Hk : 0 <= k.
Hypothesis Hh : 0 < h.
Hypothesis Hu : 0 <= D_u.
Hypothesis Hv : 0 <= D_v.

Definition wstep_u (s u v : field) : field :=
  wsolve T (fun i => implicit_u F k (s i) h (u i) (v i)) (h * D_u) kappa (fun i => explicit_u F k (s i) h (u i) (v i)).
Definition wstep_v (s u v : field) : field :=
  wsolve T (fun i => implicit_v F k (s i) h (u i) (v i)) (h * D_v) kappa
           (fun i => explicit_v F k (s i) h (wstep_u s u v i) (u i) (v i)).

Theorem wstep_exists : forall s u v, gain_ok T s ->
  is_wstep T (wlap T kappa) F k h D_u D_v s u v (wstep_u s u v) (wstep_v s u v).
Proof.
  intros s u v Hs i Hi; split.
  - unfold wstep_u at 1 2.
    apply (weighted_thomas_solves T (fun i => implicit_u F k (s i) h (u i) (v i)) (h * D_u) kappa
             (fun i => explicit_u F k (s i) h (u i) (v i))); [|exact (coupling_u h D_u Hh Hu)|intros; apply HK; assumption|exact Hi].
    intros j Hj; assert (D := diagonal_u T F k h HF Hh s u v Hs j Hj); lra.
  - unfold wstep_v.
    apply (weighted_thomas_solves T (fun i => implicit_v F k (s i) h (u i) (v i)) (h * D_v) kappa
             (fun i => explicit_v F k (s i) h (wstep_u s u v i) (u i) (v i)));
      [|exact (coupling_v h D_v Hh Hv)|intros; apply HK; assumption|exact Hi].
    intros j Hj; assert (D := diagonal_v F k h HF Hk Hh s u v j); lra.
Qed.

Fixpoint wrun (n : nat) (s : nat -> field) (u v : field) : field * field :=
  match n with
  | O => (u, v)
  | S m => let (x, y) := wrun m s u v in (wstep_u (s m) x y, wstep_v (s m) x y)
  end.

Theorem wrun_admissible : forall n s u v, (forall m, gain_ok T (s m)) -> admissible T u v ->
  admissible T (fst (wrun n s u v)) (snd (wrun n s u v)).
Proof.
  induction n as [|n IH]; intros s u v Hs H; simpl; [exact H|].
  specialize (IH s u v Hs H); destruct (wrun n s u v) as [x y]; simpl in *.
  assert (DL : diffusion T (wlap T kappa)) by (apply wlap_diffusion; intros i Hi; apply HK; exact Hi).
  apply (wstep_admissible T (wlap T kappa) F k h D_u D_v DL HF Hk Hh Hu Hv (s n) x y);
    [apply Hs|apply wstep_exists, Hs|exact IH].
Qed.

(* With cuts v' stays below the bound of the layer without: (max v + 1 + h F + 2 h D_u) / (1 + h w). *)
Theorem wstep_clips_v_bound : forall s u v V, gain_ok T s -> admissible T u v -> (forall i, (i < T)%nat -> v i <= V) ->
  forall i, (i < T)%nat -> wstep_v s u v i <= (V + 1 + h * F + 2 * h * D_u) / (1 + h * (F + k)).
Proof.
  intros s u v V Hs Hin HV.
  assert (DL : diffusion T (wlap T kappa)) by (apply wlap_diffusion; intros i Hi; apply HK; exact Hi).
  apply (wstep_v_bound T (wlap T kappa) F k h D_u D_v DL HF Hk Hh Hu Hv s u v (wstep_u s u v)); try assumption.
  - apply wstep_exists; exact Hs.
  - intros x i Hi Hx; apply wlap_degree; assumption.
Qed.
End Clips.
