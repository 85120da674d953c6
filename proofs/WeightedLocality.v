(* WeightedLocality.v: with any conductances a clip is felt no further than without cuts; and what a wrong nonlocal
   number costs.

   Words used here: as in Locality.v and Conductances.v, and
     tail x i       x i + ... + x (T - 1)
     chunk          the first W of T clips solved alone: the edge to the rest is cut
     c, c2          the consumption (mean of s v^2) and what clip i uses in its place: exchanged late, or of a
                    neighbourhood;  eps its error *)
From Coq Require Import Reals Lra Lia Psatz PeanoNat.
From RDMF Require Import Generated ClipLaplacian Step Locality Conductances Shadow.
Open Scope R_scope.

Section Decay.
Variables (T : nat) (kappa : nat -> R) (alpha beta rho : R).
Hypothesis HK : conductances T kappa.
Hypothesis Ha : 0 < alpha.
Hypothesis Hb : 0 < beta.
Hypothesis Hr : 0 < rho < 1.
Hypothesis Root : beta * (1 - rho) ^ 2 = alpha * rho.

Definition tail (x : nat -> R) (i : nat) : R := sum (T - i) (fun l => x (i + l)%nat).

Lemma tail_step : forall x i, (i < T)%nat -> tail x i = x i + tail x (S i).
Proof.
  intros x i Hi; unfold tail; replace (T - i)%nat with (S (T - S i)) by lia.
  assert (Shift : forall n f, sum (S n) f = f O + sum n (fun l => f (S l))).
  { induction n as [|n IH]; intro f; [simpl; ring|]. change (sum (S n) f + f (S n) = f O + (sum n (fun l => f (S l)) + f (S n))).
    rewrite IH; ring. }
  rewrite Shift; replace (i + 0)%nat with i by lia; f_equal.
  apply sum_ext; intros l _; f_equal; lia.
Qed.

Lemma tail_end : forall x, tail x T = 0.
Proof. intro x; unfold tail; rewrite Nat.sub_diag; reflexivity. Qed.

Lemma tail_nonnegative : forall x i, (forall l, (l < T)%nat -> 0 <= x l) -> 0 <= tail x i.
Proof. intros x i H; unfold tail; apply sum_nonnegative; intros l Hl; apply H; lia. Qed.

Variables (A x b : nat -> R) (j : nat).
Hypothesis HA : forall i, (i < T)%nat -> alpha <= A i.
Hypothesis Hx : forall i, (i < T)%nat -> A i * x i - beta * wlap T kappa x i = b i.
Hypothesis Hj : (j < T)%nat.
Hypothesis Hz : forall i, (i < T)%nat -> i <> j -> b i = 0.
Hypothesis Hpos : 0 <= b j.

Let DL := clips_diffuse T kappa HK.

Lemma response_nonnegative : forall i, (i < T)%nat -> 0 <= x i.
Proof.
  apply (diffusion_nonnegative_solution T (wlap T kappa) A beta DL); [intros i Hi; assert (X := HA i Hi); lra|lra|].
  intros i Hi; rewrite (Hx i Hi); destruct (Nat.eq_dec i j) as [E|N]; [subst i; exact Hpos|rewrite (Hz i Hi N); lra].
Qed.

(* What flows past an edge feeds everything behind it. *)
Lemma flux_feeds : forall n i, (i + n = T)%nat -> (j < i < T)%nat ->
  alpha * tail x i <= beta * (kappa (i - 1)%nat * (x (i - 1)%nat - x i)).
Proof.
  induction n as [|n IH]; intros i En Hi; [lia|].
  assert (R := Hx i ltac:(lia)); rewrite (Hz i ltac:(lia) ltac:(lia)) in R; rewrite wlap_differences in R by lia.
  assert (Ai := HA i ltac:(lia)); assert (Xi := response_nonnegative i ltac:(lia)).
  assert (alpha * x i <= A i * x i) by (apply Rmult_le_compat_r; assumption).
  rewrite tail_step by lia; destruct (Nat.eqb_spec i 0); [lia|].
  destruct (Nat.eqb_spec (S i) T) as [E|N].
  - rewrite E, tail_end; lra.
  - assert (I := IH (S i) ltac:(lia) ltac:(lia)); replace (S i - 1)%nat with i in I by lia; lra.
