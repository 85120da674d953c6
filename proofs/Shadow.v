(* Shadow.v: the shadow system, one substrate per video: its step exists, stays bounded, and is the limit of large D_u.

   Words used here: as in Step.v and Conductances.v, and
     mean T x       (x 0 + ... + x (T - 1)) / T, over the clips that count
     u, u'          one number per video, the substrate before and after the step
     is_shadow_step the mean over the clips of the substrate's generated row, u' the same everywhere;
                    the activator's generated row at every clip
     Phi            a bound of s i * v i ^ 2 *)
From Coq Require Import Reals Lra Lia Psatz.
From RDMF Require Import Generated SteadyStates ClipLaplacian Step Conductances WeightedStep.
Open Scope R_scope.

Definition mean (T : nat) (x : nat -> R) : R := sum T x / INR T.

Lemma clips_count : forall T, (0 < T)%nat -> 0 < INR T.
Proof. intros; apply lt_0_INR; assumption. Qed.

Lemma mean_linear : forall T a x c y, (0 < T)%nat -> mean T (fun i => a * x i + c * y i) = a * mean T x + c * mean T y.
Proof. intros T a x c y H; unfold mean; rewrite sum_linear; assert (N := clips_count T H); field; lra. Qed.

Lemma mean_constant : forall T c, (0 < T)%nat -> mean T (fun _ => c) = c.
Proof. intros T c H; unfold mean; rewrite sum_constant; assert (N := clips_count T H); field; lra. Qed.

Lemma mean_ext : forall T x y, (forall i, (i < T)%nat -> x i = y i) -> mean T x = mean T y.
Proof. intros T x y E; unfold mean; rewrite (sum_ext T x y E); reflexivity. Qed.

Lemma mean_sum : forall T x, (0 < T)%nat -> sum T x = INR T * mean T x.
Proof. intros T x H; unfold mean; assert (N := clips_count T H); field; lra. Qed.

Lemma mean_nonnegative : forall T x, (0 < T)%nat -> (forall i, (i < T)%nat -> 0 <= x i) -> 0 <= mean T x.
Proof.
  intros T x H P; unfold mean; apply quotient_nonnegative; [apply sum_nonnegative; exact P|apply clips_count; exact H].
Qed.

(* One clip is at most T times the mean. *)
Lemma clip_below_mean : forall T x i, (0 < T)%nat -> (forall j, (j < T)%nat -> 0 <= x j) -> (i < T)%nat ->
  x i <= INR T * mean T x.
Proof.
  intros T x i H P Hi; rewrite <- mean_sum by exact H.
  assert (G : forall n, (n <= T)%nat -> (i < n)%nat -> x i <= sum n x); [|apply G; lia].
  induction n as [|n IH]; intros L I; [lia|]; simpl.
  assert (Q : 0 <= sum n x) by (apply sum_nonnegative; intros j Hj; apply P; lia).
  destruct (Nat.eq_dec i n) as [E|N]; [subst i; lra|].
  assert (x i <= sum n x) by (apply IH; lia); assert (0 <= x n) by (apply P; lia); lra.
Qed.

