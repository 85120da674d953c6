(* Selection.v: the shadow system selects. Without diffusion the ranking is kept and every lead grows, for every h;
   with conductances dominance is kept, cut segments follow one law for their masses, and what is false is refuted.

   Words used here: as in Shadow.v, and
     a              match of a clip, a i = s i * v i (gain times activator); the gains s stay, v moves
     w              turnover F + k;  u' the substrate after the step, the same for all clips
     growth x       1 + h u' x: what a step multiplies a match by, up to 1 / (1 + h w)
     part P x       sum of x i over the clips i < T with P i = true *)
From Coq Require Import Reals Lra Lia Psatz.
From RDMF Require Import Generated ClipLaplacian Step Conductances Shadow.
Open Scope R_scope.

Section NoDiffusion.
Variables (T : nat) (L : field -> field) (F k h : R) (s v v' : field) (u u' : R).
Hypothesis HT : (0 < T)%nat.
Hypothesis HF : 0 < F.
Hypothesis Hk : 0 <= k.
Hypothesis Hh : 0 < h.
Hypothesis Hs : gain_ok T s.
Hypothesis Hu : 0 <= u <= 1.
Hypothesis Hin : forall i, (i < T)%nat -> 0 <= v i.
Hypothesis Hstep : is_shadow_step T L F k h 0 s u v u' v'.

Let a i := s i * v i.
Let a' i := s i * v' i.

Lemma substrate_positive : 0 < u'.
Proof. apply (shadow_u_bounds T L F k h 0 HT HF Hh s v v' u u' Hs Hstep Hu). Qed.

Lemma damping : 0 < 1 + h * (F + k).
Proof. assert (0 <= h * (F + k)) by (apply Rmult_le_pos; lra); lra. Qed.

(* One clip: its match is multiplied by (1 + h u' a) / (1 + h w). *)
Theorem match_step : forall i, (i < T)%nat -> (1 + h * (F + k)) * a' i = a i * (1 + h * u' * a i).
Proof.
  intros i Hi; destruct Hstep as [_ B]; assert (R := B i Hi); unfold implicit_v, explicit_v in R; unfold a, a'.
  assert (E : (1 + h * (F + k)) * v' i = v i + h * s i * u' * v i ^ 2) by lra.
  transitivity (s i * ((1 + h * (F + k)) * v' i)); [ring|rewrite E; ring].
Qed.

Lemma match_nonnegative : forall i, (i < T)%nat -> 0 <= a i.
Proof. intros i Hi; unfold a; apply Rmult_le_pos; [apply Hs|apply Hin]; exact Hi. Qed.

(* The law of every lead. *)
Theorem lead_step : forall i j, (i < T)%nat -> (j < T)%nat ->
  a' i * a j * (1 + h * u' * a j) = a' j * a i * (1 + h * u' * a i).
Proof.
  intros i j Hi Hj; assert (D := damping); assert (Mi := match_step i Hi); assert (Mj := match_step j Hj).
  apply (Rmult_eq_reg_l (1 + h * (F + k))); [|lra].
  transitivity ((1 + h * (F + k)) * a' i * (a j * (1 + h * u' * a j))); [ring|].
  rewrite Mi, <- Mj; ring.
Qed.