Qed.

Lemma drop : forall i, (j < i < T)%nat -> alpha * tail x i <= beta * (x (i - 1)%nat - x i).
Proof.
  intros i Hi; assert (F := flux_feeds (T - i) i ltac:(lia) Hi).
  assert (X0 := response_nonnegative (i - 1) ltac:(lia)); assert (X1 := response_nonnegative i ltac:(lia)).
  assert (T0 := tail_nonnegative x (S i) response_nonnegative).
  destruct (HK (i - 1)%nat ltac:(lia)) as [K0 K1]; set (kp := kappa (i - 1)%nat) in *; set (y := x (i - 1)%nat) in *.
  destruct (Rle_lt_dec (x i) y) as [L|L].
  - apply Rle_trans with (1 := F); apply Rmult_le_compat_l; [lra|].
    assert (kp * (y - x i) <= 1 * (y - x i)) by (apply Rmult_le_compat_r; lra); lra.
  - exfalso.
    assert (0 <= kp * (x i - y)) by (apply Rmult_le_pos; lra).
    assert (0 <= beta * (kp * (x i - y))) by (apply Rmult_le_pos; lra).
    assert (Ts := tail_step x i ltac:(lia)).
    assert (0 < alpha * tail x i) by (apply Rmult_lt_0_compat; lra); lra.
Qed.

Lemma head_share : forall n i, (i + n = T)%nat -> (j <= i < T)%nat -> (1 - rho) * tail x i <= x i.
Proof.
  induction n as [|n IH]; intros i En Hi; [lia|].
  assert (Xi := response_nonnegative i ltac:(lia)); rewrite tail_step by lia.
  destruct (Nat.eq_dec (S i) T) as [E|N]; [rewrite E, tail_end; nra|].
  assert (I := IH (S i) ltac:(lia) ltac:(lia)); assert (D := drop (S i) ltac:(lia)); replace (S i - 1)%nat with i in D by lia.
  set (t := tail x (S i)) in *; set (y := x (S i)) in *.
  assert (Q : (1 - rho) ^ 2 * t <= rho * (x i - y)).
  { apply (Rmult_le_reg_l beta); [exact Hb|].
    replace (beta * ((1 - rho) ^ 2 * t)) with (beta * (1 - rho) ^ 2 * t) by ring; rewrite Root.
    replace (beta * (rho * (x i - y))) with (rho * (beta * (x i - y))) by ring.
    replace (alpha * rho * t) with (rho * (alpha * t)) by ring; apply Rmult_le_compat_l; lra. }
  assert (rho * ((1 - rho) * t) <= rho * y) by (apply Rmult_le_compat_l; lra); nra.
Qed.

Lemma tail_shrinks : forall i, (j < i < T)%nat -> tail x i <= rho * tail x (i - 1)%nat.
Proof.
  intros i Hi; rewrite (tail_step x (i - 1)) by lia; replace (S (i - 1)) with i by lia.
  assert (I := head_share (T - i) i ltac:(lia) ltac:(lia)); assert (D := drop i Hi).
  set (t := tail x i) in *; set (y := x i) in *; set (p := x (i - 1)%nat) in *.
  assert (Q : (1 - rho) ^ 2 * t <= rho * (p - y)).
  { apply (Rmult_le_reg_l beta); [exact Hb|].
    replace (beta * ((1 - rho) ^ 2 * t)) with (beta * (1 - rho) ^ 2 * t) by ring; rewrite Root.
    replace (beta * (rho * (p - y))) with (rho * (beta * (p - y))) by ring.
    replace (alpha * rho * t) with (rho * (alpha * t)) by ring; apply Rmult_le_compat_l; lra. }
  assert (rho * ((1 - rho) * t) <= rho * y) by (apply Rmult_le_compat_l; lra); nra.
Qed.