Definition is_shadow_step (T : nat) (L : field -> field) (F k h D_v : R) (s : field) (u : R) (v : field)
  (u' : R) (v' : field) : Prop :=
  mean T (fun i => implicit_u F k (s i) h u (v i) * u') = mean T (fun i => explicit_u F k (s i) h u (v i)) /\
  forall i, (i < T)%nat -> implicit_v F k (s i) h u (v i) * v' i - h * D_v * L v' i = explicit_v F k (s i) h u' u (v i).

Definition consumption (T : nat) (s v : field) : R := mean T (fun i => s i * v i ^ 2).

(* The substrate's row in closed form: one division per step. *)
Definition shadow_u (T : nat) (F h : R) (s : field) (u : R) (v : field) : R :=
  (u + h * F) / (1 + h * (F + consumption T s v)).

Section Shadow.
Variables (T : nat) (L : field -> field) (F k h D_v : R).
Hypothesis HT : (0 < T)%nat.
Hypothesis HL : diffusion T L.
Hypothesis HF : 0 < F.
Hypothesis Hk : 0 <= k.
Hypothesis Hh : 0 < h.
Hypothesis Hv : 0 <= D_v.

Lemma consumption_nonnegative : forall s v, gain_ok T s -> 0 <= consumption T s v.
Proof.
  intros s v Hs; apply mean_nonnegative; [exact HT|].
  intros i Hi; apply Rmult_le_pos; [apply Hs; exact Hi|apply pow2_ge_0].
Qed.

Lemma shadow_pivot : forall s v, gain_ok T s -> 1 + h * F <= 1 + h * (F + consumption T s v).
Proof.
  intros s v Hs; assert (C := consumption_nonnegative s v Hs).
  assert (0 <= h * consumption T s v) by (apply Rmult_le_pos; lra); lra.
Qed.

Lemma feed_positive : 0 < h * F. Proof. apply Rmult_lt_0_compat; assumption. Qed.

Lemma mean_row : forall (s v : field) u u', mean T (fun i => implicit_u F k (s i) h u (v i) * u')
  = (1 + h * (F + consumption T s v)) * u'.
Proof.
  intros; rewrite (mean_ext T _ (fun i => (h * u') * (s i * v i ^ 2) + 1 * ((1 + h * F) * u')))
    by (intros; unfold implicit_u; ring).
  rewrite mean_linear, mean_constant by exact HT; unfold consumption; ring.
Qed.

Theorem shadow_u_iff : forall s v u u', gain_ok T s ->
  (mean T (fun i => implicit_u F k (s i) h u (v i) * u') = mean T (fun i => explicit_u F k (s i) h u (v i))
   <-> u' = shadow_u T F h s u v).
Proof.
  intros s v u u' Hs; rewrite mean_row.
  rewrite (mean_ext T (fun i => explicit_u F k (s i) h u (v i)) (fun _ => u + h * F)) by (intros; unfold explicit_u; ring).
  rewrite mean_constant by exact HT; unfold shadow_u.
  assert (P := shadow_pivot s v Hs); assert (Q := feed_positive); split; intro E.
  - rewrite <- E; field; lra.
  - rewrite E; field; lra.
Qed.

Theorem shadow_unique : forall s u v u1 v1 u2 v2, gain_ok T s -> is_shadow_step T L F k h D_v s u v u1 v1 ->
  is_shadow_step T L F k h D_v s u v u2 v2 -> u1 = u2 /\ forall i, (i < T)%nat -> v1 i = v2 i.
Proof.
  intros s u v u1 v1 u2 v2 Hs [A1 B1] [A2 B2]; apply (shadow_u_iff s v u _ Hs) in A1, A2.
  assert (E : u1 = u2) by congruence; split; [exact E|subst u2; rewrite <- E in B2].
  apply (diffusion_solution_unique T L (fun i => implicit_v F k (s i) h u (v i)) (h * D_v) HL)
    with (b := fun i => explicit_v F k (s i) h u1 u (v i)); [|apply (coupling_v h D_v Hh Hv)|exact B1|exact B2].
  intros i Hi; assert (D := diagonal_v F k h HF Hk Hh s (fun _ => u) v i); lra.
Qed.

Section OneStep.
Variables (s v v' : field) (u u' : R).
Hypothesis Hs : gain_ok T s.
Hypothesis Hstep : is_shadow_step T L F k h D_v s u v u' v'.
Hypothesis Hu : 0 <= u <= 1.
Hypothesis Hin : forall i, (i < T)%nat -> 0 <= v i.

(* The substrate stays in (0, 1]. *)
Theorem shadow_u_bounds : 0 < u' <= 1.
Proof.
  destruct Hstep as [A _]; apply (shadow_u_iff s v u u' Hs) in A; rewrite A; unfold shadow_u.
  assert (P := shadow_pivot s v Hs); assert (Q := feed_positive); split.
  - apply Rdiv_lt_0_compat; lra.
  - apply (Rmult_le_reg_r (1 + h * (F + consumption T s v))); [lra|].
    replace ((u + h * F) / (1 + h * (F + consumption T s v)) * (1 + h * (F + consumption T s v)))
      with (u + h * F) by (field; lra); lra.
Qed.

Lemma reacted_nonnegative : forall i, (i < T)%nat -> 0 <= h * s i * u' * v i ^ 2.
Proof.
  intros i Hi; destruct shadow_u_bounds as [P _]; assert (S := Hs i Hi); assert (V := pow2_ge_0 (v i)).
  apply Rmult_le_pos; [apply Rmult_le_pos; [apply Rmult_le_pos; lra|lra]|exact V].
Qed.

Theorem shadow_v_nonnegative : forall i, (i < T)%nat -> 0 <= v' i.
Proof.
  apply (diffusion_nonnegative_solution T L (fun i => implicit_v F k (s i) h u (v i)) (h * D_v) HL);
    [|exact (coupling_v h D_v Hh Hv)|].
  - intros i Hi; assert (D := diagonal_v F k h HF Hk Hh s (fun _ => u) v i); lra.
  - intros i Hi; destruct Hstep as [_ B]; rewrite (B i Hi); unfold explicit_v.
    assert (R := reacted_nonnegative i Hi); assert (V := Hin i Hi); lra.
Qed.

Lemma reacted_total : mean T (fun i => h * s i * u' * v i ^ 2) = u + h * F - (1 + h * F) * u'.
Proof.
  destruct Hstep as [A _]; rewrite mean_row in A.
  rewrite (mean_ext T (fun i => explicit_u F k (s i) h u (v i)) (fun _ => u + h * F)) in A by (intros; unfold explicit_u; ring).
  rewrite mean_constant in A by exact HT.
  rewrite (mean_ext T _ (fun i => (h * u') * (s i * v i ^ 2) + 0 * 0)) by (intros; ring).
  rewrite mean_linear by exact HT; fold (consumption T s v); lra.
Qed.

Lemma activator_total : (1 + h * (F + k)) * mean T v' = mean T v + (u + h * F - (1 + h * F) * u').
Proof.
  rewrite <- reacted_total; assert (C := diffusion_conserves T L HL v').
  assert (E : mean T (fun i => (1 + h * (F + k)) * v' i + - (h * D_v) * L v' i)
            = mean T (fun i => 1 * v i + 1 * (h * s i * u' * v i ^ 2))).
  { apply mean_ext; intros i Hi; destruct Hstep as [_ B]; assert (R := B i Hi).
    unfold implicit_v, explicit_v in R; lra. }
  rewrite !mean_linear in E by exact HT; unfold mean at 2 in E; rewrite C in E; lra.
Qed.

(* u + mean v never exceeds max (1, its value before). *)
Theorem shadow_mean_bound : forall M, 1 <= M -> u + mean T v <= M -> u' + mean T v' <= M.
Proof.
  intros M HM H; assert (A := activator_total); assert (Q := feed_positive).
  assert (V0 : 0 <= mean T v') by (apply mean_nonnegative; [exact HT|exact shadow_v_nonnegative]).
  assert (0 <= h * k * mean T v') by (apply Rmult_le_pos; [apply Rmult_le_pos; lra|exact V0]).
  assert (h * F * 1 <= h * F * M) by (apply Rmult_le_compat_l; lra).
  apply (Rmult_le_reg_l (1 + h * F)); [lra|]; lra.
Qed.

(* A single clip can hold what the whole video is fed: max v' <= (max v + T (1 + h F)) / (1 + h w). *)
Theorem shadow_v_bound : forall V, (forall i, (i < T)%nat -> v i <= V) ->
  forall i, (i < T)%nat -> v' i <= (V + INR T * (1 + h * F)) / (1 + h * (F + k)).
Proof.
  intros V HV.
  assert (W : 0 < 1 + h * (F + k)) by (assert (0 <= h * (F + k)) by (apply Rmult_le_pos; lra); lra).
  apply (diffusion_solution_below T L (fun i => implicit_v F k (s i) h u (v i)) (h * D_v) HL);
    [|exact (coupling_v h D_v Hh Hv)|].
  - intros i Hi; assert (D := diagonal_v F k h HF Hk Hh s (fun _ => u) v i); lra.
  - intros i Hi; destruct Hstep as [_ B]; rewrite (B i Hi); unfold explicit_v, implicit_v.
    replace ((h * (F + k) + 1) * ((V + INR T * (1 + h * F)) / (1 + h * (F + k)))) with (V + INR T * (1 + h * F))
      by (field; lra).
    assert (C := clip_below_mean T (fun i => h * s i * u' * v i ^ 2) i HT reacted_nonnegative Hi); cbv beta in C.
    rewrite reacted_total in C; assert (N := clips_count T HT); destruct shadow_u_bounds as [P _].
    assert (0 <= (1 + h * F) * u') by (apply Rmult_le_pos; [assert (Q := feed_positive); lra|lra]).
    assert (INR T * (u + h * F - (1 + h * F) * u') <= INR T * (1 + h * F)) by (apply Rmult_le_compat_l; lra).
    assert (V1 := HV i Hi); lra.
Qed.
End OneStep.

(* Fixed points are the steady states of the shadow system. *)
Theorem shadow_fixed_point_iff : forall s u v, is_shadow_step T L F k h D_v s u v u v <->
  (mean T (fun i => reaction_u F k (s i) u (v i)) = 0 /\
   forall i, (i < T)%nat -> D_v * L v i + reaction_v F k (s i) u (v i) = 0).
Proof.
  intros s u v; unfold is_shadow_step.
  assert (Z : forall a, h * a = 0 -> a = 0) by (intros a E; apply Rmult_integral in E; lra).
  assert (M : mean T (fun i => explicit_u F k (s i) h u (v i)) - mean T (fun i => implicit_u F k (s i) h u (v i) * u)
            = h * mean T (fun i => reaction_u F k (s i) u (v i))).
  { transitivity (mean T (fun i => 1 * explicit_u F k (s i) h u (v i) + -1 * (implicit_u F k (s i) h u (v i) * u))).
    - rewrite mean_linear by exact HT; ring.
    - rewrite (mean_ext T _ (fun i => h * reaction_u F k (s i) u (v i) + 0 * 0))
        by (intros; unfold explicit_u, implicit_u, reaction_u; ring).
      rewrite mean_linear by exact HT; ring. }
  split; intros [A B]; split.
  - apply Z; lra.
  - intros i Hi; assert (R := B i Hi); unfold implicit_v, explicit_v in R; unfold reaction_v; apply Z; lra.
  - rewrite A in M; lra.
  - intros i Hi; assert (R := B i Hi); unfold reaction_v in R; unfold implicit_v, explicit_v.
    transitivity (h * s i * u * v i ^ 2 + v i - h * (D_v * L v i + (s i * u * v i ^ 2 - v i * (F + k)))); [ring|].
    rewrite R; ring.
Qed.

(* The homogeneous states are those of the two-field system, whatever the conductances. *)
Theorem shadow_homogeneous_fixed_point : forall s u v, steady F k s u v ->
  is_shadow_step T L F k h D_v (fun _ => s) u (fun _ => v) u (fun _ => v).
Proof.
  intros s u v [E1 E2]; apply shadow_fixed_point_iff; split.
  - rewrite mean_constant by exact HT; exact E1.
  - intros i Hi; rewrite (diffusion_constant T L HL) by exact Hi; lra.
Qed.
End Shadow.

(* On clips with conductances the step exists: one division, one weighted elimination. *)
Definition shadow_v (T : nat) (kappa : nat -> R) (F k h D_v : R) (s : field) (u : R) (v : field) : field :=
  wsolve T (fun i => implicit_v F k (s i) h u (v i)) (h * D_v) kappa
           (fun i => explicit_v F k (s i) h (shadow_u T F h s u v) u (v i)).

Section Clips.
Variables (T : nat) (kappa : nat -> R) (F k h D_v : R).
Hypothesis HT : (0 < T)%nat.
Hypothesis HK : conductances T kappa.
Hypothesis HF : 0 < F.
Hypothesis Hk : 0 <= k.
Hypothesis Hh : 0 < h.
Hypothesis Hv : 0 <= D_v.

Lemma clips_diffuse : diffusion T (wlap T kappa).
Proof. apply wlap_diffusion; intros i Hi; apply HK; exact Hi. Qed.

Theorem shadow_exists : forall s u v, gain_ok T s ->
  is_shadow_step T (wlap T kappa) F k h D_v s u v (shadow_u T F h s u v) (shadow_v T kappa F k h D_v s u v).
Proof.
  intros s u v Hs; split; [apply shadow_u_iff; try assumption; reflexivity|intros i Hi; unfold shadow_v].
  apply (weighted_thomas_solves T (fun i => implicit_v F k (s i) h u (v i)) (h * D_v) kappa
           (fun i => explicit_v F k (s i) h (shadow_u T F h s u v) u (v i)));
    [|exact (coupling_v h D_v Hh Hv)|intros; apply HK; assumption|exact Hi].
  intros j Hj; assert (D := diagonal_v F k h HF Hk Hh s (fun _ => u) v j); lra.
Qed.

Fixpoint shadow_run (n : nat) (s : nat -> field) (u : R) (v : field) : R * field :=
  match n with
  | O => (u, v)
  | S m => let (x, y) := shadow_run m s u v in (shadow_u T F h (s m) x y, shadow_v T kappa F k h D_v (s m) x y)
  end.

Theorem shadow_run_bounds : forall n s u v M, (forall m, gain_ok T (s m)) -> 0 <= u <= 1 ->
  (forall i, (i < T)%nat -> 0 <= v i) -> 1 <= M -> u + mean T v <= M ->
  0 <= fst (shadow_run n s u v) <= 1 /\ (forall i, (i < T)%nat -> 0 <= snd (shadow_run n s u v) i) /\
  fst (shadow_run n s u v) + mean T (snd (shadow_run n s u v)) <= M.
Proof.
  induction n as [|n IH]; intros s u v M Hs Hu Hin HM H; simpl; [repeat split; try tauto; exact Hin|].
  destruct (IH s u v M Hs Hu Hin HM H) as (U & V & S); destruct (shadow_run n s u v) as [x y]; simpl in *.
  assert (Ex := shadow_exists (s n) x y (Hs n)).
  destruct (shadow_u_bounds T (wlap T kappa) F k h D_v HT HF Hh (s n) y _ x _ (Hs n) Ex U) as [P Q].
  split; [lra|split].
  - apply (shadow_v_nonnegative T (wlap T kappa) F k h D_v HT clips_diffuse HF Hk Hh Hv (s n) y _ x _ (Hs n) Ex U V).
  - apply (shadow_mean_bound T (wlap T kappa) F k h D_v HT clips_diffuse HF Hk Hh Hv (s n) y _ x _ (Hs n) Ex U V M HM S).
Qed.
End Clips.

(* The other end of one design: the two-field step with a uniform substrate tends to the shadow step as 1 / D_u. *)
Section Limit.
Variables (T : nat) (kappa : nat -> R) (F k h D_u D_v c Phi : R) (s v u' v' vs : field) (u us : R).
Hypothesis HT : (0 < T)%nat.
Hypothesis HK : forall i, (S i < T)%nat -> c <= kappa i <= 1.
Hypothesis Hc : 0 < c.
Hypothesis HF : 0 < F.
Hypothesis Hk : 0 <= k.
Hypothesis Hh : 0 < h.
Hypothesis HD : 0 < D_u.
Hypothesis Hv : 0 <= D_v.
Hypothesis Hs : gain_ok T s.
Hypothesis Hu : 0 <= u <= 1.
Hypothesis Hin : forall i, (i < T)%nat -> 0 <= v i.
Hypothesis HPhi : forall i, (i < T)%nat -> s i * v i ^ 2 <= Phi.
Hypothesis Hstep : is_wstep T (wlap T kappa) F k h D_u D_v s (fun _ => u) v u' v'.
Hypothesis Hshadow : is_shadow_step T (wlap T kappa) F k h D_v s u v us vs.

Let HKc : conductances T kappa. Proof. intros i Hi; destruct (HK i Hi); lra. Qed.
Let DL := clips_diffuse T kappa HKc.
Let bound := INR T ^ 2 * (1 + h * F + h * Phi) / (c * h * D_u).

Lemma limit_admissible : admissible T u' v'.
Proof.
  apply (wstep_admissible T (wlap T kappa) F k h D_u D_v DL HF Hk Hh (Rlt_le _ _ HD) Hv s (fun _ => u) v u' v' Hs Hstep).
  intros i Hi; split; [exact Hu|apply Hin; exact Hi].
Qed.

Lemma phi_nonnegative : 0 <= Phi.
Proof. assert (P := HPhi O HT); assert (0 <= s O * v O ^ 2) by (apply Rmult_le_pos; [apply Hs; exact HT|apply pow2_ge_0]); lra. Qed.

(* the flux over edge i is what the clips 0 .. i make or use *)
Lemma flux_value : forall i, (S i < T)%nat -> sum (S i) (wlap T kappa u') = kappa i * (u' (S i) - u' i).
Proof.
  induction i as [|i IH]; intro Hi; cbn [sum].
  - rewrite wlap_differences by lia; simpl (0 =? 0)%nat; cbv iota.
    destruct (Nat.eqb_spec 1 T); [lia|]; ring.
  - change (sum (S i) (wlap T kappa u') + wlap T kappa u' (S i) = kappa (S i) * (u' (S (S i)) - u' (S i))).
    rewrite IH by lia; rewrite wlap_differences by lia; simpl (S i =? 0)%nat; cbv iota.
    replace (S i - 1)%nat with i by lia; destruct (Nat.eqb_spec (S (S i)) T); [lia|]; ring.
Qed.

Lemma row_size : forall i, (i < T)%nat -> Rabs (h * D_u * wlap T kappa u' i) <= 1 + h * F + h * Phi.
Proof.
  intros i Hi; destruct (Hstep i Hi) as [E _]; destruct (limit_admissible i Hi) as [[U0 U1] _].
  assert (P := HPhi i Hi); assert (S0 : 0 <= s i * v i ^ 2) by (apply Rmult_le_pos; [apply Hs; exact Hi|apply pow2_ge_0]).
  assert (Q : 0 < h * F) by (apply Rmult_lt_0_compat; assumption).
  assert (R0 : 0 <= h * (s i * v i ^ 2)) by (apply Rmult_le_pos; lra).
  assert (R1 : h * (s i * v i ^ 2) <= h * Phi) by (apply Rmult_le_compat_l; lra).
  unfold implicit_u, explicit_u in E; apply Rabs_le.
  assert (0 <= (h * (F + s i * v i ^ 2) + 1) * u' i) by (apply Rmult_le_pos; lra).
  assert ((h * (F + s i * v i ^ 2) + 1) * u' i <= (h * (F + s i * v i ^ 2) + 1) * 1) by (apply Rmult_le_compat_l; lra).
  split; lra.
Qed.

Lemma neighbours_close : forall i, (S i < T)%nat ->
  Rabs (u' (S i) - u' i) <= INR T * (1 + h * F + h * Phi) / (c * h * D_u).
Proof.
  intros i Hi; set (K := 1 + h * F + h * Phi).
  assert (Pd : 0 < h * D_u) by (apply Rmult_lt_0_compat; assumption).
  assert (K0 : 0 <= K).
  { unfold K; assert (P := phi_nonnegative); assert (0 <= h * F) by (apply Rmult_le_pos; lra);
    assert (0 <= h * Phi) by (apply Rmult_le_pos; lra); lra. }
  assert (Fl : forall n, (n <= T)%nat -> Rabs (h * D_u * sum n (wlap T kappa u')) <= INR n * K).
  { induction n as [|n IH]; intro Hn; [simpl; rewrite Rmult_0_r, Rabs_R0; lra|].
    rewrite S_INR; cbn [sum]; rewrite Rmult_plus_distr_l.
    eapply Rle_trans; [apply Rabs_triang|]; assert (R := row_size n ltac:(lia)); fold K in R.
    specialize (IH ltac:(lia)); lra. }
  specialize (Fl (S i) ltac:(lia)); rewrite (flux_value i Hi) in Fl.
  assert (Ni : INR (S i) * K <= INR T * K) by (apply Rmult_le_compat_r; [exact K0|apply le_INR; lia]).
  destruct (HK i Hi) as [C0 _].
  rewrite !Rabs_mult, (Rabs_pos_eq h), (Rabs_pos_eq D_u), (Rabs_pos_eq (kappa i)) in Fl by lra.
  assert (A := Rabs_pos (u' (S i) - u' i)); set (e := Rabs (u' (S i) - u' i)) in *.
  assert (Pc : 0 < c * h * D_u) by (replace (c * h * D_u) with (c * (h * D_u)) by ring; apply Rmult_lt_0_compat; assumption).
  apply (Rmult_le_reg_r (c * h * D_u)); [exact Pc|].
  replace (INR T * K / (c * h * D_u) * (c * h * D_u)) with (INR T * K) by (field; lra).
  assert (h * D_u * (c * e) <= h * D_u * (kappa i * e)).
  { apply Rmult_le_compat_l; [lra|apply Rmult_le_compat_r; lra]. }
  lra.
Qed.

Lemma spread : forall i j, (i < T)%nat -> (j < T)%nat -> Rabs (u' i - u' j) <= bound.
Proof.
  set (e := INR T * (1 + h * F + h * Phi) / (c * h * D_u)).
  assert (Pc : 0 < c * h * D_u) by (apply Rmult_lt_0_compat; [apply Rmult_lt_0_compat; assumption|assumption]).
  assert (E0 : 0 <= e).
  { unfold e; apply quotient_nonnegative; [|exact Pc]; assert (N := pos_INR T); assert (P := phi_nonnegative).
    apply Rmult_le_pos; [exact N|]; assert (0 <= h * F) by (apply Rmult_le_pos; lra);
    assert (0 <= h * Phi) by (apply Rmult_le_pos; lra); lra. }
  assert (Far : forall n i, (i + n < T)%nat -> Rabs (u' (i + n)%nat - u' i) <= INR n * e).
  { induction n as [|n IH]; intros i Hi.
    - replace (i + 0)%nat with i by lia; replace (u' i - u' i) with 0 by ring; rewrite Rabs_R0; simpl; lra.
    - rewrite S_INR; replace (i + S n)%nat with (S (i + n)) by lia.
      replace (u' (S (i + n)) - u' i) with ((u' (S (i + n)) - u' (i + n)%nat) + (u' (i + n)%nat - u' i)) by ring.
      eapply Rle_trans; [apply Rabs_triang|].
      assert (A := IH i ltac:(lia)); assert (B := neighbours_close (i + n) ltac:(lia)); fold e in B; lra. }
  assert (Eb : bound = INR T * e) by (unfold bound, e; field; repeat split; lra).
  assert (One : forall i n, (i + n < T)%nat -> Rabs (u' (i + n)%nat - u' i) <= bound).
  { intros i n Hi; apply Rle_trans with (1 := Far n i Hi); rewrite Eb; apply Rmult_le_compat_r; [exact E0|apply le_INR; lia]. }
  intros i j Hi Hj; destruct (Nat.le_ge_cases i j) as [C|C].
  - rewrite Rabs_minus_sym; replace j with (i + (j - i))%nat by lia; apply One; lia.
  - replace i with (j + (i - j))%nat by lia; apply One; lia.
Qed.

(* The shadow substrate is a weighted mean of the two-field substrates. *)
Theorem shadow_limit_u : forall i, (i < T)%nat -> Rabs (u' i - us) <= bound.
Proof.
  set (A := fun i => implicit_u F k (s i) h u (v i)).
  assert (Ap : forall i, (i < T)%nat -> 0 < A i).
  { intros i Hi; assert (D := diagonal_u T F k h HF Hh s (fun _ => u) v Hs i Hi); unfold A; cbv beta in D; lra. }
  assert (Zero : sum T (fun i => A i * (u' i - us)) = 0).
  { destruct Hshadow as [M _]; assert (N := clips_count T HT).
    assert (E1 : sum T (fun i => A i * us) = sum T (fun i => explicit_u F k (s i) h u (v i))).
    { rewrite (mean_sum T (fun i => A i * us) HT), (mean_sum T (fun i => explicit_u F k (s i) h u (v i)) HT).
      unfold A; rewrite M; reflexivity. }
    assert (E2 : sum T (fun i => 1 * (A i * u' i) + - (h * D_u) * wlap T kappa u' i)
                 = sum T (fun i => explicit_u F k (s i) h u (v i))).
    { apply sum_ext; intros i Hi; destruct (Hstep i Hi) as [E _]; unfold A; lra. }
    rewrite sum_linear, (diffusion_conserves T _ DL) in E2.
    rewrite (sum_ext T _ (fun i => 1 * (A i * u' i) + -1 * (A i * us))) by (intros; ring).
    rewrite sum_linear; lra. }
  assert (Below : exists m, (m < T)%nat /\ u' m <= us).
  { destruct (smallest_clip T u' HT) as (m & Hm & Min); exists m; split; [exact Hm|].
    destruct (Rle_lt_dec (u' m) us) as [Q|Q]; [exact Q|exfalso].
    assert (P : 0 < sum T (fun i => A i * (u' i - us))); [|lra].
    apply Rlt_le_trans with (A m * (u' m - us)); [apply Rmult_lt_0_compat; [apply Ap; exact Hm|lra]|].
    rewrite (mean_sum T _ HT); apply (clip_below_mean T (fun i => A i * (u' i - us)) m HT); [|exact Hm].
    intros j Hj; assert (X := Min j Hj); assert (Y := Ap j Hj); apply Rmult_le_pos; lra. }
  assert (Above : exists m, (m < T)%nat /\ us <= u' m).
  { destruct (smallest_clip T (fun i => - u' i) HT) as (m & Hm & Max); exists m; split; [exact Hm|].
    destruct (Rle_lt_dec us (u' m)) as [Q|Q]; [exact Q|exfalso].
    assert (P : 0 < sum T (fun i => A i * (us - u' i))).
    { apply Rlt_le_trans with (A m * (us - u' m)); [apply Rmult_lt_0_compat; [apply Ap; exact Hm|lra]|].
      rewrite (mean_sum T _ HT); apply (clip_below_mean T (fun i => A i * (us - u' i)) m HT); [|exact Hm].
      intros j Hj; assert (X := Max j Hj); assert (Y := Ap j Hj); cbv beta in X; apply Rmult_le_pos; lra. }
    rewrite (sum_ext T _ (fun i => -1 * (A i * (u' i - us)) + 0 * 0)) in P by (intros; ring).
    rewrite sum_linear, Zero in P; lra. }
  destruct Below as (m & Hm & Bm), Above as (l & Hl & Al); intros i Hi.
  assert (X := spread i m Hi Hm); assert (Y := spread i l Hi Hl).
  assert (X1 := Rle_abs (u' i - u' m)); assert (Y1 := Rle_abs (- (u' i - u' l))); rewrite Rabs_Ropp in Y1.
  apply Rabs_le; lra.
Qed.

Theorem shadow_limit_v : forall i, (i < T)%nat -> Rabs (v' i - vs i) <= h * Phi * bound / (1 + h * (F + k)).
Proof.
  assert (W : 0 < 1 + h * (F + k)) by (assert (0 <= h * (F + k)) by (apply Rmult_le_pos; lra); lra).
  assert (One : forall e, e = 1 \/ e = -1 -> forall i, (i < T)%nat -> e * v' i + - e * vs i <= h * Phi * bound / (1 + h * (F + k))).
  { intros e He.
    apply (diffusion_solution_below T (wlap T kappa) (fun _ => 1 + h * (F + k)) (h * D_v) DL); [intros; exact W|apply (coupling_v h D_v Hh Hv)|].
    intros i Hi; rewrite (diffusion_linear T _ DL) by exact Hi.
    replace ((1 + h * (F + k)) * (h * Phi * bound / (1 + h * (F + k)))) with (h * Phi * bound) by (field; lra).
    destruct (Hstep i Hi) as [_ E]; destruct Hshadow as [_ B]; assert (Es := B i Hi).
    unfold implicit_v, explicit_v in E, Es.
    assert (D := shadow_limit_u i Hi); assert (P := HPhi i Hi).
    assert (S0 : 0 <= h * (s i * v i ^ 2)).
    { apply Rmult_le_pos; [lra|apply Rmult_le_pos; [apply Hs; exact Hi|apply pow2_ge_0]]. }
    assert (R1 := Rle_abs (u' i - us)); assert (R2 := Rle_abs (- (u' i - us))); rewrite Rabs_Ropp in R2.
    assert (A := Rabs_pos (u' i - us)); set (m := Rabs (u' i - us)) in *.
    assert (h * (s i * v i ^ 2) * m <= h * Phi * bound).
    { apply Rmult_le_compat; try assumption; apply Rmult_le_compat_l; lra. }
    assert (h * (s i * v i ^ 2) * (u' i - us) <= h * (s i * v i ^ 2) * m) by (apply Rmult_le_compat_l; lra).
    assert (h * (s i * v i ^ 2) * - (u' i - us) <= h * (s i * v i ^ 2) * m) by (apply Rmult_le_compat_l; lra).
    destruct He; subst e; lra. }
  intros i Hi; assert (X := One 1 (or_introl eq_refl) i Hi); assert (Y := One (-1) (or_intror eq_refl) i Hi).
  apply Rabs_le; lra.
Qed.
End Limit.
