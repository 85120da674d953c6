(* Modes.v: the linearised step of T clips, mode by mode: it decays, or a pattern grows, exactly as the PDE's band says.

   Words used here (chart of Chart.v, eta = h w):
     p, q           small perturbation of the v-rich state (u_star, v_star), fields over T clips
     linear_step    the two rows of the linearised step (generated L and B without diffusion, plus h D lap)
     hat x j        coefficient of x at mode j up to a factor: sum over i of x i * cosine T j i
     pde_determinant ... (h mu D_u) (h mu D_v)   h^2 det (J - mu D) of mode mu (Transfer.v) *)
From Coq Require Import Reals Lra Lia Psatz PeanoNat.
From Coquelicot Require Import Complex.
From RDMF Require Import Generated Spectra Transfer ClipLaplacian Cosine Recurrence.
Open Scope R_scope.

Lemma laplacian_symmetric : forall T x y, sum T (fun i => lap T x i * y i) = sum T (fun i => x i * lap T y i).
Proof.
  intros T x y.
  assert (E : sum T (fun i => lap T x i * y i - x i * lap T y i) = 0).
  { set (f := fun i => if (i =? 0)%nat then 0 else if (i =? T)%nat then 0 else x i * y (i - 1)%nat - x (i - 1)%nat * y i).
    rewrite (sum_ext T _ (fun i => f (S i) - f i)).
    - rewrite sum_telescopes; unfold f; destruct (Nat.eqb_spec T 0); rewrite ?Nat.eqb_refl; simpl; ring.
    - intros i H; rewrite !lap_differences by exact H; unfold f.
      replace (S i - 1)%nat with i by lia.
      destruct (Nat.eqb_spec i 0), (Nat.eqb_spec (S i) 0), (Nat.eqb_spec (S i) T), (Nat.eqb_spec i T); subst; try lia; ring. }
  rewrite (sum_ext T _ (fun i => 1 * (lap T x i * y i) + -1 * (x i * lap T y i))) in E by (intros; ring).
  rewrite sum_linear in E; lra.
Qed.

Section Linear.
Variables (T : nat) (u z eta du dv : R).
Hypothesis HT : (0 < T)%nat.
Hypothesis Hu : 0 < u < 1 / 2.
Hypothesis Hz : 1 <= z.
Hypothesis Heta : 0 < eta.
Hypothesis Hdu : 0 <= du.
Hypothesis Hdv : 0 <= dv.

(* du = h D_u, dv = h D_v *)
Definition linear_step (p q p' q' : nat -> R) : Prop := forall i, (i < T)%nat ->
  linear_implicit_uu u z eta 0 0 * p' i + linear_implicit_uv u z eta 0 0 * q' i - du * lap T p' i
    = linear_explicit_uu u z eta 0 0 * p i + linear_explicit_uv u z eta 0 0 * q i /\
  linear_implicit_vu u z eta 0 0 * p' i + linear_implicit_vv u z eta 0 0 * q' i - dv * lap T q' i
    = linear_explicit_vu u z eta 0 0 * p i + linear_explicit_vv u z eta 0 0 * q i.

Definition hat (x : nat -> R) (j : nat) : R := sum T (fun i => x i * cosine T j i).
Let a j := mu T j * du.
Let b j := mu T j * dv.
Let g11 j := amplification_uu u z eta (a j) (b j).
Let g12 j := amplification_uv u z eta (a j) (b j).
Let g21 j := amplification_vu u z eta (a j) (b j).
Let g22 j := amplification_vv u z eta (a j) (b j).

Lemma diffusion_nonnegative : forall j, 0 <= a j /\ 0 <= b j.
Proof. intro j; assert (M := mu_bounds T j); unfold a, b; split; apply Rmult_le_pos; lra. Qed.

Lemma hat_laplacian : forall x j, hat (lap T x) j = - mu T j * hat x j.
Proof.
  intros; unfold hat; rewrite laplacian_symmetric, <- sum_scale.
  apply sum_ext; intros; rewrite cosine_diagonalises by assumption; ring.