(* Everything at distance d or more to the right of the source, together. *)
Theorem tail_decay : forall d, (j + d < T)%nat -> tail x (j + d)%nat <= rho ^ d / alpha * b j.
Proof.
  assert (Total : alpha * tail x O <= b j).
  { unfold tail; replace (T - 0)%nat with T by lia; rewrite (sum_ext T (fun l => x (0 + l)%nat) x) by reflexivity.
    assert (E : sum T (fun i => 1 * (A i * x i) + - beta * wlap T kappa x i) = sum T b).
    { apply sum_ext; intros i Hi; rewrite <- (Hx i Hi); ring. }
    rewrite sum_linear, (diffusion_conserves T _ DL) in E.
    assert (Pick : forall n, (n <= T)%nat -> sum n b = if (j <? n)%nat then b j else 0).
    { induction n as [|n IH]; intro Hn; [destruct (Nat.ltb_spec j 0); [lia|reflexivity]|].
      cbn [sum]; rewrite IH by lia; destruct (Nat.ltb_spec j n), (Nat.ltb_spec j (S n)); try lia.
      - rewrite (Hz n ltac:(lia) ltac:(lia)); ring.
      - replace n with j by lia; ring.
      - rewrite (Hz n ltac:(lia) ltac:(lia)); ring. }
    rewrite (Pick T (Nat.le_refl T)) in E; destruct (Nat.ltb_spec j T); [|lia].
    assert (alpha * sum T x <= sum T (fun i => A i * x i)).
    { rewrite <- (Rplus_0_r (alpha * _)), <- (Rmult_0_l (sum T (fun _ : nat => 0))), <- sum_linear; apply sum_le; intros i Hi.
      assert (Ai := HA i Hi); assert (Xi := response_nonnegative i Hi).
      assert (alpha * x i <= A i * x i) by (apply Rmult_le_compat_r; assumption); lra. }
    lra. }
  assert (Start : alpha * tail x j <= b j).
  { assert (G : forall n, (n <= j)%nat -> tail x n <= tail x O); [|specialize (G j (Nat.le_refl j)); nra].
    induction n as [|n IH]; intro Hn; [lra|].
    assert (S1 := tail_step x n ltac:(lia)); assert (X := response_nonnegative n ltac:(lia)); specialize (IH ltac:(lia)); lra. }
  induction d as [|d IH]; intro Hd.
  - replace (j + 0)%nat with j by lia; simpl; apply (Rmult_le_reg_l alpha); [exact Ha|].
    replace (alpha * (1 / alpha * b j)) with (b j) by (field; lra); exact Start.
  - assert (S1 := tail_shrinks (j + S d) ltac:(lia)); replace (j + S d - 1)%nat with (j + d)%nat in S1 by lia.
    specialize (IH ltac:(lia)).
    assert (rho * tail x (j + d)%nat <= rho * (rho ^ d / alpha * b j)) by (apply Rmult_le_compat_l; lra).
    apply Rle_trans with (1 := S1); apply Rle_trans with (1 := H); simpl; right; field; lra.
Qed.

Lemma response_right : forall i, (j <= i < T)%nat -> x i <= rho ^ (i - j) / alpha * b j.
Proof.
  intros i Hi; assert (D := tail_decay (i - j) ltac:(lia)); replace (j + (i - j))%nat with i in D by lia.
  rewrite tail_step in D by lia; assert (P := tail_nonnegative x (S i) response_nonnegative); lra.
Qed.
End Decay.

(* Clips in reverse order. *)
Lemma wlap_reverse : forall T kappa x i, (i < T)%nat ->
  wlap T (fun l => kappa (T - 2 - l)%nat) (fun l => x (T - 1 - l)%nat) i = wlap T kappa x (T - 1 - i)%nat.
