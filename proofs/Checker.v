(* Checker.v: a certificate checker that is itself a theorem: what it accepts is true of all real points.

   Words used here:
     strip          z range of a paving's strip, inner and outer range of u (rationals of a certificate)
     region d s f   chart points (u, z): v-rich, damped, fed, Turing-unstable at ratio d and, with a cap, F <= f at gain s
     check_paving   the decision by exact rational arithmetic, run by vm_compute
     real_inner, real_outer   areas in the (F, k) plane at s = 1 of the inner and outer strips
     check_box      the decision on the corners of a design box: u_star, z, excess, wavelength, rate *)
From Coq Require Import Reals Lra Psatz QArith Qround Qreals List Bool.
From Coquelicot Require Import Hierarchy Derive AutoDerive.
From RDMF Require Import Generated Turing Design.
Import ListNotations.
Open Scope R_scope.

Record strip := Strip { z_lo : Q; z_hi : Q; in_lo : Q; in_hi : Q; out_lo : Q; out_hi : Q }.

Definition region (d s : R) (cap : option Q) (u z : R) : Prop :=
  0 < u < 1 / 2 /\ 1 < z /\ z * u < 1 /\ turing_threshold u z < d /\
  match cap with Some f => s * z ^ 2 * u ^ 3 * (1 - u) <= Q2R f | None => True end.

(* The cap is one on the feed rate: at gain s the turnover rate is s z u^2 (1 - u). *)
Theorem feed_of_chart : forall s u z, chart_F u z (s * (z * u ^ 2 * (1 - u))) = s * z ^ 2 * u ^ 3 * (1 - u).
Proof. intros; unfold chart_F; ring. Qed.

Open Scope Q_scope.
(* 8 d z u_low(z), with u_low(z) = 1/2 - (d - z)^2 / (8 d z) the lower end of the region *)
Definition low8 (d z : Q) : Q := 4 * d * z - (d - z) * (d - z).
Definition feed (s u z : Q) : Q := s * (z * z) * (u * u * u) * (1 - u).