(* Every lead grows strictly: a' i / a' j > a i / a j > 1. *)
Theorem lead_grows : forall i j, (i < T)%nat -> (j < T)%nat -> 0 < a j < a i -> a i * a' j < a' i * a j.
Proof.
  intros i j Hi Hj [Pj Lt]; assert (D := damping); assert (U := substrate_positive).
  assert (Mi := match_step i Hi); assert (Mj := match_step j Hj).
  assert (Hu' : 0 < h * u') by (apply Rmult_lt_0_compat; assumption).
  apply (Rmult_lt_reg_l (1 + h * (F + k))); [exact D|].
  replace ((1 + h * (F + k)) * (a i * a' j)) with (a i * ((1 + h * (F + k)) * a' j)) by ring.
  replace ((1 + h * (F + k)) * (a' i * a j)) with ((1 + h * (F + k)) * a' i * a j) by ring.
  rewrite Mi, Mj.
  assert (P : 0 < a i * a j) by (apply Rmult_lt_0_compat; lra).
  assert (h * u' * a j < h * u' * a i) by (apply Rmult_lt_compat_l; assumption).
  assert (a i * a j * (1 + h * u' * a j) < a i * a j * (1 + h * u' * a i)) by (apply Rmult_lt_compat_l; lra); lra.
Qed.

(* The ranking is kept, ties too. *)
Theorem ranking_kept : forall i j, (i < T)%nat -> (j < T)%nat -> (a i < a j <-> a' i < a' j).
Proof.
  assert (D := damping); assert (U := substrate_positive).
  assert (Hu' : 0 < h * u') by (apply Rmult_lt_0_compat; assumption).
  assert (Up : forall i j, (i < T)%nat -> (j < T)%nat -> a i <= a j -> a' i <= a' j).
  { intros i j Hi Hj Le; assert (Mi := match_step i Hi); assert (Mj := match_step j Hj).
    assert (Pi := match_nonnegative i Hi).
    apply (Rmult_le_reg_l (1 + h * (F + k))); [exact D|]; rewrite Mi, Mj.
    assert (h * u' * a i <= h * u' * a j) by (apply Rmult_le_compat_l; lra).
    assert (0 <= h * u' * a i) by (apply Rmult_le_pos; lra).
    apply Rmult_le_compat; lra. }
  intros i j Hi Hj; split; intro Lt.
  - destruct (Rlt_le_dec (a' i) (a' j)) as [P|N]; [exact P|exfalso].
    assert (Mi := match_step i Hi); assert (Mj := match_step j Hj); assert (Pi := match_nonnegative i Hi).
    assert (h * u' * a i < h * u' * a j) by (apply Rmult_lt_compat_l; assumption).
    assert (0 <= h * u' * a i) by (apply Rmult_le_pos; lra).
    assert ((1 + h * (F + k)) * a' j <= (1 + h * (F + k)) * a' i) by (apply Rmult_le_compat_l; lra).
    assert (a i * (1 + h * u' * a i) <= a i * (1 + h * u' * a j)) by (apply Rmult_le_compat_l; lra).
    assert (a i * (1 + h * u' * a j) < a j * (1 + h * u' * a j)) by (apply Rmult_lt_compat_r; lra); lra.
  - destruct (Rlt_le_dec (a i) (a j)) as [P|N]; [exact P|exfalso]. assert (X := Up j i Hj Hi N); lra.
Qed.

(* The clips above any threshold gain share, the others lose it: the matches concentrate (majorisation). *)
Definition part (P : nat -> bool) (x : field) : R := sum T (fun i => if P i then x i else 0).

Theorem share_of_the_best : forall (P : nat -> bool) theta,
  (forall i, (i < T)%nat -> if P i then theta <= a i else a i <= theta) -> 0 <= theta ->
  part P a * part (fun i => negb (P i)) a' <= part P a' * part (fun i => negb (P i)) a.
Proof.
  intros P theta HP Ht; assert (D := damping); assert (U := substrate_positive).
  assert (Hu' : 0 < h * u') by (apply Rmult_lt_0_compat; assumption).
  set (g := 1 + h * u' * theta).
  assert (G : 1 <= g) by (unfold g; assert (0 <= h * u' * theta) by (apply Rmult_le_pos; lra); lra).
  assert (Hi_ : g * part P a <= (1 + h * (F + k)) * part P a').
  { unfold part; rewrite <- (Rplus_0_r (g * _)), <- (Rplus_0_r ((1 + h * (F + k)) * _)), <- (Rmult_0_l (sum T (fun _ => 0))).
    rewrite <- !sum_linear; apply sum_le; intros i Hi; specialize (HP i Hi); destruct (P i); [|lra].
    assert (M := match_step i Hi); assert (N := match_nonnegative i Hi).
    assert (h * u' * theta <= h * u' * a i) by (apply Rmult_le_compat_l; lra).
    assert (a i * g <= a i * (1 + h * u' * a i)) by (apply Rmult_le_compat_l; unfold g; lra); lra. }
  assert (Lo_ : (1 + h * (F + k)) * part (fun i => negb (P i)) a' <= g * part (fun i => negb (P i)) a).
  { unfold part; rewrite <- (Rplus_0_r (g * _)), <- (Rplus_0_r ((1 + h * (F + k)) * _)), <- (Rmult_0_l (sum T (fun _ => 0))).
    rewrite <- !sum_linear; apply sum_le; intros i Hi; specialize (HP i Hi); destruct (P i); simpl negb; cbv iota; [lra|].
    assert (M := match_step i Hi); assert (N := match_nonnegative i Hi).
    assert (h * u' * a i <= h * u' * theta) by (apply Rmult_le_compat_l; lra).
    assert (a i * (1 + h * u' * a i) <= a i * g) by (apply Rmult_le_compat_l; unfold g; lra); lra. }
  assert (Pa : 0 <= part P a).
  { apply sum_nonnegative; intros i Hi; destruct (P i); [apply match_nonnegative; exact Hi|lra]. }
  assert (Na : 0 <= part (fun i => negb (P i)) a).
  { apply sum_nonnegative; intros i Hi; destruct (negb (P i)); [apply match_nonnegative; exact Hi|lra]. }
  set (p := part P a) in *; set (p' := part P a') in *; set (n := part (fun i => negb (P i)) a) in *;
  set (n' := part (fun i => negb (P i)) a') in *; set (d := 1 + h * (F + k)) in *.
  apply (Rmult_le_reg_l d); [exact D|].
  apply Rle_trans with (p * (g * n)); [replace (d * (p * n')) with (p * (d * n')) by ring; apply Rmult_le_compat_l; assumption|].
  replace (p * (g * n)) with (g * p * n) by ring; replace (d * (p' * n)) with (d * p' * n) by ring.
  apply Rmult_le_compat_r; assumption.
Qed.
End NoDiffusion.

(* THE SELECTION THEOREM, over any number of steps and for every step size: runs of the shadow system without
   diffusion, gains fixed per clip. *)
Section Runs.
Variables (T : nat) (L : field -> field) (F k h : R) (s : field) (u : nat -> R) (v : nat -> field).
Hypothesis HT : (0 < T)%nat.
Hypothesis HF : 0 < F.
Hypothesis Hk : 0 <= k.
Hypothesis Hh : 0 < h.
Hypothesis Hs : gain_ok T s.
Hypothesis Hu : 0 <= u O <= 1.
Hypothesis Hin : forall i, (i < T)%nat -> 0 <= v O i.
Hypothesis Hrun : forall n, is_shadow_step T L F k h 0 s (u n) (v n) (u (S n)) (v (S n)).

Let a n i := s i * v n i.

Lemma run_in_bounds : forall n, 0 <= u n <= 1 /\ forall i, (i < T)%nat -> 0 <= v n i.
Proof.
  induction n as [|n [U V]]; [split; [exact Hu|exact Hin]|].
  destruct (shadow_u_bounds T L F k h 0 HT HF Hh s (v n) _ (u n) _ Hs (Hrun n) U) as [P Q]; split; [lra|].
  intros i Hi; destruct (Hrun n) as [_ B]; assert (R := B i Hi); unfold implicit_v, explicit_v in R.
  assert (D := damping F k h HF Hk Hh); assert (Gi := Hs i Hi); assert (Vi := V i Hi); assert (V2 := pow2_ge_0 (v n i)).
  assert (0 <= h * s i * u (S n) * v n i ^ 2) by (apply Rmult_le_pos; [apply Rmult_le_pos; [apply Rmult_le_pos; lra|lra]|exact V2]).
  apply (Rmult_le_reg_l (1 + h * (F + k))); lra.
Qed.

Lemma match_stays_positive : forall i n, (i < T)%nat -> 0 < a O i -> 0 < a n i.
Proof.
  intros i n Hi P; induction n as [|n IH]; [exact P|].
  destruct (run_in_bounds n) as [U V].
  assert (M : (1 + h * (F + k)) * a (S n) i = a n i * (1 + h * u (S n) * a n i))
    by exact (match_step T L F k h s (v n) (v (S n)) (u n) (u (S n)) (Hrun n) i Hi).
  assert (D := damping F k h HF Hk Hh).
  assert (U' := substrate_positive T L F k h s (v n) (v (S n)) (u n) (u (S n)) HT HF Hh Hs U (Hrun n)).
  assert (0 < h * u (S n) * a n i) by (apply Rmult_lt_0_compat; [apply Rmult_lt_0_compat; assumption|exact IH]).
  assert (0 < a n i * (1 + h * u (S n) * a n i)) by (apply Rmult_lt_0_compat; lra).
  apply (Rmult_lt_reg_l (1 + h * (F + k))); lra.
Qed.

Theorem selection : forall i j, (i < T)%nat -> (j < T)%nat ->
  (forall n, a O i < a O j <-> a n i < a n j) /\
  (0 < a O j < a O i -> forall n, 0 < a n j < a n i /\ a n i * a (S n) j < a (S n) i * a n j).
Proof.
  assert (Rank : forall i j, (i < T)%nat -> (j < T)%nat -> forall n, a O i < a O j <-> a n i < a n j).
  { intros i j Hi Hj; induction n as [|n IH]; [reflexivity|rewrite IH].
    destruct (run_in_bounds n) as [U V].
    apply (ranking_kept T L F k h s (v n) (v (S n)) (u n) (u (S n)) HT HF Hk Hh Hs U V (Hrun n) i j Hi Hj). }
  intros i j Hi Hj; split; [apply Rank; assumption|intros [P Lt] n].
  destruct (run_in_bounds n) as [U V].
  assert (Pj := match_stays_positive j n Hj P); assert (Ln := proj1 (Rank j i Hj Hi n) Lt).
  split; [split; assumption|].
  apply (lead_grows T L F k h s (v n) (v (S n)) (u n) (u (S n)) HT HF Hk Hh Hs U (Hrun n) i j Hi Hj); split; assumption.
Qed.

(* While the winner is fed, its lead grows geometrically: by (1 + h c)/(1 + h c/lead) > 1 a step, c <= u' a. *)
Theorem selection_is_geometric : forall i j lead c, (i < T)%nat -> (j < T)%nat -> 1 < lead -> 0 < c ->
  0 < a O j -> lead * a O j <= a O i ->
  forall n, (forall m, (m < n)%nat -> c <= u (S m) * a m i) ->
  lead * ((1 + h * c) / (1 + h * c / lead)) ^ n * a n j <= a n i.
Proof.
  intros i j lead c Hi Hj Hl Hc Pj L0; set (g := (1 + h * c) / (1 + h * c / lead)).
  assert (Hhc : 0 < h * c) by (apply Rmult_lt_0_compat; assumption).
  assert (Hq : 0 < h * c / lead) by (apply Rdiv_lt_0_compat; lra).
  assert (Eq : h * c / lead * lead = h * c) by (field; lra).
  assert (G1 : 1 < g).
  { apply (Rmult_lt_reg_r (1 + h * c / lead)); [lra|]; unfold g.
    replace ((1 + h * c) / (1 + h * c / lead) * (1 + h * c / lead)) with (1 + h * c) by (field; lra); nra. }
  assert (Eg : g * (1 + h * c / lead) = 1 + h * c) by (unfold g; field; lra).
  induction n as [|n IH]; intro Hfed; [simpl; lra|].
  assert (In : lead * g ^ n * a n j <= a n i) by (apply IH; intros; apply Hfed; lia).
  assert (Gn : 1 <= g ^ n) by (apply pow_R1_Rle; lra).
  assert (Pjn := match_stays_positive j n Hj Pj).
  destruct (run_in_bounds n) as [U V].
  assert (Mi : (1 + h * (F + k)) * a (S n) i = a n i * (1 + h * u (S n) * a n i))
    by exact (match_step T L F k h s (v n) (v (S n)) (u n) (u (S n)) (Hrun n) i Hi).
  assert (Mj : (1 + h * (F + k)) * a (S n) j = a n j * (1 + h * u (S n) * a n j))
    by exact (match_step T L F k h s (v n) (v (S n)) (u n) (u (S n)) (Hrun n) j Hj).
  assert (D := damping F k h HF Hk Hh).
  assert (U' := substrate_positive T L F k h s (v n) (v (S n)) (u n) (u (S n)) HT HF Hh Hs U (Hrun n)).
  assert (Fed := Hfed n (Nat.lt_succ_diag_r n)).
  set (x := u (S n) * a n i) in *; set (y := u (S n) * a n j).
  (* y <= x / lead, hence g (1 + h y) <= 1 + h x *)
  assert (Yx : lead * y <= x).
  { unfold x, y; replace (lead * (u (S n) * a n j)) with (u (S n) * (lead * a n j)) by ring.
    apply Rmult_le_compat_l; [lra|]. apply Rle_trans with (2 := In).
    replace (lead * g ^ n * a n j) with (g ^ n * (lead * a n j)) by ring.
    assert (0 < lead * a n j) by (apply Rmult_lt_0_compat; lra).
    assert (1 * (lead * a n j) <= g ^ n * (lead * a n j)) by (apply Rmult_le_compat_r; lra); lra. }
  assert (Gg : g * (1 + h * y) <= 1 + h * x).
  { (* multiply by lead (1 + h c / lead) and compare: (1 + h c)(lead + h x) <= (lead + h c)(1 + h x) iff c <= x *)
    apply (Rmult_le_reg_r (lead * (1 + h * c / lead))); [apply Rmult_lt_0_compat; lra|].
    replace (g * (1 + h * y) * (lead * (1 + h * c / lead))) with (g * (1 + h * c / lead) * (lead + h * (lead * y))) by ring.
    rewrite Eg; replace (lead * (1 + h * c / lead)) with (lead + h * c) by (rewrite Rmult_plus_distr_l; rewrite (Rmult_comm lead (h * c / lead)), Eq; ring).
    assert (h * (lead * y) <= h * x) by (apply Rmult_le_compat_l; lra).
    apply Rle_trans with ((1 + h * c) * (lead + h * x)); [apply Rmult_le_compat_l; lra|].
    assert (0 <= (lead - 1) * (h * (x - c))) by (apply Rmult_le_pos; [lra|apply Rmult_le_pos; lra]); lra. }
  apply (Rmult_le_reg_l (1 + h * (F + k))); [exact D|].
  replace ((1 + h * (F + k)) * (lead * g ^ S n * a (S n) j)) with (lead * g ^ n * g * ((1 + h * (F + k)) * a (S n) j)) by (simpl; ring).
  rewrite Mi, Mj.
  replace (lead * g ^ n * g * (a n j * (1 + h * u (S n) * a n j))) with (lead * g ^ n * a n j * (g * (1 + h * y))) by (unfold y; ring).
  replace (a n i * (1 + h * u (S n) * a n i)) with (a n i * (1 + h * x)) by (unfold x; ring).
  assert (Y0 : 0 < y) by (unfold y; apply Rmult_lt_0_compat; assumption).
  assert (0 < h * y) by (apply Rmult_lt_0_compat; assumption).
  assert (0 <= g * (1 + h * y)) by (apply Rmult_le_pos; lra).
  assert (0 <= lead * g ^ n * a n j) by (apply Rmult_le_pos; [apply Rmult_le_pos; lra|lra]).
  apply Rmult_le_compat; assumption.
Qed.
End Runs.

(* With conductances. Two segments, or two videos, of m clips with the same inner conductances and one substrate:
   dominance is kept and the lead of the stronger one grows, for every diffusion and every step size. *)
Section Dominance.
Variables (m : nat) (L : field -> field) (F k h D_v u' : R) (s1 v1 v1' s2 v2 v2' : field).
Hypothesis HL : diffusion m L.
Hypothesis HF : 0 < F.
Hypothesis Hk : 0 <= k.
Hypothesis Hh : 0 < h.
Hypothesis Hv : 0 <= D_v.
Hypothesis Hu' : 0 <= u'.
Hypothesis Hin : forall i, (i < m)%nat -> 0 <= v2 i /\ 0 <= s2 i <= s1 i.
Hypothesis H1 : forall u i, (i < m)%nat -> implicit_v F k (s1 i) h u (v1 i) * v1' i - h * D_v * L v1' i = explicit_v F k (s1 i) h u' u (v1 i).
Hypothesis H2 : forall u i, (i < m)%nat -> implicit_v F k (s2 i) h u (v2 i) * v2' i - h * D_v * L v2' i = explicit_v F k (s2 i) h u' u (v2 i).

Theorem dominance_kept : forall lead alpha, 1 <= lead -> 0 <= alpha ->
  (forall i, (i < m)%nat -> lead * v2 i <= v1 i /\ alpha <= s2 i * v2 i) ->
  forall i, (i < m)%nat -> lead * ((1 + h * u' * (lead * alpha)) / (1 + h * u' * alpha)) * v2' i <= v1' i.
Proof.
  intros lead alpha Hl Ha Hd; assert (D := damping F k h HF Hk Hh).
  assert (Hhu : 0 <= h * u') by (apply Rmult_le_pos; lra).
  assert (Pa : 0 <= h * u' * alpha) by (apply Rmult_le_pos; assumption).
  set (g := (1 + h * u' * (lead * alpha)) / (1 + h * u' * alpha)).
  assert (Eg : g * (1 + h * u' * alpha) = 1 + h * u' * (lead * alpha)) by (unfold g; field; lra).
  assert (Below : forall i, (i < m)%nat -> lead * g * v2' i + 0 * 0 <= v1' i).
  { apply (diffusion_comparison m L (fun _ => 1 + h * (F + k)) (h * D_v) HL); [intros; exact D|apply (coupling_v h D_v Hh Hv)|].
    intros i Hi; rewrite (diffusion_linear m L HL (lead * g) 0 v2' (fun _ => 0) i Hi).
    assert (E1 := H1 0 i Hi); assert (E2 := H2 0 i Hi); unfold implicit_v, explicit_v in E1, E2.
    destruct (Hin i Hi) as [V2 [S2 S12]]; destruct (Hd i Hi) as [Ld Al].
    assert (T1 : (1 + h * (F + k)) * v1' i - h * D_v * L v1' i = v1 i + h * u' * (s1 i * v1 i ^ 2)) by lra.
    assert (T2 : (1 + h * (F + k)) * v2' i - h * D_v * L v2' i = v2 i * (1 + h * u' * (s2 i * v2 i))) by lra.
    rewrite T1; replace ((1 + h * (F + k)) * (lead * g * v2' i + 0 * 0) - h * D_v * (lead * g * L v2' i + 0 * L (fun _ => 0) i))
      with (lead * g * ((1 + h * (F + k)) * v2' i - h * D_v * L v2' i)) by ring.
    rewrite T2; set (b := s2 i * v2 i) in *.
    (* g (1 + h u' b) <= 1 + h u' lead b for b >= alpha *)
    assert (Gb : g * (1 + h * u' * b) <= 1 + h * u' * (lead * b)).
    { apply (Rmult_le_reg_r (1 + h * u' * alpha)); [lra|].
      replace (g * (1 + h * u' * b) * (1 + h * u' * alpha)) with (g * (1 + h * u' * alpha) * (1 + h * u' * b)) by ring; rewrite Eg.
      assert (0 <= (lead - 1) * (h * u' * (b - alpha))) by (apply Rmult_le_pos; [lra|apply Rmult_le_pos; lra]); lra. }
    assert (X : lead * v2 i * (g * (1 + h * u' * b)) <= lead * v2 i * (1 + h * u' * (lead * b))).
    { apply Rmult_le_compat_l; [apply Rmult_le_pos; lra|exact Gb]. }
    assert (Y : s2 i * (lead * v2 i) ^ 2 <= s1 i * v1 i ^ 2).
    { assert (Q : (lead * v2 i) ^ 2 <= v1 i ^ 2) by (apply pow_incr; split; [apply Rmult_le_pos; lra|exact Ld]).
      apply Rmult_le_compat; [exact S2|apply pow2_ge_0|exact S12|exact Q]. }
    assert (Z : h * u' * (s2 i * (lead * v2 i) ^ 2) <= h * u' * (s1 i * v1 i ^ 2)) by (apply Rmult_le_compat_l; assumption).
    replace (lead * g * (v2 i * (1 + h * u' * b))) with (lead * v2 i * (g * (1 + h * u' * b))) by ring.
    apply Rle_trans with (1 := X).
    replace (lead * v2 i * (1 + h * u' * (lead * b))) with (lead * v2 i + h * u' * (s2 i * (lead * v2 i) ^ 2)) by (unfold b; ring).
    lra. }
  intros i Hi; assert (B := Below i Hi); lra.
Qed.
End Dominance.

(* The mass of the first m clips: an exact balance, with the flux over the edge to the rest. *)
Section Segments.
Variables (T : nat) (kappa : nat -> R) (F k h D_v : R) (s v v' : field) (u u' : R).
Hypothesis HK : conductances T kappa.
Hypothesis HF : 0 < F.
Hypothesis Hk : 0 <= k.
Hypothesis Hh : 0 < h.
Hypothesis Hv : 0 <= D_v.
Hypothesis Hstep : is_shadow_step T (wlap T kappa) F k h D_v s u v u' v'.

Lemma edge_flux : forall x i, (S i < T)%nat -> sum (S i) (wlap T kappa x) = kappa i * (x (S i) - x i).
Proof.
  intro x; induction i as [|i IH]; intro Hi; cbn [sum].
  - rewrite wlap_differences by lia; simpl (0 =? 0)%nat; cbv iota.
    destruct (Nat.eqb_spec 1 T); [lia|]; ring.
  - change (sum (S i) (wlap T kappa x) + wlap T kappa x (S i) = kappa (S i) * (x (S (S i)) - x (S i))).
    rewrite IH by lia; rewrite wlap_differences by lia; simpl (S i =? 0)%nat; cbv iota.
    replace (S i - 1)%nat with i by lia; destruct (Nat.eqb_spec (S (S i)) T); [lia|]; ring.
Qed.

Theorem segment_mass : forall m, (0 < m < T)%nat ->
  (1 + h * (F + k)) * sum m v' = sum m v + h * u' * sum m (fun i => s i * v i ^ 2)
    + h * D_v * kappa (m - 1)%nat * (v' m - v' (m - 1)%nat).
Proof.
  intros m Hm; assert (Fl := edge_flux v' (m - 1) ltac:(lia)); replace (S (m - 1)) with m in Fl by lia.
  assert (E : sum m (fun i => (1 + h * (F + k)) * v' i + - (h * D_v) * wlap T kappa v' i)
            = sum m (fun i => 1 * v i + (h * u') * (s i * v i ^ 2))).
  { apply sum_ext; intros i Hi; destruct Hstep as [_ B]; assert (R := B i ltac:(lia)).
    unfold implicit_v, explicit_v in R; lra. }
  rewrite !sum_linear, Fl in E; lra.
Qed.

(* What a weak edge lets through is at most its conductance times the largest activator. *)
Theorem segment_leak : forall m V, (0 < m < T)%nat -> (forall i, (i < T)%nat -> 0 <= v' i <= V) ->
  Rabs ((1 + h * (F + k)) * sum m v' - (sum m v + h * u' * sum m (fun i => s i * v i ^ 2)))
    <= h * D_v * kappa (m - 1)%nat * V.
Proof.
  intros m V Hm HV; rewrite (segment_mass m Hm).
  replace (_ - _) with (h * D_v * kappa (m - 1)%nat * (v' m - v' (m - 1)%nat)) by ring.
  assert (C : 0 <= h * D_v * kappa (m - 1)%nat).
  { apply Rmult_le_pos; [apply (coupling_v h D_v Hh Hv)|apply HK; lia]. }
  destruct (HV m ltac:(lia)), (HV (m - 1)%nat ltac:(lia)).
  rewrite Rabs_mult, (Rabs_pos_eq _ C); apply Rmult_le_compat_l; [exact C|apply Rabs_le; lra].
Qed.

(* Behind cuts the masses obey the law of single clips, each with the mean match of its segment:
   intensity = sum of s v^2 / sum of v. *)
Definition span (from len : nat) (x : field) : R := sum len (fun i => x (from + i)%nat).

Lemma span_mass : forall from len, (0 < len)%nat -> (from + len <= T)%nat ->
  (from = 0%nat \/ kappa (from - 1)%nat = 0) -> ((from + len)%nat = T \/ kappa (from + len - 1)%nat = 0) ->
  (1 + h * (F + k)) * span from len v' = span from len v + h * u' * span from len (fun i => s i * v i ^ 2).
Proof.
  intros from len Hl Hf Left Right.
  set (flux := fun n => if (n =? 0)%nat then 0 else if (n =? T)%nat then 0 else kappa (n - 1)%nat * (v' n - v' (n - 1)%nat)).
  assert (Row : forall n, (n < T)%nat -> wlap T kappa v' n = flux (S n) - flux n).
  { intros n Hn; rewrite wlap_differences by exact Hn; unfold flux; simpl (S n =? 0)%nat; cbv iota.
    replace (S n - 1)%nat with n by lia.
    destruct (Nat.eqb_spec n 0), (Nat.eqb_spec (S n) T), (Nat.eqb_spec n T); subst; try lia; ring. }
  assert (Tot : forall n, (from + n <= T)%nat -> sum n (fun i => wlap T kappa v' (from + i)%nat) = flux (from + n)%nat - flux from).
  { induction n as [|n IH]; intro Hn; [simpl; replace (from + 0)%nat with from by lia; ring|].
    cbn [sum]; rewrite IH, Row by lia; replace (from + S n)%nat with (S (from + n)) by lia; ring. }
  assert (F0 : flux from = 0).
  { unfold flux; destruct (Nat.eqb_spec from 0); [reflexivity|destruct (Nat.eqb_spec from T); [reflexivity|]].
    destruct Left as [Z|Z]; [lia|rewrite Z; ring]. }
  assert (F1 : flux (from + len)%nat = 0).
  { unfold flux; destruct (Nat.eqb_spec (from + len) 0); [reflexivity|destruct (Nat.eqb_spec (from + len) T); [reflexivity|]].
    destruct Right as [Z|Z]; [lia|rewrite Z; ring]. }
  assert (E : sum len (fun i => (1 + h * (F + k)) * v' (from + i)%nat + - (h * D_v) * wlap T kappa v' (from + i)%nat)
            = sum len (fun i => 1 * v (from + i)%nat + (h * u') * (s (from + i)%nat * v (from + i)%nat ^ 2))).
  { apply sum_ext; intros i Hi; destruct Hstep as [_ B]; assert (R := B (from + i)%nat ltac:(lia)).
    unfold implicit_v, explicit_v in R; lra. }
  rewrite !sum_linear, (Tot len Hf), F0, F1 in E; unfold span; lra.
Qed.

Theorem segment_law : forall f1 n1 f2 n2, (0 < n1)%nat -> (0 < n2)%nat -> (f1 + n1 <= T)%nat -> (f2 + n2 <= T)%nat ->
  (f1 = 0%nat \/ kappa (f1 - 1)%nat = 0) -> ((f1 + n1)%nat = T \/ kappa (f1 + n1 - 1)%nat = 0) ->
  (f2 = 0%nat \/ kappa (f2 - 1)%nat = 0) -> ((f2 + n2)%nat = T \/ kappa (f2 + n2 - 1)%nat = 0) ->
  0 < u' -> 0 < span f1 n1 v -> 0 < span f2 n2 v ->
  let i1 := span f1 n1 (fun i => s i * v i ^ 2) / span f1 n1 v in
  let i2 := span f2 n2 (fun i => s i * v i ^ 2) / span f2 n2 v in
  (span f2 n2 v' * span f1 n1 v < span f1 n1 v' * span f2 n2 v <-> i2 < i1) /\
  span f1 n1 v' * span f2 n2 v * (1 + h * u' * i2) = span f2 n2 v' * span f1 n1 v * (1 + h * u' * i1).
Proof.
  intros f1 n1 f2 n2 N1 N2 B1 B2 L1 R1 L2 R2 Pu P1 P2 i1 i2.
  assert (M1 := span_mass f1 n1 N1 B1 L1 R1); assert (M2 := span_mass f2 n2 N2 B2 L2 R2).
  assert (D := damping F k h HF Hk Hh).
  set (x1 := span f1 n1 v) in *; set (x2 := span f2 n2 v) in *; set (y1 := span f1 n1 v') in *; set (y2 := span f2 n2 v') in *.
  assert (E1 : span f1 n1 (fun i => s i * v i ^ 2) = i1 * x1) by (unfold i1; field; lra).
  assert (E2 : span f2 n2 (fun i => s i * v i ^ 2) = i2 * x2) by (unfold i2; field; lra).
  rewrite E1 in M1; rewrite E2 in M2.
  assert (Hhu : 0 < h * u') by (apply Rmult_lt_0_compat; assumption).
  assert (Pp : 0 < x1 * x2) by (apply Rmult_lt_0_compat; assumption).
  assert (Q : (1 + h * (F + k)) * (y1 * x2 - y2 * x1) = h * u' * (x1 * x2) * (i1 - i2)).
  { transitivity ((1 + h * (F + k)) * y1 * x2 - (1 + h * (F + k)) * y2 * x1); [ring|rewrite M1, M2; ring]. }
  assert (Pq : 0 < h * u' * (x1 * x2)) by (apply Rmult_lt_0_compat; assumption).
  split; [split; intro X|].
  - assert (0 < (1 + h * (F + k)) * (y1 * x2 - y2 * x1)) by (apply Rmult_lt_0_compat; lra).
    rewrite Q in H; destruct (Rlt_le_dec i2 i1) as [Y|Y]; [exact Y|exfalso].
    assert (0 <= h * u' * (x1 * x2) * (i2 - i1)) by (apply Rmult_le_pos; lra); lra.
  - assert (0 < h * u' * (x1 * x2) * (i1 - i2)) by (apply Rmult_lt_0_compat; lra).
    destruct (Rlt_le_dec (y2 * x1) (y1 * x2)) as [Y|Y]; [exact Y|exfalso].
    assert (0 <= (1 + h * (F + k)) * (y2 * x1 - y1 * x2)) by (apply Rmult_le_pos; lra); lra.
  - apply (Rmult_eq_reg_l (1 + h * (F + k))); [|lra].
    transitivity ((1 + h * (F + k)) * y1 * (x2 * (1 + h * u' * i2))); [ring|rewrite M1].
    transitivity ((1 + h * (F + k)) * y2 * (x1 * (1 + h * u' * i1))); [rewrite M2; ring|ring].
Qed.
End Segments.

(* One step, any conductances: more similarity never lowers a clip's share of the activator. *)
Section Share.
Variables (T : nat) (kappa : nat -> R) (F k h D_v u u1 u2 extra : R) (s s2 v v1 v2 : field) (j : nat).
Hypothesis HT : (0 < T)%nat.
Hypothesis HK : conductances T kappa.
Hypothesis HF : 0 < F.
Hypothesis Hk : 0 <= k.
Hypothesis Hh : 0 < h.
Hypothesis Hv : 0 <= D_v.
Hypothesis Hs : gain_ok T s.
Hypothesis Hu : 0 <= u <= 1.
Hypothesis Hin : forall i, (i < T)%nat -> 0 <= v i.
Hypothesis Hj : (j < T)%nat.
Hypothesis Hextra : 0 <= extra.
Hypothesis Hs2 : forall i, (i < T)%nat -> s2 i = if (i =? j)%nat then s i + extra else s i.
Hypothesis H1 : is_shadow_step T (wlap T kappa) F k h D_v s u v u1 v1.
Hypothesis H2 : is_shadow_step T (wlap T kappa) F k h D_v s2 u v u2 v2.

Let DL := clips_diffuse T kappa HK.
Let A := 1 + h * (F + k).
(* the response to a unit source at clip j *)
Let g := wsolve T (fun _ => A) (h * D_v) kappa (fun i => if (i =? j)%nat then 1 else 0).

Lemma A_positive : 0 < A. Proof. apply (damping F k h HF Hk Hh). Qed.

Lemma g_solves : forall i, (i < T)%nat -> A * g i - h * D_v * wlap T kappa g i = if (i =? j)%nat then 1 else 0.
Proof.
  intros i Hi; unfold g; apply (weighted_thomas_solves T (fun _ => A) (h * D_v) kappa); [intros; exact A_positive| | |exact Hi].
  - apply (coupling_v h D_v Hh Hv).
  - intros l Hl; apply HK; exact Hl.
Qed.

Lemma g_nonnegative : forall i, (i < T)%nat -> 0 <= g i.
Proof.
  apply (diffusion_nonnegative_solution T (wlap T kappa) (fun _ => A) (h * D_v) DL); [intros; exact A_positive|apply (coupling_v h D_v Hh Hv)|].
  intros i Hi; rewrite (g_solves i Hi); destruct (i =? j)%nat; lra.
Qed.

(* It is largest at its source. *)
Lemma g_largest : forall i, (i < T)%nat -> g i <= g j.
Proof.
  destruct (smallest_clip T (fun i => -1 * g i + 0 * 0) HT) as (l & Hl & Max); cbv beta in Max.
  assert (M := diffusion_minimum T _ DL (fun i => -1 * g i + 0 * 0) l Hl Max).
  rewrite (diffusion_linear T _ DL (-1) 0 g (fun _ => 0) l Hl) in M.
  assert (S := g_solves l Hl); assert (G0 := g_nonnegative l Hl); assert (Gj := g_nonnegative j Hj).
  assert (P := A_positive); assert (C := coupling_v h D_v Hh Hv).
  assert (Lneg : wlap T kappa g l <= 0) by lra.
  assert (0 <= h * D_v * - wlap T kappa g l) by (apply Rmult_le_pos; lra).
  intros i Hi; assert (Mi := Max i Hi).
  destruct (Nat.eqb_spec l j) as [E|N]; [subst l; lra|].
  assert (Z : A * g l <= 0) by lra.
  assert (g l <= 0) by nra; lra.
Qed.

(* pairing with g reads off clip j *)
Lemma read_off : forall x, x j = sum T (fun i => (A * x i - h * D_v * wlap T kappa x i) * g i).
Proof.
  intro x.
  rewrite (sum_ext T _ (fun i => A * (x i * g i) + - (h * D_v) * (wlap T kappa x i * g i))) by (intros; ring).
  rewrite sum_linear, (diffusion_symmetric T _ DL), <- sum_linear.
  rewrite (sum_ext T _ (fun i => x i * (if (i =? j)%nat then 1 else 0))).
  - assert (Pick : forall n, sum n (fun i => x i * (if (i =? j)%nat then 1 else 0)) = if (j <? n)%nat then x j else 0).
    { induction n as [|n IH]; [destruct (Nat.ltb_spec j 0); [lia|reflexivity]|].
      cbn [sum]; rewrite IH; destruct (Nat.ltb_spec j n), (Nat.ltb_spec j (S n)), (Nat.eqb_spec n j); subst; try lia; ring. }
    rewrite Pick; destruct (Nat.ltb_spec j T); [reflexivity|lia].
  - intros i Hi; rewrite <- (g_solves i Hi); ring.
Qed.

Lemma total : forall x, sum T (fun i => A * x i - h * D_v * wlap T kappa x i) = A * sum T x.
Proof.
  intro x; rewrite (sum_ext T _ (fun i => A * x i + - (h * D_v) * wlap T kappa x i)) by (intros; ring).
  rewrite sum_linear, (diffusion_conserves T _ DL); ring.
Qed.

Theorem share_never_falls : v1 j * sum T v2 <= v2 j * sum T v1.
Proof.
  assert (Hs2ok : gain_ok T s2).
  { intros i Hi; rewrite (Hs2 i Hi); assert (S := Hs i Hi); destruct (i =? j)%nat; lra. }
  assert (P := A_positive); assert (Gj := g_nonnegative j Hj).
  destruct (shadow_u_bounds T _ F k h D_v HT HF Hh s v v1 u u1 Hs H1 Hu) as [U1 _].
  destruct (shadow_u_bounds T _ F k h D_v HT HF Hh s2 v v2 u u2 Hs2ok H2 Hu) as [U2 _].
  set (r1 := fun i => v i + h * s i * u1 * v i ^ 2); set (r2 := fun i => v i + h * s2 i * u2 * v i ^ 2).
  assert (Row1 : forall i, (i < T)%nat -> A * v1 i - h * D_v * wlap T kappa v1 i = r1 i).
  { intros i Hi; destruct H1 as [_ B]; assert (R := B i Hi); unfold implicit_v, explicit_v in R; unfold A, r1; lra. }
  assert (Row2 : forall i, (i < T)%nat -> A * v2 i - h * D_v * wlap T kappa v2 i = r2 i).
  { intros i Hi; destruct H2 as [_ B]; assert (R := B i Hi); unfold implicit_v, explicit_v in R; unfold A, r2; lra. }
  (* the substrate falls, the total reacted rises *)
  assert (T1 := reacted_total T (wlap T kappa) F k h D_v HT s v v1 u u1 H1).
  assert (T2 := reacted_total T (wlap T kappa) F k h D_v HT s2 v v2 u u2 H2).
  assert (Q := feed_positive F h HF Hh).
  assert (Cle : consumption T s v <= consumption T s2 v).
  { unfold consumption, mean; apply Rmult_le_compat_r; [apply Rlt_le, Rinv_0_lt_compat, clips_count; exact HT|].
    apply sum_le; intros i Hi; rewrite (Hs2 i Hi); assert (V2 := pow2_ge_0 (v i)).
    destruct (i =? j)%nat; [apply Rmult_le_compat_r; lra|lra]. }
  assert (Ule : u2 <= u1).
  { destruct H1 as [E1 _], H2 as [E2 _]; apply (shadow_u_iff T F k h HT HF Hh s v u _ Hs) in E1;
    apply (shadow_u_iff T F k h HT HF Hh s2 v u _ Hs2ok) in E2; rewrite E1, E2; unfold shadow_u.
    assert (P1 := shadow_pivot T F h HT Hh s v Hs); assert (P2 := shadow_pivot T F h HT Hh s2 v Hs2ok).
    assert (h * consumption T s v <= h * consumption T s2 v) by (apply Rmult_le_compat_l; lra).
    apply Rmult_le_compat_l; [lra|]; apply Rinv_le_contravar; lra. }
  set (e := fun i => 1 * v2 i + -1 * v1 i).
  set (b := fun i => h * s i * (u1 - u2) * v i ^ 2); set (d := h * extra * u2 * v j ^ 2).
  assert (B0 : forall i, (i < T)%nat -> 0 <= b i).
  { intros i Hi; unfold b; apply Rmult_le_pos; [apply Rmult_le_pos; [apply Rmult_le_pos; [lra|apply Hs; exact Hi]|lra]|apply pow2_ge_0]. }
  assert (RowE : forall i, (i < T)%nat -> A * e i - h * D_v * wlap T kappa e i = - b i + (if (i =? j)%nat then d else 0)).
  { intros i Hi; unfold e; rewrite (diffusion_linear T _ DL 1 (-1) v2 v1 i Hi).
    assert (X1 := Row1 i Hi); assert (X2 := Row2 i Hi).
    transitivity (r2 i - r1 i); [lra|]; unfold r1, r2, b, d; rewrite (Hs2 i Hi).
    destruct (Nat.eqb_spec i j) as [E|N]; [rewrite E; ring|ring]. }
  assert (SumD : sum T (fun i => if (i =? j)%nat then d else 0) = d).
  { assert (Pick : forall n, sum n (fun i => if (i =? j)%nat then d else 0) = if (j <? n)%nat then d else 0).
    { induction n as [|n IH]; [destruct (Nat.ltb_spec j 0); [lia|reflexivity]|].
      cbn [sum]; rewrite IH; destruct (Nat.ltb_spec j n), (Nat.ltb_spec j (S n)), (Nat.eqb_spec n j); subst; try lia; ring. }
    rewrite Pick; destruct (Nat.ltb_spec j T); [reflexivity|lia]. }
  assert (SumDg : sum T (fun i => (if (i =? j)%nat then d else 0) * g i) = d * g j).
  { assert (Pick : forall n, sum n (fun i => (if (i =? j)%nat then d else 0) * g i) = if (j <? n)%nat then d * g j else 0).
    { induction n as [|n IH]; [destruct (Nat.ltb_spec j 0); [lia|reflexivity]|].
      cbn [sum]; rewrite IH; destruct (Nat.ltb_spec j n), (Nat.ltb_spec j (S n)), (Nat.eqb_spec n j); subst; try lia; ring. }
    rewrite Pick; destruct (Nat.ltb_spec j T); [reflexivity|lia]. }
  assert (SumE : A * sum T e = d - sum T b).
  { rewrite <- total, (sum_ext T _ _ RowE).
    rewrite (sum_ext T _ (fun i => -1 * b i + 1 * (if (i =? j)%nat then d else 0))) by (intros; ring).
    rewrite sum_linear, SumD; ring. }
  assert (Rise : 0 <= d - sum T b).
  { rewrite <- SumE; replace (A * sum T e) with (A * sum T v2 - A * sum T v1).
    - rewrite <- !total, (sum_ext T _ _ Row1), (sum_ext T _ _ Row2).
      unfold r1, r2; rewrite (sum_ext T (fun i => v i + h * s2 i * u2 * v i ^ 2) (fun i => 1 * v i + 1 * (h * s2 i * u2 * v i ^ 2))) by (intros; ring).
      rewrite (sum_ext T (fun i => v i + h * s i * u1 * v i ^ 2) (fun i => 1 * v i + 1 * (h * s i * u1 * v i ^ 2))) by (intros; ring).
      rewrite !sum_linear, (mean_sum T (fun i => h * s2 i * u2 * v i ^ 2) HT), (mean_sum T (fun i => h * s i * u1 * v i ^ 2) HT), T1, T2.
      assert (N := clips_count T HT).
      assert ((1 + h * F) * u2 <= (1 + h * F) * u1) by (apply Rmult_le_compat_l; lra).
      assert (INR T * (u + h * F - (1 + h * F) * u1) <= INR T * (u + h * F - (1 + h * F) * u2)) by (apply Rmult_le_compat_l; lra).
      lra.
    - unfold e; rewrite sum_linear; ring. }
  (* clip j gets at least its share of the rise *)
  assert (Ej : g j * (A * sum T e) <= e j).
  { rewrite SumE, (read_off e).
    rewrite (sum_ext T (fun i => (A * e i - h * D_v * wlap T kappa e i) * g i) (fun i => -1 * (b i * g i) + 1 * ((if (i =? j)%nat then d else 0) * g i)))
      by (intros i Hi; rewrite (RowE i Hi); ring).
    rewrite sum_linear, SumDg.
    assert (sum T (fun i => b i * g i) <= sum T (fun i => g j * b i + 0 * 0)).
    { apply sum_le; intros i Hi; assert (G := g_largest i Hi); assert (Bi := B0 i Hi).
      assert (b i * g i <= b i * g j) by (apply Rmult_le_compat_l; assumption); lra. }
    rewrite sum_linear in H; lra. }
  (* and before it has at most that share *)
  assert (Vj : v1 j <= g j * (A * sum T v1)).
  { rewrite <- total, (read_off v1), (sum_ext T _ _ Row1).
    rewrite (sum_ext T (fun i => (A * v1 i - h * D_v * wlap T kappa v1 i) * g i) (fun i => r1 i * g i)) by (intros i Hi; rewrite (Row1 i Hi); reflexivity).
    rewrite <- (Rplus_0_r (g j * sum T r1)), <- (Rmult_0_l (sum T (fun _ => 0))), <- sum_linear.
    apply sum_le; intros i Hi; assert (G := g_largest i Hi); assert (V := Hin i Hi); assert (V2 := pow2_ge_0 (v i)).
    assert (0 <= h * s i * u1 * v i ^ 2) by (apply Rmult_le_pos; [apply Rmult_le_pos; [apply Rmult_le_pos; [lra|apply Hs; exact Hi]|lra]|exact V2]).
    assert (r1 i * g i <= r1 i * g j) by (apply Rmult_le_compat_l; [unfold r1; lra|exact G]); lra. }
  assert (V1 : forall i, (i < T)%nat -> 0 <= v1 i)
    by (apply (shadow_v_nonnegative T _ F k h D_v HT DL HF Hk Hh Hv s v v1 u u1 Hs H1 Hu Hin)).
  assert (S1 : 0 <= sum T v1) by (apply sum_nonnegative; exact V1).
  assert (Se : 0 <= sum T e) by (rewrite <- SumE in Rise; apply (Rmult_le_reg_l A); [exact P|]; lra).
  assert (X : v1 j * sum T e <= e j * sum T v1).
  { apply Rle_trans with (g j * (A * sum T v1) * sum T e); [apply Rmult_le_compat_r; assumption|].
    replace (g j * (A * sum T v1) * sum T e) with (g j * (A * sum T e) * sum T v1) by ring.
    apply Rmult_le_compat_r; assumption. }
  assert (E2 : sum T e = sum T v2 - sum T v1) by (unfold e; rewrite sum_linear; ring).
  rewrite E2 in X; unfold e in X; lra.
Qed.
End Share.

(* What is false, in exact rationals. *)
Ltac rational := unfold is_shadow_step, mean, implicit_u, explicit_u, implicit_v, explicit_v; split;
  [simpl; field|intros i Hi; rewrite wlap_differences by exact Hi; destruct i as [|[|[|i]]]; simpl; try lia; field].

(* Over two steps more similarity can lower a clip's share: two clips, no cut. *)
Definition two (x y : R) : field := fun i => match i with O => x | _ => y end.

Theorem share_may_fall_later : exists u1 v1 u2 v2 u1' v1' u2' v2',
  let edge := fun _ : nat => 1 in
  (* gains (11, 0) *)
  is_shadow_step 2 (wlap 2 edge) 2 1 2 4 (two 11 0) 1 (two 0 1) u1 v1 /\
  is_shadow_step 2 (wlap 2 edge) 2 1 2 4 (two 11 0) u1 v1 u2 v2 /\
  (* gains (11, 1): more similarity at clip 1 *)
  is_shadow_step 2 (wlap 2 edge) 2 1 2 4 (two 11 1) 1 (two 0 1) u1' v1' /\
  is_shadow_step 2 (wlap 2 edge) 2 1 2 4 (two 11 1) u1' v1' u2' v2' /\
  v2' 1%nat * sum 2 v2 < v2 1%nat * sum 2 v2'.
Proof.
  exists 1, (two (8 / 161) (15 / 161)), (129605 / 130309), (two (48275760 / 3377739589) (46726821 / 3377739589)),
    (5 / 6), (two (64 / 483) (40 / 161)), (2255127 / 2451802), (two (2015698560 / 31776579821) (5525718824 / 95329739463)).
  cbv zeta; split; [rational|split; [rational|split; [rational|split; [rational|]]]]; simpl; lra.
Qed.

(* With conductances the ranking by s v need not be kept, not even from a uniform activator: the best clip shares with
   its neighbour, one behind a cut does not. *)
Definition three (x y z : R) : field := fun i => match i with O => x | S O => y | _ => z end.

Theorem ranking_may_change_with_diffusion : exists u' v',
  is_shadow_step 3 (wlap 3 (two 1 0)) 1 1 1 10 (three 6 0 5) 1 (fun _ => 1) u' v' /\
  6 * 1 > 5 * 1 /\ 6 * v' 0%nat < 5 * v' 2%nat.
Proof.
  exists (6 / 17), (three (859 / 1173) (751 / 1173) (47 / 51)); split; [rational|simpl; lra].
Qed.