Proof.
  intros T kappa x i Hi; rewrite !wlap_differences by lia.
  destruct (Nat.eqb_spec i 0), (Nat.eqb_spec (S i) T), (Nat.eqb_spec (T - 1 - i) 0), (Nat.eqb_spec (S (T - 1 - i)) T);
    try lia; rewrite ?Rplus_0_l, ?Rplus_0_r; try reflexivity.
  - replace (T - 1 - i - 1)%nat with (T - 2 - i)%nat by lia; replace (T - 1 - S i)%nat with (T - 2 - i)%nat by lia; reflexivity.
  - replace (T - 2 - (i - 1))%nat with (T - 1 - i)%nat by lia; replace (T - 1 - (i - 1))%nat with (S (T - 1 - i)) by lia; reflexivity.
  - replace (T - 2 - (i - 1))%nat with (T - 1 - i)%nat by lia; replace (T - 1 - (i - 1))%nat with (S (T - 1 - i)) by lia.
    replace (T - 1 - i - 1)%nat with (T - 2 - i)%nat by lia; replace (T - 1 - S i)%nat with (T - 2 - i)%nat by lia; ring.
Qed.

(* The same decay per clip as without cuts, for all conductances in [0, 1] and all reactions >= alpha. *)
Theorem weighted_green_decay : forall T kappa alpha beta (A x b : nat -> R) j, conductances T kappa ->
  0 < alpha -> 0 < beta -> (j < T)%nat -> (forall i, (i < T)%nat -> alpha <= A i) ->
  (forall i, (i < T)%nat -> A i * x i - beta * wlap T kappa x i = b i) ->
  (forall i, (i < T)%nat -> i <> j -> b i = 0) ->
  forall i, (i < T)%nat -> Rabs (x i) <= ratio alpha beta ^ distance i j / alpha * Rabs (b j).
Proof.
  intros T kappa alpha beta A x b j HK Ha Hb Hj HA Hx Hz.
  destruct (ratio_root alpha beta Ha Hb) as [R1 R2]; set (rho := ratio alpha beta) in *.
  (* a source that is not negative, both sides *)
  assert (Pos : forall y c, (forall i, (i < T)%nat -> A i * y i - beta * wlap T kappa y i = c i) ->
    (forall i, (i < T)%nat -> i <> j -> c i = 0) -> 0 <= c j ->
    forall i, (i < T)%nat -> 0 <= y i <= rho ^ distance i j / alpha * c j).
  { intros y c Hy Hc Pc i Hi; split.
    - apply (response_nonnegative T kappa alpha beta HK Ha Hb A y c j HA Hy Hc Pc i Hi).
    - destruct (Nat.le_ge_cases j i) as [Q|Q].
      + replace (distance i j) with (i - j)%nat by (unfold distance; lia).
        apply (response_right T kappa alpha beta rho HK Ha Hb R1 R2 A y c j HA Hy Hj Hc Pc i); lia.
      + assert (HKr : conductances T (fun l => kappa (T - 2 - l)%nat)) by (intros l Hl; apply HK; lia).
        assert (Rr := response_right T (fun l => kappa (T - 2 - l)%nat) alpha beta rho HKr Ha Hb R1 R2
          (fun l => A (T - 1 - l)%nat) (fun l => y (T - 1 - l)%nat) (fun l => c (T - 1 - l)%nat) (T - 1 - j)%nat).
        cbv beta in Rr; replace (T - 1 - (T - 1 - j))%nat with j in Rr by lia.
        specialize (Rr ltac:(intros l Hl; apply HA; lia)).
        specialize (Rr ltac:(intros l Hl; rewrite wlap_reverse by exact Hl; apply Hy; lia) ltac:(lia)).
        specialize (Rr ltac:(intros l Hl N; apply Hc; lia) Pc (T - 1 - i)%nat ltac:(lia)).
        replace (T - 1 - (T - 1 - i))%nat with i in Rr by lia.
        replace (T - 1 - i - (T - 1 - j))%nat with (distance i j) in Rr by (unfold distance; lia); exact Rr. }
  intros i Hi; destruct (Rle_lt_dec 0 (b j)) as [P|N].
  - destruct (Pos x b Hx Hz P i Hi); rewrite !Rabs_pos_eq by assumption; assumption.
  - assert (DL := clips_diffuse T kappa HK).
    assert (Neg := Pos (fun l => -1 * x l + 0 * 0) (fun l => - b l)); cbv beta in Neg.
    destruct (Neg ltac:(intros l Hl; rewrite (diffusion_linear T _ DL (-1) 0 x (fun _ => 0)), <- (Hx l Hl) by exact Hl; ring)
      ltac:(intros l Hl M; rewrite (Hz l Hl M); ring) ltac:(lra) i Hi) as [X0 X1].
    rewrite (Rabs_left (b j)) by exact N; apply Rabs_le; lra.
