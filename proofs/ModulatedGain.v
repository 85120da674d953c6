(* ModulatedGain.v: how far the text may turn the gain of a single clip.

   Words used here:
     u, z, d        an admissible v-rich design: 0 < u < 1/2, 1 < z, z u < 1, d > d_T(u, z)
     m              modulation of one clip's gain, s_t = s m, m > 0
     y, z'          the frozen state of that clip: y (1 - y) = u (1 - u) / m, z' = z u / y
     gain_lo, gain_hi   the interval of m that keeps the frozen state admissible (generated)
     y_max, y_min   the substrates at which it is lost: min (1/2, z u), and the Turing threshold *)
From Coq Require Import Reals Lra Psatz.
From RDMF Require Import Generated Turing.
Open Scope R_scope.

(* Same F and k, gain m s: the frozen state has chart coordinates (y, z u / y, w). *)
Theorem frozen_parameters : forall u z w m y, 0 < u < 1 -> 0 < z -> 0 < w -> 0 < m -> 0 < y < 1 ->
  y * (1 - y) = u * (1 - u) / m ->
  chart_F y (z * u / y) w = chart_F u z w /\ chart_k y (z * u / y) w = chart_k u z w /\
  chart_s y (z * u / y) w = m * chart_s u z w.
Proof.
  intros u z w m y Hu Hz Hw Hm Hy E; unfold chart_F, chart_k, chart_s; repeat split; [field; lra|field; lra|].
  assert (E' : u * (1 - u) = m * (y * (1 - y))) by (rewrite E; field; lra).
  transitivity (w / (z * u * (y * (1 - y)))); [field; lra|].
  transitivity (m * (w / (z * u * (u * (1 - u))))); [|field; lra].
  rewrite E'; field; lra.
Qed.

Definition frozen_admissible (u z d m : R) : Prop := exists y,
  0 < y < 1 / 2 /\ y * (1 - y) = u * (1 - u) / m /\ 1 < z * u / y /\ turing_threshold y (z * u / y) < d.

Lemma parabola_increases : forall x y, x < y -> x + y < 1 -> x * (1 - x) < y * (1 - y).
Proof. intros; nra. Qed.

Section Design.
Variables u z d : R.
Hypothesis Hu : 0 < u < 1 / 2.
Hypothesis Hz : 1 < z.
Hypothesis Hd : turing_threshold u z < d.

Let c := z * u.
Let root := sqrt (8 * d * (d - c)).
Let y_min := c * (3 * d + root) / (d * (d + 8 * c)).
Let y_max := (c + 1 / 2 - Rabs (c - 1 / 2)) / 2.

Lemma design_facts : u < c /\ 2 * c < d /\ 0 < root /\ root * root = 8 * d * (d - c).
Proof.
  assert (P : z < d) by (apply (threshold_radical_free u z d Hu Hz) in Hd; lra).
  unfold c; assert (0 < (z - 1) * u) by nra; assert (0 < z * (1 - 2 * u)) by nra.
  repeat split; [lra|lra| |].
  - unfold root; apply sqrt_lt_R0; unfold c; assert (z * u < d) by lra; nra.
  - unfold root; apply sqrt_sqrt; unfold c; assert (z * u < d) by lra; nra.
Qed.

Lemma y_max_value : (c <= 1 / 2 /\ y_max = c) \/ (1 / 2 <= c /\ y_max = 1 / 2).
Proof.
  unfold y_max; destruct (Rle_lt_dec c (1 / 2)) as [L|L].
  - left; split; [exact L|rewrite Rabs_left1 by lra; lra].
  - right; split; [lra|rewrite Rabs_right by lra; lra].
Qed.

(* On (0, 1/2) with z' = c / y > 1: Turing-unstable exactly above y_min. *)
Lemma frozen_turing_iff : forall y, 0 < y < 1 / 2 -> 1 < c / y -> (turing_threshold y (c / y) < d <-> y_min < y).
Proof.
  intros y Hy Hz'; destruct design_facts as (C1 & C2 & R0 & R2).
  assert (D0 : 0 < d) by lra; assert (C0 : 0 < c) by lra.
  rewrite (threshold_radical_free y (c / y) d Hy Hz').
  assert (a0 : 0 < d * (d + 8 * c)) by nra.
  assert (Ea : d * (d + 8 * c) * y_min = c * (3 * d + root)) by (unfold y_min; field; lra).
  assert (Ez : c / y * y = c) by (field; lra); set (z' := c / y) in *.
  assert (Sq : (d * (d + 8 * c)) * ((d * y - c) ^ 2 - 4 * d * c * y * (1 - 2 * y))
               = (d * (d + 8 * c) * y - 3 * c * d) ^ 2 - c ^ 2 * (root * root)) by (rewrite R2; ring).
  assert (Sc : (d - z') ^ 2 * y ^ 2 - 4 * d * z' * (1 - 2 * y) * y ^ 2
               = (d * y - c) ^ 2 - 4 * d * c * y * (1 - 2 * y)).
  { transitivity ((d * y - z' * y) ^ 2 - 4 * d * (z' * y) * y * (1 - 2 * y)); [ring|rewrite Ez; ring]. }
  assert (y2 : 0 < y ^ 2) by (apply pow_lt; lra).
  set (g := d * (d + 8 * c) * y - 3 * c * d) in *.
  assert (cr : 0 < c * root) by (apply Rmult_lt_0_compat; assumption).
  assert (K : 0 < (d + 8 * c) * (d - 2 * c)) by (apply Rmult_lt_0_compat; lra).
  assert (Eg : d * (d + 8 * c) * (y - y_min) = g - c * root) by (unfold g; lra).
  assert (Ek : 2 * c * (4 * c - d) < c * root).
  { assert (X : 2 * (4 * c - d) < root); [|nra].
    destruct (Rle_lt_dec (4 * c) d); [lra|].
    apply square_lt; [lra|]; replace (root ^ 2) with (root * root) by ring; rewrite R2; nra. }
  split.
  - intros [H1 H2].
    assert (P1 : c < d * y) by (rewrite <- Ez; apply Rmult_lt_compat_r; lra).
    assert (P2 : 0 < (d * y - c) ^ 2 - 4 * d * c * y * (1 - 2 * y)) by (rewrite <- Sc; nra).
    assert (P3 : 0 < g ^ 2 - c ^ 2 * (root * root)) by (rewrite <- Sq; apply Rmult_lt_0_compat; assumption).
    assert (P4 : c * (d + 8 * c) - 3 * c * d < g).
    { unfold g; assert (0 < (d + 8 * c) * (d * y - c)) by (apply Rmult_lt_0_compat; lra); lra. }
    assert (P5 : - (c * root) < g).
    { assert (X : - root < 2 * (4 * c - d)); [|nra].
      destruct (Rle_lt_dec d (4 * c)); [lra|].
      assert (Y : 2 * (d - 4 * c) < root); [|lra].
      apply square_lt; [lra|]; replace (root ^ 2) with (root * root) by ring; rewrite R2; nra. }
    assert (P6 : 0 < (g - c * root) * (g + c * root)) by (replace ((g - c * root) * (g + c * root))
      with (g ^ 2 - c ^ 2 * (root * root)) by ring; exact P3).
    assert (P7 : 0 < g - c * root) by nra.
    rewrite <- Eg in P7; nra.
  - intro H.
    assert (P1 : 0 < g - c * root) by (rewrite <- Eg; apply Rmult_lt_0_compat; lra).
    assert (P2 : 0 < (g - c * root) * (g + c * root)) by (apply Rmult_lt_0_compat; lra).
    assert (P3 : 0 < (d * (d + 8 * c)) * ((d * y - c) ^ 2 - 4 * d * c * y * (1 - 2 * y)))
      by (rewrite Sq; replace (g ^ 2 - c ^ 2 * (root * root)) with ((g - c * root) * (g + c * root)) by ring; exact P2).
    assert (P4 : 0 < (d * y - c) ^ 2 - 4 * d * c * y * (1 - 2 * y)) by nra.
    assert (P5 : 0 < (d + 8 * c) * (d * y - c)).
    { replace ((d + 8 * c) * (d * y - c)) with (g - (2 * c * (4 * c - d))) by (unfold g; ring); lra. }
    assert (P6 : 0 < d * y - c) by nra.
    split; [nra|].
    rewrite <- Sc in P4.
    assert (P7 : 0 < ((d - z') ^ 2 - 4 * d * z' * (1 - 2 * y)) * y ^ 2) by lra.
    apply (Rmult_lt_reg_r (y ^ 2)); [exact y2|lra].
Qed.

Lemma y_min_below : 0 < y_min < u.
Proof.
  destruct design_facts as (C1 & C2 & R0 & R2); split.
  - unfold y_min; apply Rdiv_lt_0_compat; nra.
  - assert (E : c / u = z) by (unfold c; field; lra).
    apply frozen_turing_iff; [exact Hu|rewrite E; exact Hz|rewrite E; exact Hd].
Qed.

Theorem gain_interval_iff : forall m, 0 < m ->
  (frozen_admissible u z d m <-> gain_lo u z d < m < gain_hi u z d).
Proof.
  intros m Hm; destruct design_facts as (C1 & C2 & R0 & R2); destruct y_min_below as [Y0 Y1].
  set (q := u * (1 - u)).
  assert (Hq : 0 < q) by (unfold q; nra).
  assert (Lo : gain_lo u z d = q / (y_max * (1 - y_max))) by reflexivity.
  assert (Hi : gain_hi u z d = q / (y_min * (1 - y_min))) by reflexivity.
  assert (M0 : u < y_max <= 1 / 2) by (destruct y_max_value as [[A B]|[A B]]; lra).
  assert (fmax : 0 < y_max * (1 - y_max)) by (apply Rmult_lt_0_compat; lra).
  assert (fmin : 0 < y_min * (1 - y_min)) by (apply Rmult_lt_0_compat; lra).
  assert (IffM : gain_lo u z d < m < gain_hi u z d <-> y_min * (1 - y_min) < q / m < y_max * (1 - y_max)).
  { rewrite Lo, Hi.
    assert (Em : q / m * m = q) by (field; lra).
    assert (E1 : q / (y_max * (1 - y_max)) * (y_max * (1 - y_max)) = q) by (field; lra).
    assert (E2 : q / (y_min * (1 - y_min)) * (y_min * (1 - y_min)) = q) by (field; lra).
    set (qm := q / m) in *; set (lo := q / (y_max * (1 - y_max))) in *; set (hi := q / (y_min * (1 - y_min))) in *.
    set (fx := y_max * (1 - y_max)) in *; set (fn := y_min * (1 - y_min)) in *.
    assert (Q0 : 0 < qm) by nra; assert (L0 : 0 < lo) by nra; assert (I0 : 0 < hi) by nra.
    split; intros [H1 H2]; split; nra. }
  rewrite IffM; clear IffM; unfold frozen_admissible; fold c; fold q.
  split.
  - intros (y & Hy & E & Z & Th).
    assert (L : y_min < y) by (apply frozen_turing_iff; assumption).
    assert (Zc : y < c) by (assert (X : c / y * y = c) by (field; lra); nra).
    assert (U : y < y_max) by (destruct y_max_value as [[A B]|[A B]]; lra).
    rewrite <- E; split; apply parabola_increases; lra.
  - intros [H1 H2].
    assert (Q4 : y_max * (1 - y_max) <= 1 / 4) by nra.
    assert (S2 : sqrt (1 - 4 * (q / m)) * sqrt (1 - 4 * (q / m)) = 1 - 4 * (q / m)) by (apply sqrt_sqrt; lra).
    assert (S0 : 0 < sqrt (1 - 4 * (q / m))) by (apply sqrt_lt_R0; lra).
    set (r := sqrt (1 - 4 * (q / m))) in *; set (y := (1 - r) / 2).
    assert (E : y * (1 - y) = q / m) by (unfold y; nra).
    assert (Hy : 0 < y < 1 / 2) by (unfold y; split; nra).
    assert (L : y_min < y) by (destruct (Rlt_le_dec y_min y); [assumption|exfalso; nra]).
    assert (U : y < y_max) by (destruct (Rlt_le_dec y y_max); [assumption|exfalso; nra]).
    assert (Uc : y < c) by (destruct y_max_value as [[A B]|[A B]]; lra).
    assert (Z : 1 < c / y) by (assert (X : c / y * y = c) by (field; lra); nra).
    exists y; repeat split; try lra; apply frozen_turing_iff; assumption.
Qed.

(* The unmodulated clip lies inside. *)
Theorem gain_interval_holds_one : gain_lo u z d < 1 < gain_hi u z d.
Proof.
  apply gain_interval_iff; [lra|].
  assert (E : z * u / u = z) by (field; lra).
  exists u; rewrite E; repeat split; try lra; field.
Qed.
End Design.