Qed.

Lemma hat_linear : forall c1 x c2 y j, hat (fun i => c1 * x i + c2 * y i) j = c1 * hat x j + c2 * hat y j.
Proof.
  intros; unfold hat; rewrite <- sum_linear; apply sum_ext; intros; ring.
Qed.

Lemma hat_ext : forall x y j, (forall i, (i < T)%nat -> x i = y i) -> hat x j = hat y j.
Proof. intros x y j E; apply sum_ext; intros; rewrite E by assumption; reflexivity. Qed.

(* One step acts on every mode by its amplification matrix: modes do not mix. *)
Theorem modes_decouple : forall p q p' q' j, linear_step p q p' q' ->
  hat p' j = g11 j * hat p j + g12 j * hat q j /\ hat q' j = g21 j * hat p j + g22 j * hat q j.
Proof.
  intros p q p' q' j H.
  assert (R1 : hat (fun i => 1 * (linear_implicit_uu u z eta 0 0 * p' i + linear_implicit_uv u z eta 0 0 * q' i)
                     + - du * lap T p' i) j
             = hat (fun i => linear_explicit_uu u z eta 0 0 * p i + linear_explicit_uv u z eta 0 0 * q i) j).
  { apply hat_ext; intros i Hi; destruct (H i Hi) as [E _]; lra. }
  assert (R2 : hat (fun i => 1 * (linear_implicit_vu u z eta 0 0 * p' i + linear_implicit_vv u z eta 0 0 * q' i)
                     + - dv * lap T q' i) j
             = hat (fun i => linear_explicit_vu u z eta 0 0 * p i + linear_explicit_vv u z eta 0 0 * q i) j).
  { apply hat_ext; intros i Hi; destruct (H i Hi) as [_ E]; lra. }
  rewrite (hat_linear 1 _ (- du) _ j), !hat_linear, hat_laplacian in R1.
  rewrite (hat_linear 1 _ (- dv) _ j), !hat_linear, hat_laplacian in R2.
  destruct (diffusion_nonnegative j) as [A B].
  destruct (pivots_positive u z eta (a j) (b j) Hu Hz Heta A B) as [P1 P2].
  unfold linear_implicit_uu, linear_implicit_uv, linear_implicit_vu, linear_implicit_vv, linear_explicit_uu,
    linear_explicit_uv, linear_explicit_vu, linear_explicit_vv in R1, R2.
  assert (E1 : (1 + eta * z + a j) * hat p' j = hat p j - 2 * eta * hat q j) by (unfold a; lra).
  assert (E2 : (1 + eta + b j) * hat q' j = (1 + 2 * eta) * hat q j + eta * z * (1 - u) * hat p' j) by (unfold b; lra).
  assert (X1 : hat p' j = g11 j * hat p j + g12 j * hat q j).
  { apply (Rmult_eq_reg_l (1 + eta * z + a j)); [rewrite E1|lra].
    unfold g11, g12, amplification_uu, amplification_uv; field; lra. }
  split; [exact X1|].
  apply (Rmult_eq_reg_l (1 + eta + b j)); [rewrite E2, X1|lra].
  unfold g11, g12, g21, g22, amplification_uu, amplification_uv, amplification_vu, amplification_vv; field; lra.
Qed.

Definition trajectory (p q : nat -> nat -> R) : Prop := forall n, linear_step (p n) (q n) (p (S n)) (q (S n)).

(* All modes decay in the PDE: every perturbation of the T clips decays geometrically. *)
Theorem clips_decay : (forall j, (j < T)%nat -> 0 < pde_determinant u z eta (a j) (b j)) ->
  forall p q, trajectory p q -> exists c r, 0 <= c /\ 0 < r < 1 /\
  forall n i, (i < T)%nat -> Rabs (p n i) <= c * r ^ n /\ Rabs (q n i) <= c * r ^ n.
Proof.
  intros Hdet p q Htr.
  (* one rate and one constant for the first J modes *)
  assert (Modes : forall J, (J <= T)%nat -> exists c r, 0 <= c /\ 0 < r < 1 /\
    forall n j, (j < J)%nat -> Rabs (hat (p n) j) <= c * r ^ n /\ Rabs (hat (q n) j) <= c * r ^ n).
  { induction J as [|J IH]; intro HJ; [exists 0, (1 / 2); repeat split; try lra; lia|].
    destruct (IH ltac:(lia)) as (c & r & C0 & R0 & B); clear IH.
    destruct (diffusion_nonnegative J) as [A0 B0].
    set (tr := amplification_trace u z eta (a J) (b J)); set (dt := amplification_determinant u z eta (a J) (b J)).
    assert (D1 := step_determinant_bounds u z eta (a J) (b J) Hu Hz Heta A0 B0); fold dt in D1.
    assert (D2 := no_flip_condition u z eta (a J) (b J) Hu Hz Heta A0 B0); fold dt tr in D2.
    assert (D3 : 0 < 1 - tr + dt).
    { apply (proj2 (sign_transfer u z eta (a J) (b J) Hu Hz Heta A0 B0)); apply Hdet; lia. }
    assert (AbsT : Rabs tr < 1 + dt) by (apply Rabs_def1; lra).
    destruct (recurrence_decays tr dt ltac:(lra) AbsT) as (r' & R' & Rec).
    destruct (amplification_invariants u z eta (a J) (b J) Hu Hz Heta A0 B0) as [ET ED].
    assert (Sp : forall n, hat (p (S (S n))) J = tr * hat (p (S n)) J - dt * hat (p n) J).
    { intro n; destruct (modes_decouple _ _ _ _ J (Htr n)) as [P1 Q1].
      destruct (modes_decouple _ _ _ _ J (Htr (S n))) as [P2 Q2].
      rewrite P2, Q1, P1; unfold tr, dt; rewrite ET, ED; unfold g11, g12, g21, g22; ring. }
    assert (Sq : forall n, hat (q (S (S n))) J = tr * hat (q (S n)) J - dt * hat (q n) J).
    { intro n; destruct (modes_decouple _ _ _ _ J (Htr n)) as [P1 Q1].
      destruct (modes_decouple _ _ _ _ J (Htr (S n))) as [P2 Q2].
      rewrite Q2, Q1, P1; unfold tr, dt; rewrite ET, ED; unfold g11, g12, g21, g22; ring. }
    destruct (Rec (fun n => hat (p n) J) Sp) as (cp & Cp & Bp).
    destruct (Rec (fun n => hat (q n) J) Sq) as (cq & Cq & Bq).
    exists (c + cp + cq), (Rmax r r').
    assert (M1 := Rmax_l r r'); assert (M2 := Rmax_r r r').
    split; [lra|split; [split; [lra|apply Rmax_lub_lt; lra]|]].
    assert (Grow : forall c1 r1 n, 0 <= c1 -> c1 <= c + cp + cq -> 0 < r1 <= Rmax r r' ->
      c1 * r1 ^ n <= (c + cp + cq) * Rmax r r' ^ n).
    { intros c1 r1 n H1 H2 H3; apply Rmult_le_compat; [exact H1|apply pow_le; lra|exact H2|apply pow_incr; lra]. }
    intros n j Hj; destruct (Nat.eq_dec j J) as [E|N].
    - subst j; split; [apply Rle_trans with (cp * r' ^ n)|apply Rle_trans with (cq * r' ^ n)];
        try apply Bp; try apply Bq; apply Grow; lra.
    - destruct (B n j ltac:(lia)) as [X Y].
      split; apply Rle_trans with (c * r ^ n); try assumption; apply Grow; lra. }
  destruct (Modes T (Nat.le_refl T)) as (c & r & C0 & R0 & B).
  assert (Tp := clips_positive T HT).
  exists (2 * c), r; split; [lra|split; [exact R0|]].
  assert (Field : forall x n, (forall j, (j < T)%nat -> Rabs (hat x j) <= c * r ^ n) ->
    forall i, (i < T)%nat -> Rabs (x i) <= 2 * c * r ^ n).
  { intros x n Hx i Hi.
    assert (Rn : 0 <= c * r ^ n) by (apply Rmult_le_pos; [exact C0|apply pow_le; lra]).
    rewrite (field_is_sum_of_modes T x i Hi).
    assert (Tri : forall m f, Rabs (sum m f) <= sum m (fun j => Rabs (f j))).
    { induction m as [|m IHm]; intro f; simpl; [rewrite Rabs_R0; lra|].
      apply Rle_trans with (Rabs (sum m f) + Rabs (f m)); [apply Rabs_triang|specialize (IHm f); lra]. }
    eapply Rle_trans; [apply Tri|].
    apply Rle_trans with (sum T (fun _ => 2 / INR T * (c * r ^ n))).
    - apply sum_le; intros j Hj; unfold coefficient; rewrite !Rabs_mult.
      assert (Wb : Rabs (weight T j) <= 2 / INR T).
      { assert (I : 0 < / INR T) by (apply Rinv_0_lt_compat; exact Tp).
        unfold weight; destruct j; rewrite Rabs_right; unfold Rdiv; lra. }
      assert (Cb : Rabs (cosine T j i) <= 1) by (unfold cosine; apply Rabs_le; apply COS_bound).
      assert (Hb := Hx j Hj); fold (hat x j).
      apply Rle_trans with (2 / INR T * (c * r ^ n) * 1); [|lra].
      apply Rmult_le_compat; try apply Rabs_pos; try assumption; [apply Rmult_le_pos; apply Rabs_pos|].
      apply Rmult_le_compat; try apply Rabs_pos; assumption.
    - rewrite sum_constant; right; field; lra. }
  intros n i Hi; split; apply Field; try exact Hi; intros j Hj; apply B; exact Hj.
Qed.

(* Some mode grows in the PDE: a pattern of exactly that mode grows geometrically, without changing sign. *)
Theorem clips_grow : forall j, (j < T)%nat -> pde_determinant u z eta (a j) (b j) < 0 ->
  exists growth e1 e2, 1 < growth /\ e1 <> 0 /\
  trajectory (fun n i => growth ^ n * e1 * cosine T j i) (fun n i => growth ^ n * e2 * cosine T j i).
Proof.
  intros j Hj Hdet; destruct (diffusion_nonnegative j) as [A0 B0].
  apply (proj1 (sign_transfer u z eta (a j) (b j) Hu Hz Heta A0 B0)) in Hdet.
  set (tr := amplification_trace u z eta (a j) (b j)) in *; set (dt := amplification_determinant u z eta (a j) (b j)) in *.
  assert (D1 := step_determinant_bounds u z eta (a j) (b j) Hu Hz Heta A0 B0); fold dt in D1.
  assert (D2 := no_flip_condition u z eta (a j) (b j) Hu Hz Heta A0 B0); fold dt tr in D2.
  assert (S2 : sqrt (tr * tr - 4 * dt) * sqrt (tr * tr - 4 * dt) = tr * tr - 4 * dt) by (apply sqrt_sqrt; nra).
  assert (S0 := sqrt_pos (tr * tr - 4 * dt)).
  set (s := sqrt (tr * tr - 4 * dt)) in *; set (lambda := (tr + s) / 2).
  assert (L2 : lambda * lambda = tr * lambda - dt) by (unfold lambda; nra).
  assert (L1 : 1 < lambda) by (unfold lambda; assert (2 - tr < s) by nra; lra).
  destruct (amplification_invariants u z eta (a j) (b j) Hu Hz Heta A0 B0) as [ET ED].
  destruct (pivots_positive u z eta (a j) (b j) Hu Hz Heta A0 B0) as [P1 P2].
  set (m11 := g11 j); set (m12 := g12 j); set (m21 := g21 j); set (m22 := g22 j).
  assert (Hm12 : m12 <> 0).
  { unfold m12, g12, amplification_uv; intro X.
    assert (Y : - 2 * eta / (a j + eta * z + 1) * (a j + eta * z + 1) = - 2 * eta) by (field; lra).
    rewrite X in Y; lra. }
  (* eigenvector (m12, lambda - m11) *)
  assert (V2 : m21 * m12 + m22 * (lambda - m11) = lambda * (lambda - m11)).
  { assert (Q : lambda * lambda = (m11 + m22) * lambda - (m11 * m22 - m12 * m21))
      by (rewrite L2; unfold tr, dt; rewrite ET, ED; reflexivity).
    lra. }
  exists lambda, m12, (lambda - m11); split; [exact L1|split; [exact Hm12|]].
  intros n i Hi; simpl pow.
  assert (LapU : lap T (fun l => lambda * lambda ^ n * m12 * cosine T j l) i = lambda * lambda ^ n * m12 * (- mu T j * cosine T j i)).
  { rewrite (lap_ext T _ (fun l => lambda * lambda ^ n * m12 * cosine T j l + 0 * 0)) by (auto; intros; ring).
    rewrite (lap_linear T _ 0 (cosine T j) (fun _ => 0)), cosine_diagonalises by exact Hi; ring. }
  assert (LapV : lap T (fun l => lambda * lambda ^ n * (lambda - m11) * cosine T j l) i = lambda * lambda ^ n * (lambda - m11) * (- mu T j * cosine T j i)).
  { rewrite (lap_ext T _ (fun l => lambda * lambda ^ n * (lambda - m11) * cosine T j l + 0 * 0)) by (auto; intros; ring).
    rewrite (lap_linear T _ 0 (cosine T j) (fun _ => 0)), cosine_diagonalises by exact Hi; ring. }
  rewrite LapU, LapV.
  unfold linear_implicit_uu, linear_implicit_uv, linear_implicit_vu, linear_implicit_vv, linear_explicit_uu,
    linear_explicit_uv, linear_explicit_vu, linear_explicit_vv.
  assert (G : (1 + eta * z + a j) * m11 = 1 /\ (1 + eta * z + a j) * m12 = - 2 * eta /\
              (1 + eta + b j) * m21 = eta * z * (1 - u) * m11 /\
              (1 + eta + b j) * m22 = 1 + 2 * eta + eta * z * (1 - u) * m12).
  { unfold m11, m12, m21, m22, g11, g12, g21, g22, amplification_uu, amplification_uv, amplification_vu, amplification_vv.
    repeat split; field; lra. }
  destruct G as (G1 & G2 & G3 & G4).
  set (k := lambda ^ n * cosine T j i).
  assert (X1 : (1 + eta * z + a j) * (lambda * m12) = m12 - 2 * eta * (lambda - m11)).
  { transitivity (lambda * ((1 + eta * z + a j) * m12)); [ring|rewrite G2].
    assert (Y : (1 + eta * z + a j) * m11 * m12 = m12) by (rewrite G1; ring).
    assert (Y' : (1 + eta * z + a j) * m11 * m12 = m11 * (- 2 * eta)) by (rewrite <- G2; ring). lra. }
  assert (X2 : (1 + eta + b j) * (lambda * (lambda - m11)) = eta * z * (1 - u) * (lambda * m12) + (1 + 2 * eta) * (lambda - m11)).
  { rewrite <- V2.
    transitivity (((1 + eta + b j) * m21) * m12 + ((1 + eta + b j) * m22) * (lambda - m11)); [ring|].
    rewrite G3, G4; ring. }
  unfold a, b in X1, X2.
  split.
  - transitivity (k * ((1 + eta * z + mu T j * du) * (lambda * m12))); [unfold k; ring|rewrite X1; unfold k; ring].
  - transitivity (k * ((1 + eta + mu T j * dv) * (lambda * (lambda - m11)) - eta * z * (1 - u) * (lambda * m12)));
      [unfold k; ring|rewrite X2; unfold k; ring].
Qed.
End Linear.