Qed.

(* A chunk solved alone: the error is the flux cut off, damped once per clip of halo. *)
Theorem chunk_error : forall T W kappa alpha beta (A b x y : nat -> R), conductances T kappa ->
  0 < alpha -> 0 < beta -> (0 < W < T)%nat -> (forall i, (i < T)%nat -> alpha <= A i) ->
  (forall i, (i < T)%nat -> A i * x i - beta * wlap T kappa x i = b i) ->
  (forall i, (i < W)%nat -> A i * y i - beta * wlap W kappa y i = b i) ->
  forall i, (i < W)%nat -> Rabs (x i - y i) <=
    ratio alpha beta ^ (W - 1 - i) / alpha * (beta * kappa (W - 1)%nat * Rabs (x W - x (W - 1)%nat)).
Proof.
  intros T W kappa alpha beta A b x y HK Ha Hb HW HA Hx Hy i Hi.
  assert (HKW : conductances W kappa) by (intros l Hl; apply HK; lia).
  assert (DW := clips_diffuse W kappa HKW).
  set (src := fun l => if (l =? W - 1)%nat then beta * kappa (W - 1)%nat * (x W - x (W - 1)%nat) else 0).
  assert (G := weighted_green_decay W kappa alpha beta A (fun l => 1 * x l + -1 * y l) src (W - 1) HKW Ha Hb ltac:(lia)
    ltac:(intros l Hl; apply HA; lia)).
  assert (Rows : forall l, (l < W)%nat -> A l * (1 * x l + -1 * y l) - beta * wlap W kappa (fun l => 1 * x l + -1 * y l) l = src l).
  { intros l Hl; rewrite (diffusion_linear W _ DW 1 (-1) x y l Hl).
    assert (X := Hx l ltac:(lia)); assert (Y := Hy l Hl).
    assert (E : wlap T kappa x l = wlap W kappa x l + (if (l =? W - 1)%nat then kappa (W - 1)%nat * (x W - x (W - 1)%nat) else 0)).
    { rewrite !wlap_differences by lia.
      destruct (Nat.eqb_spec l (W - 1)), (Nat.eqb_spec (S l) T), (Nat.eqb_spec (S l) W); try lia; try ring.
      replace (S l) with W by lia; subst l; ring. }
    rewrite E in X; unfold src; destruct (l =? W - 1)%nat; lra. }
  specialize (G Rows ltac:(intros l Hl N; unfold src; destruct (Nat.eqb_spec l (W - 1)); [contradiction|reflexivity]) i Hi).
  cbv beta in G; unfold src in G; rewrite Nat.eqb_refl in G.
  replace (distance i (W - 1)) with (W - 1 - i)%nat in G by (unfold distance; lia).
  destruct (HK (W - 1)%nat ltac:(lia)) as [K0 _].
  rewrite Rabs_mult, Rabs_mult, (Rabs_pos_eq beta), (Rabs_pos_eq (kappa (W - 1)%nat)) in G by lra.
  replace (x i - y i) with (1 * x i + -1 * y i) by ring; exact G.
Qed.

(* The nonlocal number. One step in which clip i uses c2 i in place of the consumption (the same number for all where
   chunks exchange it late, a mean of its own where clips compete in a neighbourhood), from fields that already differ:
   the errors of the substrate and of the activator after it. *)