Definition check_strip (d s : Q) (cap : option Q) (t : strip) : bool :=
  negb (Qle_bool (z_hi t) (z_lo t)) && Qle_bool (z_hi t) d &&
  (Qle_bool (in_hi t) (in_lo t)
   || (Qle_bool 0 (in_lo t) && Qle_bool (low8 d (z_hi t)) (8 * d * z_hi t * in_lo t) && Qle_bool (in_hi t) (1 # 2)
       && Qle_bool (in_hi t * z_hi t) 1
       && match cap with Some f => Qle_bool (feed s (in_hi t) (z_hi t)) f | None => true end)) &&
  (Qle_bool (out_lo t) 0 || Qle_bool (8 * d * z_lo t * out_lo t) (low8 d (z_lo t))) &&
  (Qle_bool (1 # 2) (out_hi t) || Qle_bool 1 (out_hi t * z_lo t)
   || match cap with Some f => negb (Qle_bool (out_hi t) 0) && Qle_bool f (feed s (out_hi t) (z_lo t)) | None => false end).

Fixpoint check_strips (d s : Q) (cap : option Q) (from : Q) (strips : list strip) : bool :=
  match strips with
  | [] => Qle_bool d from || (negb (Qle_bool (low8 d from) 0) && Qle_bool (8 * d) (low8 d from))
  | t :: rest => Qeq_bool (z_lo t) from && check_strip d s cap t && check_strips d s cap (z_hi t) rest
  end.

(* Areas, rounded outward to multiples of 2^-96 so that the numbers stay short. *)
Definition primitive (u : Q) : Q := u * u * (u * u) * u * ((1 # 5) - u * ((1 # 2) - u * (2 # 7))).
Definition area (z1 z2 u1 u2 : Q) : Q := (z2 * z2 * z2 - z1 * z1 * z1) * (1 # 3) * (primitive u2 - primitive u1).
Definition down (x : Q) : Q := inject_Z (Qfloor (x * inject_Z (2 ^ 96))) * (1 # 2 ^ 96).
Definition up (x : Q) : Q := - down (- x).
Fixpoint inner_sum (strips : list strip) : Q :=
  match strips with [] => 0 | t :: rest => down (down (area (z_lo t) (z_hi t) (in_lo t) (in_hi t)) + inner_sum rest) end.
Fixpoint outer_sum (strips : list strip) : Q :=
  match strips with [] => 0 | t :: rest => up (up (area (z_lo t) (z_hi t) (out_lo t) (out_hi t)) + outer_sum rest) end.

(* ends in order, outer ones in the chart: past u = 1/2 the density of the area is negative *)
Definition ends_in_chart (t : strip) : bool :=
  Qle_bool (in_lo t) (in_hi t) && Qle_bool 0 (out_lo t) && Qle_bool (out_lo t) (out_hi t) && Qle_bool (out_hi t) (1 # 2).

Definition check_paving (d s : Q) (cap : option Q) (strips : list strip) (inner outer : Q) : bool :=
  negb (Qle_bool d 1) && negb (Qle_bool s 0) && check_strips d s cap 1 strips &&
  Qle_bool inner (s * s * inner_sum strips) && Qle_bool (s * s * outer_sum strips) outer && forallb ends_in_chart strips.

Definition check_box (u1 u2 z1 z2 r1 l1 w1 : Q) : bool :=
  negb (Qle_bool u1 0) && negb (Qle_bool (1 # 2) u2) && negb (Qle_bool z1 1) && negb (Qle_bool z2 0)
  && negb (Qle_bool 1 (z2 * u2)) && negb (Qle_bool r1 1) && negb (Qle_bool l1 2) && negb (Qle_bool w1 0).

Open Scope R_scope.
Lemma le_real : forall x y, Qle_bool x y = true -> Q2R x <= Q2R y.
Proof. intros x y H; apply Qle_Rle, Qle_bool_iff; exact H. Qed.

Lemma lt_real : forall x y, negb (Qle_bool y x) = true -> Q2R x < Q2R y.
Proof.
  intros x y H; apply negb_true_iff in H; apply Qlt_Rlt, Qnot_le_lt; intro L.
  apply Qle_bool_iff in L; congruence.
Qed.

Lemma real_constants : Q2R 0 = 0 /\ Q2R 1 = 1 /\ Q2R 2 = 2 /\ Q2R 4 = 4 /\ Q2R 8 = 8 /\ Q2R (1 # 2) = 1 / 2.
Proof. unfold Q2R; simpl; repeat split; lra. Qed.

(* Area of a chart box in the (F, k) plane at s = 1: the density |d(F, k)/d(u, z)| integrated over u and z. *)
Definition real_primitive (u : R) : R := u ^ 5 / 5 - u ^ 6 / 2 + 2 * u ^ 7 / 7.
Definition real_area (z1 z2 u1 u2 : R) : R := (z2 ^ 3 - z1 ^ 3) / 3 * (real_primitive u2 - real_primitive u1).
Fixpoint real_inner (strips : list strip) : R := match strips with [] => 0 | t :: rest =>
  real_area (Q2R (z_lo t)) (Q2R (z_hi t)) (Q2R (in_lo t)) (Q2R (in_hi t)) + real_inner rest end.
Fixpoint real_outer (strips : list strip) : R := match strips with [] => 0 | t :: rest =>
  real_area (Q2R (z_lo t)) (Q2R (z_hi t)) (Q2R (out_lo t)) (Q2R (out_hi t)) + real_outer rest end.

(* At gain s = 1: F = z^2 u^3 (1 - u), k = z u^2 (1 - u)(1 - z u); the density is z^2 u^4 (1 - u)(1 - 2u). *)
Theorem area_density : forall u z : R,
  @is_derive R_AbsRing R_NormedModule (fun x => real_area 0 z 0 x) u (z ^ 3 / 3 * (u ^ 4 * (1 - u) * (1 - 2 * u))) /\
  Derive (fun y => y ^ 2 * u ^ 3 * (1 - u)) z * Derive (fun x => z * x ^ 2 * (1 - x) * (1 - z * x)) u
  - Derive (fun x => z ^ 2 * x ^ 3 * (1 - x)) u * Derive (fun y => y * u ^ 2 * (1 - u) * (1 - y * u)) z
  = z ^ 2 * u ^ 4 * (1 - u) * (1 - 2 * u).
Proof.
  intros u z; split.
  - unfold real_area, real_primitive; auto_derive; [exact I|field].
  - assert (D1 : Derive (fun x => z ^ 2 * x ^ 3 * (1 - x)) u = z ^ 2 * (3 * u ^ 2 - 4 * u ^ 3)).
    { apply is_derive_unique; auto_derive; [exact I|ring]. }
    assert (D2 : Derive (fun y => y * u ^ 2 * (1 - u) * (1 - y * u)) z = u ^ 2 * (1 - u) * (1 - 2 * z * u)).
    { apply is_derive_unique; auto_derive; [exact I|ring]. }
    assert (D3 : Derive (fun y => y ^ 2 * u ^ 3 * (1 - u)) z = 2 * z * u ^ 3 * (1 - u)).
    { apply is_derive_unique; auto_derive; [exact I|ring]. }
    assert (D4 : Derive (fun x => z * x ^ 2 * (1 - x) * (1 - z * x)) u
                 = z * (2 * u - 3 * u ^ 2) * (1 - z * u) - z ^ 2 * u ^ 2 * (1 - u)).
    { apply is_derive_unique; auto_derive; [exact I|ring]. }
    rewrite D1, D2, D3, D4; ring.
Qed.

Lemma down_below : forall x, Q2R (down x) <= Q2R x.
Proof.
  intro x; apply Qle_Rle; unfold down.
  assert (P : (0 < inject_Z (2 ^ 96))%Q) by reflexivity.
  assert (F := Qfloor_le (x * inject_Z (2 ^ 96))).
  setoid_replace x with (x * inject_Z (2 ^ 96) * (1 # 2 ^ 96))%Q at 2.
  - apply Qmult_le_compat_r; [exact F|discriminate].
  - rewrite <- Qmult_assoc; setoid_replace (inject_Z (2 ^ 96) * (1 # 2 ^ 96))%Q with 1%Q by reflexivity; ring.
Qed.

Lemma up_above : forall x, Q2R x <= Q2R (up x).
Proof. intro x; unfold up; rewrite Q2R_opp; assert (D := down_below (- x)); rewrite Q2R_opp in D; lra. Qed.

Lemma area_real : forall z1 z2 u1 u2, Q2R (area z1 z2 u1 u2) = real_area (Q2R z1) (Q2R z2) (Q2R u1) (Q2R u2).
Proof.
  intros; unfold area, primitive, real_area, real_primitive.
  rewrite ?Q2R_mult, ?Q2R_minus, ?Q2R_mult, ?Q2R_minus, ?Q2R_mult, ?Q2R_minus, ?Q2R_mult.
  replace (Q2R (1 # 3)) with (1 / 3) by (unfold Q2R; simpl; lra).
  replace (Q2R (1 # 5)) with (1 / 5) by (unfold Q2R; simpl; lra).
  replace (Q2R (1 # 2)) with (1 / 2) by (unfold Q2R; simpl; lra).
  replace (Q2R (2 # 7)) with (2 / 7) by (unfold Q2R; simpl; lra).
  field.
Qed.

Lemma sums_real : forall strips, Q2R (inner_sum strips) <= real_inner strips /\ real_outer strips <= Q2R (outer_sum strips).
Proof.
  assert (Z : Q2R 0 = 0) by (unfold Q2R; simpl; lra).
  induction strips as [|t rest [I O]]; cbn [inner_sum outer_sum real_inner real_outer]; [lra|].
  rewrite <- !area_real; split.
  - eapply Rle_trans; [apply down_below|]; rewrite Q2R_plus.
    assert (D := down_below (area (z_lo t) (z_hi t) (in_lo t) (in_hi t))); lra.
  - eapply Rle_trans; [|apply up_above]; rewrite Q2R_plus.
    assert (D := up_above (area (z_lo t) (z_hi t) (out_lo t) (out_hi t))); lra.
Qed.

(* Every design of an accepted box is in the domain of the headline theorem. *)
Theorem check_box_sound : forall u1 u2 z1 z2 r1 l1 w1, check_box u1 u2 z1 z2 r1 l1 w1 = true ->
  forall u z r l w, Q2R u1 <= u <= Q2R u2 -> Q2R z1 <= z <= Q2R z2 -> Q2R r1 <= r -> Q2R l1 <= l -> Q2R w1 <= w ->
  design_box u z r l w.
Proof.
  intros u1 u2 z1 z2 r1 l1 w1 H u z r l w Hu Hz Hr Hl Hw; unfold check_box in H.
  repeat match goal with H : _ && _ = true |- _ => apply andb_true_iff in H; destruct H end.
  repeat match goal with H : negb (Qle_bool _ _) = true |- _ => apply lt_real in H end.
  rewrite Q2R_mult in *; destruct real_constants as (C0 & C1 & C2 & _ & _ & Ch); rewrite ?C0, ?C1, ?C2, ?Ch in *.
  unfold design_box; repeat split; try lra.
  apply Rle_lt_trans with (Q2R z2 * Q2R u2); [apply Rmult_le_compat; lra|assumption].
Qed.

Section Paving.
Variables (d s : Q) (cap : option Q).
Hypothesis Hd : 1 < Q2R d.
Hypothesis Hs : 0 < Q2R s.

Let D := Q2R d.

Lemma turing_low : forall u z, 0 < u < 1 / 2 -> 1 < z ->
  (turing_threshold u z < D <-> z < D /\ 4 * D * z - (D - z) ^ 2 < 8 * D * z * u).
Proof.
  intros u z Hu Hz; rewrite (threshold_radical_free u z D Hu Hz); split; intros [A B]; split; lra.
Qed.

(* (d - z)^2 / z falls with z below d: the region's lower end rises. *)
Lemma low_rises : forall x y u, 0 < x <= y -> y <= D -> 4 * D * y - (D - y) ^ 2 <= 8 * D * y * u ->
  4 * D * x - (D - x) ^ 2 <= 8 * D * x * u.
Proof.
  intros x y u Hx Hy H; fold D in Hd.
  assert (A : x * (D - y) ^ 2 <= y * (D - x) ^ 2).
  { assert ((D - y) ^ 2 <= (D - x) ^ 2) by nra; assert (0 <= (D - y) ^ 2) by apply pow2_ge_0; nra. }
  apply (Rmult_le_reg_l y); [lra|].
  assert (B : x * (4 * D * y - (D - y) ^ 2) <= x * (8 * D * y * u)) by (apply Rmult_le_compat_l; lra).
  lra.
Qed.

Lemma cube_rises : forall x y, 0 <= x <= y -> y <= 1 / 2 -> x ^ 3 * (1 - x) <= y ^ 3 * (1 - y).
Proof.
  intros x y Hx Hy.
  assert (E : y ^ 3 * (1 - y) - x ^ 3 * (1 - x) = (y - x) * ((x * x + x * y + y * y) - (x + y) * (x * x + y * y))) by ring.
  assert (0 <= (x * x + x * y + y * y) - (x + y) * (x * x + y * y)).
  { assert (0 <= x * y) by (apply Rmult_le_pos; lra); assert (0 <= x * x + y * y) by nra; nra. }
  assert (0 <= (y - x) * ((x * x + x * y + y * y) - (x + y) * (x * x + y * y))) by (apply Rmult_le_pos; lra); lra.
Qed.

Lemma feed_rises : forall x y a b, 0 <= x <= y -> y <= 1 / 2 -> 0 <= a <= b ->
  Q2R s * a ^ 2 * x ^ 3 * (1 - x) <= Q2R s * b ^ 2 * y ^ 3 * (1 - y).
Proof.
  intros x y a b Hx Hy Ha.
  replace (Q2R s * a ^ 2 * x ^ 3 * (1 - x)) with (Q2R s * (a ^ 2 * (x ^ 3 * (1 - x)))) by ring.
  replace (Q2R s * b ^ 2 * y ^ 3 * (1 - y)) with (Q2R s * (b ^ 2 * (y ^ 3 * (1 - y)))) by ring.
  apply Rmult_le_compat_l; [lra|].
  apply Rmult_le_compat; [apply pow2_ge_0| |nra|apply cube_rises; lra].
  apply Rmult_le_pos; [apply pow_le|]; lra.
Qed.

Lemma strip_sound : forall t, check_strip d s cap t = true -> 1 <= Q2R (z_lo t) ->
  Q2R (z_lo t) < Q2R (z_hi t) <= D /\
  (forall u z, Q2R (z_lo t) < z < Q2R (z_hi t) -> Q2R (in_lo t) < u < Q2R (in_hi t) -> region D (Q2R s) cap u z) /\
  (forall u z, Q2R (z_lo t) <= z <= Q2R (z_hi t) -> region D (Q2R s) cap u z -> Q2R (out_lo t) <= u <= Q2R (out_hi t)).
Proof.
  intros t H Hz1; unfold check_strip in H; fold D in Hd.
  apply andb_true_iff in H; destruct H as [H Hup]; apply andb_true_iff in H; destruct H as [H Hlow].
  apply andb_true_iff in H; destruct H as [H Hin]; apply andb_true_iff in H; destruct H as [Hz Hzd].
  apply lt_real in Hz; apply le_real in Hzd; fold D in Hzd.
  destruct real_constants as (C0 & C1 & C2 & C4 & C8 & Ch).
  split; [lra|split].
  - intros u z Hzz Huu; apply orb_true_iff in Hin; destruct Hin as [E|Hin]; [apply le_real in E; lra|].
    apply andb_true_iff in Hin; destruct Hin as [Hin Hcap]; apply andb_true_iff in Hin; destruct Hin as [Hin Hfed].
    apply andb_true_iff in Hin; destruct Hin as [Hin Hhalf]; apply andb_true_iff in Hin; destruct Hin as [H0 Hl].
    apply le_real in H0, Hl, Hhalf, Hfed; unfold low8 in Hl.
    rewrite ?Q2R_minus, ?Q2R_mult, ?Q2R_minus, ?C4, ?C8 in Hl; fold D in Hl.
    rewrite Q2R_mult, C1 in Hfed; rewrite C0 in H0; rewrite Ch in Hhalf.
    assert (Hu : 0 < u < 1 / 2) by lra.
    assert (Lz := low_rises z (Q2R (z_hi t)) (Q2R (in_lo t)) ltac:(lra) Hzd ltac:(lra)).
    unfold region; split; [exact Hu|split; [lra|split; [|split]]].
    + apply Rlt_le_trans with (Q2R (in_hi t) * Q2R (z_hi t)); [nra|exact Hfed].
    + apply turing_low; [exact Hu|lra|split; [lra|]].
      assert (0 < 8 * D * z) by nra; assert (8 * D * z * Q2R (in_lo t) < 8 * D * z * u) by (apply Rmult_lt_compat_l; lra); lra.
    + destruct cap as [f|]; [|exact I].
      apply le_real in Hcap; unfold feed in Hcap; rewrite !Q2R_mult, Q2R_minus, C1 in Hcap.
      apply Rle_trans with (Q2R s * Q2R (z_hi t) ^ 2 * Q2R (in_hi t) ^ 3 * (1 - Q2R (in_hi t))); [apply feed_rises; lra|lra].
  - intros u z Hzz (Hu & Hz' & Hfu & Htu & Hcu).
    apply (turing_low u z Hu Hz') in Htu; destruct Htu as [Tz Tl].
    split.
    + apply orb_true_iff in Hlow; destruct Hlow as [E|E]; apply le_real in E; [lra|].
      unfold low8 in E; rewrite ?Q2R_minus, ?Q2R_mult, ?Q2R_minus, ?C4, ?C8 in E; fold D in E.
      assert (L := low_rises (Q2R (z_lo t)) z u ltac:(lra) ltac:(lra) ltac:(lra)).
      apply (Rmult_le_reg_l (8 * D * Q2R (z_lo t))); [nra|lra].
    + apply orb_true_iff in Hup; destruct Hup as [Hup|Hup]; [apply orb_true_iff in Hup; destruct Hup as [E|E]; apply le_real in E|].
      * rewrite Ch in E; lra.
      * rewrite Q2R_mult, C1 in E; nra.
      * destruct cap as [f|]; [|discriminate].
        apply andb_true_iff in Hup; destruct Hup as [E0 E]; apply lt_real in E0; apply le_real in E.
        unfold feed in E; rewrite !Q2R_mult, Q2R_minus, C1 in E; rewrite C0 in E0.
        destruct (Rle_lt_dec u (Q2R (out_hi t))) as [L|L]; [exact L|exfalso].
        assert (M := feed_rises (Q2R (out_hi t)) u (Q2R (z_lo t)) z ltac:(lra) ltac:(lra) ltac:(lra)).
        assert (St : Q2R (out_hi t) ^ 3 * (1 - Q2R (out_hi t)) < u ^ 3 * (1 - u)).
        { assert (E2 : u ^ 3 * (1 - u) - Q2R (out_hi t) ^ 3 * (1 - Q2R (out_hi t)) = (u - Q2R (out_hi t)) *
            ((Q2R (out_hi t) * Q2R (out_hi t) + Q2R (out_hi t) * u + u * u) - (Q2R (out_hi t) + u) * (Q2R (out_hi t) * Q2R (out_hi t) + u * u))) by ring.
          assert (0 < (Q2R (out_hi t) * Q2R (out_hi t) + Q2R (out_hi t) * u + u * u) - (Q2R (out_hi t) + u) * (Q2R (out_hi t) * Q2R (out_hi t) + u * u)).
          { assert (0 < Q2R (out_hi t) * u) by (apply Rmult_lt_0_compat; lra).
            assert (0 < Q2R (out_hi t) * Q2R (out_hi t) + u * u) by nra; nra. }
          assert (0 < (u - Q2R (out_hi t)) * ((Q2R (out_hi t) * Q2R (out_hi t) + Q2R (out_hi t) * u + u * u) - (Q2R (out_hi t) + u) * (Q2R (out_hi t) * Q2R (out_hi t) + u * u)))
            by (apply Rmult_lt_0_compat; lra); lra. }
        assert (Zp : 0 < Q2R s * Q2R (z_lo t) ^ 2) by (apply Rmult_lt_0_compat; [exact Hs|apply pow_lt; lra]).
        assert (S1 : Q2R s * Q2R (z_lo t) ^ 2 * (Q2R (out_hi t) ^ 3 * (1 - Q2R (out_hi t))) < Q2R s * Q2R (z_lo t) ^ 2 * (u ^ 3 * (1 - u)))
          by (apply Rmult_lt_compat_l; assumption).
        assert (S2 := feed_rises u u (Q2R (z_lo t)) z ltac:(lra) ltac:(lra) ltac:(lra)).
        lra.
Qed.

Lemma strips_sound : forall strips from, check_strips d s cap from strips = true -> 1 <= Q2R from ->
  (forall t, In t strips -> forall u z, Q2R (z_lo t) < z < Q2R (z_hi t) -> Q2R (in_lo t) < u < Q2R (in_hi t) ->
     region D (Q2R s) cap u z) /\
  (forall u z, Q2R from <= z -> region D (Q2R s) cap u z ->
     exists t, In t strips /\ Q2R (z_lo t) <= z <= Q2R (z_hi t) /\ Q2R (out_lo t) <= u <= Q2R (out_hi t)).
Proof.
  destruct real_constants as (C0 & C1 & C2 & C4 & C8 & Ch).
  induction strips as [|t rest IH]; intros from H Hf; simpl in H.
  - split; [intros t []|].
    intros u z Hz (Hu & Hz1 & Hfu & Htu & _); exfalso.
    apply (turing_low u z Hu Hz1) in Htu; destruct Htu as [Tz Tl].
    apply orb_true_iff in H; destruct H as [E|E]; [apply le_real in E; fold D in E; lra|].
    apply andb_true_iff in E; destruct E as [E0 E]; apply lt_real in E0; apply le_real in E.
    unfold low8 in E, E0; rewrite ?Q2R_minus, ?Q2R_mult, ?Q2R_minus, ?C4, ?C8, ?C0 in *; fold D in E, E0.
    assert (L := low_rises (Q2R from) z u ltac:(lra) ltac:(lra) ltac:(lra)).
    assert (Fd : 8 * D <= 8 * D * Q2R from * u) by lra.
    assert (D8 : 1 <= Q2R from * u) by (fold D in Hd; nra).
    nra.
  - apply andb_true_iff in H; destruct H as [H Hr]; apply andb_true_iff in H; destruct H as [He Ht].
    apply Qeq_bool_iff, Qeq_eqR in He.
    destruct (strip_sound t Ht ltac:(lra)) as (Z & In1 & Out1).
    destruct (IH (z_hi t) Hr ltac:(lra)) as [In2 Out2].
    split.
    + intros t' [E|I] u z; [subst t'; apply In1|apply In2; exact I].
    + intros u z Hz Reg; destruct (Rle_lt_dec z (Q2R (z_hi t))) as [L|L].
      * exists t; split; [left; reflexivity|split; [lra|apply (Out1 u z); [lra|exact Reg]]].
      * destruct (Out2 u z ltac:(lra) Reg) as (t' & I & B); exists t'; split; [right; exact I|exact B].
Qed.
End Paving.

(* What check_paving accepts: inner strips lie in the region, outer strips cover it, and their areas are as claimed. *)
Theorem check_paving_sound : forall d s cap strips inner outer, check_paving d s cap strips inner outer = true ->
  (forall t, In t strips -> forall u z, Q2R (z_lo t) < z < Q2R (z_hi t) -> Q2R (in_lo t) < u < Q2R (in_hi t) ->
     region (Q2R d) (Q2R s) cap u z) /\
  (forall u z, region (Q2R d) (Q2R s) cap u z ->
     exists t, In t strips /\ Q2R (z_lo t) <= z <= Q2R (z_hi t) /\ Q2R (out_lo t) <= u <= Q2R (out_hi t)) /\
  Q2R inner <= Q2R s ^ 2 * real_inner strips /\ Q2R s ^ 2 * real_outer strips <= Q2R outer /\
  (forall t, In t strips -> Q2R (in_lo t) <= Q2R (in_hi t) /\ 0 <= Q2R (out_lo t) <= Q2R (out_hi t) /\ Q2R (out_hi t) <= 1 / 2).
Proof.
  intros d s cap strips inner outer H; unfold check_paving in H.
  apply andb_true_iff in H; destruct H as [H Hc].
  apply andb_true_iff in H; destruct H as [H Ho]; apply andb_true_iff in H; destruct H as [H Hi].
  apply andb_true_iff in H; destruct H as [H Hst]; apply andb_true_iff in H; destruct H as [Hd Hs].
  apply lt_real in Hd, Hs; destruct real_constants as (C0 & C1 & _); rewrite C1 in Hd; rewrite C0 in Hs.
  destruct (strips_sound d s cap Hs strips 1%Q Hst ltac:(lra)) as [A B].
  destruct (sums_real strips) as [SI SO]; apply le_real in Hi, Ho; rewrite !Q2R_mult in Hi, Ho.
  assert (S2 : 0 < Q2R s * Q2R s) by (apply Rmult_lt_0_compat; assumption).
  split; [exact A|split; [|split; [nra|split; [nra|]]]].
  - intros u z R; apply B; [|exact R]; destruct R as (_ & Hz & _); lra.
  - intros t I; apply (proj1 (forallb_forall _ _) Hc) in I; unfold ends_in_chart in I.
    apply andb_true_iff in I; destruct I as [I Hhalf]; apply andb_true_iff in I; destruct I as [I Hout].
    apply andb_true_iff in I; destruct I as [Hin H0]; apply le_real in Hin, H0, Hout, Hhalf.
    destruct real_constants as (Z0 & _ & _ & _ & _ & Zh); rewrite Z0 in H0; rewrite Zh in Hhalf; lra.
Qed.