Section Exchange.
Variables (T : nat) (L : field -> field) (F k h D_v u u' c S V du dv eps : R) (s v v2 v' v2' u2 u2' c2 : field).
Hypothesis HL : diffusion T L.
Hypothesis HF : 0 < F.
Hypothesis Hk : 0 <= k.
Hypothesis Hh : 0 < h.
Hypothesis Hv : 0 <= D_v.
Hypothesis Hc : 0 <= c.
Hypothesis Hc2 : forall i, (i < T)%nat -> 0 <= c2 i.
Hypothesis Hu2 : forall i, (i < T)%nat -> 0 <= u2 i <= 1.
Hypothesis Hs : forall i, (i < T)%nat -> 0 <= s i <= S.
Hypothesis Hin : forall i, (i < T)%nat -> 0 <= v i <= V /\ 0 <= v2 i <= V.
Hypothesis Hdu : forall i, (i < T)%nat -> Rabs (u - u2 i) <= du.
Hypothesis Hdv : forall i, (i < T)%nat -> Rabs (v i - v2 i) <= dv.
Hypothesis Heps : forall i, (i < T)%nat -> Rabs (c - c2 i) <= eps.
Hypothesis E1 : u' = (u + h * F) / (1 + h * (F + c)).
Hypothesis E2 : forall i, (i < T)%nat -> u2' i = (u2 i + h * F) / (1 + h * (F + c2 i)).
Hypothesis R1 : forall i, (i < T)%nat -> (1 + h * (F + k)) * v' i - h * D_v * L v' i = v i + h * s i * u' * v i ^ 2.
Hypothesis R2 : forall i, (i < T)%nat -> (1 + h * (F + k)) * v2' i - h * D_v * L v2' i = v2 i + h * s i * u2' i * v2 i ^ 2.

Lemma used_substrate_bounds : forall i, (i < T)%nat -> 0 <= u2' i <= 1.
Proof.
  intros i Hi; assert (Q : 0 < h * F) by (apply Rmult_lt_0_compat; assumption).
  assert (Pc2 : 0 <= h * c2 i) by (apply Rmult_le_pos; [lra|apply Hc2; exact Hi]); assert (U := Hu2 i Hi).
  rewrite (E2 i Hi); split; [apply quotient_nonnegative; lra|].
  apply (Rmult_le_reg_r (1 + h * (F + c2 i))); [lra|].
  replace ((u2 i + h * F) / (1 + h * (F + c2 i)) * (1 + h * (F + c2 i))) with (u2 i + h * F) by (field; lra); lra.
Qed.

Theorem exchange_error_u : forall i, (i < T)%nat -> Rabs (u' - u2' i) <= (du + h * eps) / (1 + h * F).
Proof.
  intros i Hi; assert (Q : 0 < h * F) by (apply Rmult_lt_0_compat; assumption).
  assert (Pc : 0 <= h * c) by (apply Rmult_le_pos; lra).
  assert (Pc2 : 0 <= h * c2 i) by (apply Rmult_le_pos; [lra|apply Hc2; exact Hi]).
  assert (B2 := used_substrate_bounds i Hi).
  assert (Dif : (1 + h * F + h * c) * (u' - u2' i) = (u - u2 i) + - (h * u2' i) * (c - c2 i)).
  { assert (M1 : (1 + h * F + h * c) * u' = u + h * F) by (rewrite E1; field; lra).
    assert (M2 : (1 + h * F + h * c2 i) * u2' i = u2 i + h * F) by (rewrite (E2 i Hi); field; lra). lra. }
  assert (Size : Rabs ((1 + h * F + h * c) * (u' - u2' i)) <= du + h * eps).
  { rewrite Dif; eapply Rle_trans; [apply Rabs_triang|]; apply Rplus_le_compat; [apply Hdu; exact Hi|].
    rewrite Rabs_mult, Rabs_Ropp, (Rabs_pos_eq (h * u2' i)) by (apply Rmult_le_pos; lra).
    apply Rmult_le_compat; [apply Rmult_le_pos; lra|apply Rabs_pos| |apply Heps; exact Hi].
    assert (h * u2' i <= h * 1) by (apply Rmult_le_compat_l; lra); lra. }
  rewrite Rabs_mult, (Rabs_pos_eq (1 + h * F + h * c)) in Size by lra.
  assert (A := Rabs_pos (u' - u2' i)); set (e := Rabs (u' - u2' i)) in *.
  apply (Rmult_le_reg_r (1 + h * F)); [lra|].
  replace ((du + h * eps) / (1 + h * F) * (1 + h * F)) with (du + h * eps) by (field; lra).
  assert (0 <= h * c * e) by (apply Rmult_le_pos; assumption); lra.
Qed.

Theorem exchange_error_v : forall i, (i < T)%nat ->
  Rabs (v' i - v2' i) <= (dv + h * S * (V ^ 2 * ((du + h * eps) / (1 + h * F)) + 2 * V * dv)) / (1 + h * (F + k)).
Proof.
  assert (W : 0 < 1 + h * (F + k)) by (assert (0 <= h * (F + k)) by (apply Rmult_le_pos; lra); lra).
  set (e := (du + h * eps) / (1 + h * F)).
  set (B := dv + h * S * (V ^ 2 * e + 2 * V * dv)).
  assert (One : forall g, g = 1 \/ g = -1 -> forall i, (i < T)%nat -> g * v' i + - g * v2' i <= B / (1 + h * (F + k))).
  { intros g Hg.
    apply (diffusion_solution_below T L (fun _ => 1 + h * (F + k)) (h * D_v) HL); [intros; exact W|apply (coupling_v h D_v Hh Hv)|].
    intros i Hi; rewrite (diffusion_linear T L HL g (- g) v' v2' i Hi).
    replace ((1 + h * (F + k)) * (B / (1 + h * (F + k)))) with B by (field; lra).
    assert (B2 := used_substrate_bounds i Hi); assert (Eu := exchange_error_u i Hi); fold e in Eu.
    assert (X1 := R1 i Hi); assert (X2 := R2 i Hi).
    destruct (Hin i Hi) as [[V0 V1] [W0 W1]]; destruct (Hs i Hi) as [S0 S1]; assert (D := Hdv i Hi).
    replace ((1 + h * (F + k)) * (g * v' i + - g * v2' i) - h * D_v * (g * L v' i + - g * L v2' i))
      with (g * ((1 + h * (F + k)) * v' i - h * D_v * L v' i) - g * ((1 + h * (F + k)) * v2' i - h * D_v * L v2' i)) by ring.
    rewrite X1, X2.
    assert (Size : Rabs (h * s i * (v i ^ 2 * (u' - u2' i) + u2' i * (v i + v2 i) * (v i - v2 i))) <= h * S * (V ^ 2 * e + 2 * V * dv)).
    { rewrite Rabs_mult, (Rabs_pos_eq (h * s i)) by (apply Rmult_le_pos; lra).
      apply Rmult_le_compat; [apply Rmult_le_pos; lra|apply Rabs_pos|apply Rmult_le_compat_l; lra|].
      eapply Rle_trans; [apply Rabs_triang|]; rewrite !Rabs_mult, (Rabs_pos_eq (u2' i)) by lra.
      rewrite (Rabs_pos_eq (v i ^ 2)) by apply pow2_ge_0; rewrite (Rabs_pos_eq (v i + v2 i)) by lra.
      apply Rplus_le_compat.
      - apply Rmult_le_compat; [apply pow2_ge_0|apply Rabs_pos|apply pow_incr; lra|exact Eu].
      - apply Rmult_le_compat; [apply Rmult_le_pos; lra|apply Rabs_pos| |exact D].
        apply Rle_trans with (1 * (v i + v2 i)); [apply Rmult_le_compat_r; lra|lra]. }
    assert (Y1 := Rle_abs (h * s i * (v i ^ 2 * (u' - u2' i) + u2' i * (v i + v2 i) * (v i - v2 i)))).
    assert (Y2 := Rle_abs (- (h * s i * (v i ^ 2 * (u' - u2' i) + u2' i * (v i + v2 i) * (v i - v2 i))))); rewrite Rabs_Ropp in Y2.
    assert (Z1 := Rle_abs (v i - v2 i)); assert (Z2 := Rle_abs (- (v i - v2 i))); rewrite Rabs_Ropp in Z2.
    unfold B; destruct Hg; subst g; lra. }
  intros i Hi; assert (X := One 1 (or_introl eq_refl) i Hi); assert (Y := One (-1) (or_intror eq_refl) i Hi).
  apply Rabs_le; lra.
Qed.
End Exchange.
