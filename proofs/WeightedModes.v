(* WeightedModes.v: transfer theorem per eigenvector of any symmetric Laplacian: clips with cuts, or a weighted graph.

   Words used here (chart of Chart.v, eta = h w):
     L              any diffusion of T clips (Conductances.v);  L phi = - mu phi: phi is a mode, mu its eigenvalue
     p, q           small perturbation of the v-rich state (u_star, v_star), fields over T clips
     du, dv         h D_u, h D_v
     linear_wstep   the two rows of the linearised step (generated) with L in place of the clip Laplacian
     along x        coefficient of x along phi up to a factor: sum over i of x i * phi i
     mode_grows_in_layer, mode_grows_in_pde   an eigenvalue outside the unit circle / in the right half plane *)
From Coq Require Import Reals Lra Lia Psatz.
From Coquelicot Require Import Complex.
From RDMF Require Import Generated Spectra Transfer ClipLaplacian Conductances Recurrence.
Open Scope R_scope.

Section Modes.
Variables (T : nat) (L : (nat -> R) -> nat -> R) (u z eta du dv mu : R) (phi : nat -> R).
Hypothesis HL : diffusion T L.
Hypothesis Hu : 0 < u < 1 / 2.
Hypothesis Hz : 1 <= z.
Hypothesis Heta : 0 < eta.
Hypothesis Hdu : 0 <= du.
Hypothesis Hdv : 0 <= dv.
Hypothesis Hphi : eigenvector T L mu phi.

Definition linear_wstep (p q p' q' : nat -> R) : Prop := forall i, (i < T)%nat ->
  linear_implicit_uu u z eta 0 0 * p' i + linear_implicit_uv u z eta 0 0 * q' i - du * L p' i
    = linear_explicit_uu u z eta 0 0 * p i + linear_explicit_uv u z eta 0 0 * q i /\
  linear_implicit_vu u z eta 0 0 * p' i + linear_implicit_vv u z eta 0 0 * q' i - dv * L q' i
    = linear_explicit_vu u z eta 0 0 * p i + linear_explicit_vv u z eta 0 0 * q i.

Definition along (x : nat -> R) : R := sum T (fun i => x i * phi i).

(* Every diffusion's eigenvalues are nonnegative: look at the clip where phi is smallest, and where it is largest. *)
Theorem mode_nonnegative : 0 <= mu.
Proof.
  destruct Hphi as ((i & Hi & N) & Row).
  destruct (Rle_lt_dec 0 mu) as [P|M]; [exact P|exfalso].
  destruct (smallest_clip T phi ltac:(lia)) as (j & Hj & Small).
  assert (M1 := diffusion_minimum T L HL phi j Hj Small); rewrite (Row j Hj) in M1.
  assert (P1 : 0 <= phi j) by nra.
  destruct (smallest_clip T (fun l => -1 * phi l + 0 * 0) ltac:(lia)) as (l & Hl & Large).
  assert (M2 := diffusion_minimum T L HL _ l Hl Large).
  assert (E := diffusion_linear T L HL (-1) 0 phi (fun _ => 0) l Hl).
  rewrite (diffusion_constant T L HL 0 l Hl), (Row l Hl) in E; cbv beta in E.
  rewrite E in M2.
  assert (P2 : phi l <= 0) by nra.
  assert (A := Small i Hi); assert (B := Large i Hi); simpl in B; apply N; lra.
Qed.

Lemma along_laplacian : forall x, along (L x) = - mu * along x.
Proof.
  intro x; unfold along; rewrite (diffusion_symmetric T L HL).
  transitivity (sum T (fun i => - mu * (x i * phi i) + 0 * 0)); [|rewrite sum_linear; ring].
  apply sum_ext; intros i Hi; destruct Hphi as (_ & Row); rewrite (Row i Hi); ring.
Qed.

Lemma along_linear : forall c1 x c2 y, along (fun i => c1 * x i + c2 * y i) = c1 * along x + c2 * along y.
Proof. intros; unfold along; rewrite <- sum_linear; apply sum_ext; intros; ring. Qed.

Lemma along_ext : forall x y, (forall i, (i < T)%nat -> x i = y i) -> along x = along y.
Proof. intros x y E; apply sum_ext; intros; rewrite E by assumption; reflexivity. Qed.

Let a := mu * du.
Let b := mu * dv.

Lemma mode_diffusion_nonnegative : 0 <= a /\ 0 <= b.
Proof. assert (M := mode_nonnegative); unfold a, b; split; apply Rmult_le_pos; assumption. Qed.

(* One step acts on the coefficient along every eigenvector by that mode's own amplification matrix. *)
Theorem weighted_modes_decouple : forall p q p' q', linear_wstep p q p' q' ->
  along p' = amplification_uu u z eta a b * along p + amplification_uv u z eta a b * along q /\
  along q' = amplification_vu u z eta a b * along p + amplification_vv u z eta a b * along q.
Proof.
  intros p q p' q' H.
  assert (R1 : along (fun i => 1 * (linear_implicit_uu u z eta 0 0 * p' i + linear_implicit_uv u z eta 0 0 * q' i)
                     + - du * L p' i)
             = along (fun i => linear_explicit_uu u z eta 0 0 * p i + linear_explicit_uv u z eta 0 0 * q i)).
  { apply along_ext; intros i Hi; destruct (H i Hi) as [E _]; lra. }
  assert (R2 : along (fun i => 1 * (linear_implicit_vu u z eta 0 0 * p' i + linear_implicit_vv u z eta 0 0 * q' i)
                     + - dv * L q' i)
             = along (fun i => linear_explicit_vu u z eta 0 0 * p i + linear_explicit_vv u z eta 0 0 * q i)).
  { apply along_ext; intros i Hi; destruct (H i Hi) as [_ E]; lra. }
  rewrite (along_linear 1 _ (- du)), !along_linear, along_laplacian in R1.
  rewrite (along_linear 1 _ (- dv)), !along_linear, along_laplacian in R2.
  destruct mode_diffusion_nonnegative as [A B].
  destruct (pivots_positive u z eta a b Hu Hz Heta A B) as [P1 P2].
  unfold linear_implicit_uu, linear_implicit_uv, linear_implicit_vu, linear_implicit_vv, linear_explicit_uu,
    linear_explicit_uv, linear_explicit_vu, linear_explicit_vv in R1, R2.
  assert (E1 : (1 + eta * z + a) * along p' = along p - 2 * eta * along q) by (unfold a; lra).
  assert (E2 : (1 + eta + b) * along q' = (1 + 2 * eta) * along q + eta * z * (1 - u) * along p') by (unfold b; lra).
  assert (X1 : along p' = amplification_uu u z eta a b * along p + amplification_uv u z eta a b * along q).
  { apply (Rmult_eq_reg_l (1 + eta * z + a)); [rewrite E1|lra].
    unfold amplification_uu, amplification_uv; field; lra. }
  split; [exact X1|].
  apply (Rmult_eq_reg_l (1 + eta + b)); [rewrite E2, X1|lra].
  unfold amplification_uu, amplification_uv, amplification_vu, amplification_vv; field; lra.
Qed.

(* The transfer theorem, mode by mode: same verdict in the layer and in the PDE, for every step size. *)
Theorem weighted_transfer : 0 < eta * (z - 1) + a + b ->
  (mode_grows_in_layer u z eta a b <-> mode_grows_in_pde u z eta a b) /\
  (mode_decays_in_layer u z eta a b <-> mode_decays_in_pde u z eta a b).
Proof.
  destruct mode_diffusion_nonnegative as [A B].
  intro P; apply (transfer u z eta a b Hu Hz Heta A B P).
Qed.

Definition wtrajectory (p q : nat -> nat -> R) : Prop := forall n, linear_wstep (p n) (q n) (p (S n)) (q (S n)).

(* A mode that decays in the PDE: the part of every perturbation along it decays geometrically. *)
Theorem weighted_mode_decays : 0 < pde_determinant u z eta a b ->
  exists r, 0 < r < 1 /\ forall p q, wtrajectory p q -> exists c, 0 <= c /\
  forall n, Rabs (along (p n)) <= c * r ^ n /\ Rabs (along (q n)) <= c * r ^ n.
Proof.
  intro Hdet; destruct mode_diffusion_nonnegative as [A0 B0].
  set (tr := amplification_trace u z eta a b); set (dt := amplification_determinant u z eta a b).
  assert (D1 := step_determinant_bounds u z eta a b Hu Hz Heta A0 B0); fold dt in D1.
  assert (D2 := no_flip_condition u z eta a b Hu Hz Heta A0 B0); fold dt tr in D2.
  assert (D3 : 0 < 1 - tr + dt) by (apply (proj2 (sign_transfer u z eta a b Hu Hz Heta A0 B0)); exact Hdet).
  assert (AbsT : Rabs tr < 1 + dt) by (apply Rabs_def1; lra).
  destruct (recurrence_decays tr dt ltac:(lra) AbsT) as (r & R & Rec).
  exists r; split; [exact R|intros p q Htr].
  destruct (amplification_invariants u z eta a b Hu Hz Heta A0 B0) as [ET ED].
  assert (Sp : forall n, along (p (S (S n))) = tr * along (p (S n)) - dt * along (p n)).
  { intro n; destruct (weighted_modes_decouple _ _ _ _ (Htr n)) as [P1 Q1].
    destruct (weighted_modes_decouple _ _ _ _ (Htr (S n))) as [P2 Q2].
    rewrite P2, Q1, P1; unfold tr, dt; rewrite ET, ED; ring. }
  assert (Sq : forall n, along (q (S (S n))) = tr * along (q (S n)) - dt * along (q n)).
  { intro n; destruct (weighted_modes_decouple _ _ _ _ (Htr n)) as [P1 Q1].
    destruct (weighted_modes_decouple _ _ _ _ (Htr (S n))) as [P2 Q2].
    rewrite Q2, Q1, P1; unfold tr, dt; rewrite ET, ED; ring. }
  destruct (Rec (fun n => along (p n)) Sp) as (cp & Cp & Bp).
  destruct (Rec (fun n => along (q n)) Sq) as (cq & Cq & Bq).
  exists (cp + cq); split; [lra|intro n].
  assert (Rn : 0 <= r ^ n) by (apply pow_le; lra); specialize (Bp n); specialize (Bq n).
  split; nra.
Qed.

(* A mode that grows in the PDE: its pattern grows geometrically and never changes sign. *)
Theorem weighted_mode_grows : pde_determinant u z eta a b < 0 ->
  exists growth e1 e2, 1 < growth /\ e1 <> 0 /\
  wtrajectory (fun n i => growth ^ n * e1 * phi i) (fun n i => growth ^ n * e2 * phi i).
Proof.
  intro Hdet; destruct mode_diffusion_nonnegative as [A0 B0].
  apply (proj1 (sign_transfer u z eta a b Hu Hz Heta A0 B0)) in Hdet.
  set (tr := amplification_trace u z eta a b) in *; set (dt := amplification_determinant u z eta a b) in *.
  assert (D1 := step_determinant_bounds u z eta a b Hu Hz Heta A0 B0); fold dt in D1.
  assert (D2 := no_flip_condition u z eta a b Hu Hz Heta A0 B0); fold dt tr in D2.
  assert (S2 : sqrt (tr * tr - 4 * dt) * sqrt (tr * tr - 4 * dt) = tr * tr - 4 * dt) by (apply sqrt_sqrt; nra).
  assert (S0 := sqrt_pos (tr * tr - 4 * dt)).
  set (s := sqrt (tr * tr - 4 * dt)) in *; set (lambda := (tr + s) / 2).
  assert (L2 : lambda * lambda = tr * lambda - dt) by (unfold lambda; nra).
  assert (L1 : 1 < lambda) by (unfold lambda; assert (2 - tr < s) by nra; lra).
  destruct (amplification_invariants u z eta a b Hu Hz Heta A0 B0) as [ET ED].
  destruct (pivots_positive u z eta a b Hu Hz Heta A0 B0) as [P1 P2].
  set (m11 := amplification_uu u z eta a b); set (m12 := amplification_uv u z eta a b).
  set (m21 := amplification_vu u z eta a b); set (m22 := amplification_vv u z eta a b).
  assert (G : (1 + eta * z + a) * m11 = 1 /\ (1 + eta * z + a) * m12 = - 2 * eta /\
              (1 + eta + b) * m21 = eta * z * (1 - u) * m11 /\
              (1 + eta + b) * m22 = 1 + 2 * eta + eta * z * (1 - u) * m12).
  { unfold m11, m12, m21, m22, amplification_uu, amplification_uv, amplification_vu, amplification_vv.
    repeat split; field; lra. }
  destruct G as (G1 & G2 & G3 & G4).
  assert (Hm12 : m12 <> 0) by (intro X; rewrite X in G2; lra).
  (* eigenvector (m12, lambda - m11) *)
  assert (V2 : m21 * m12 + m22 * (lambda - m11) = lambda * (lambda - m11)).
  { assert (Q : lambda * lambda = (m11 + m22) * lambda - (m11 * m22 - m12 * m21))
      by (rewrite L2; unfold tr, dt; rewrite ET, ED; reflexivity).
    lra. }
  exists lambda, m12, (lambda - m11); split; [exact L1|split; [exact Hm12|]].
  assert (Pattern : forall c i, (i < T)%nat -> L (fun l => c * phi l) i = c * (- mu * phi i)).
  { intros c i Hi; rewrite (diffusion_ext T L HL _ (fun l => c * phi l + 0 * 0)) by (auto; intros; ring).
    rewrite (diffusion_linear T L HL c 0 phi (fun _ => 0) i Hi).
    destruct Hphi as (_ & Row); rewrite (Row i Hi); ring. }
  intros n i Hi; simpl pow; rewrite !Pattern by exact Hi.
  unfold linear_implicit_uu, linear_implicit_uv, linear_implicit_vu, linear_implicit_vv, linear_explicit_uu,
    linear_explicit_uv, linear_explicit_vu, linear_explicit_vv.
  set (k := lambda ^ n * phi i).
  assert (X1 : (1 + eta * z + a) * (lambda * m12) = m12 - 2 * eta * (lambda - m11)).
  { transitivity (lambda * ((1 + eta * z + a) * m12)); [ring|rewrite G2].
    assert (Y : (1 + eta * z + a) * m11 * m12 = m12) by (rewrite G1; ring).
    assert (Y' : (1 + eta * z + a) * m11 * m12 = m11 * (- 2 * eta)) by (rewrite <- G2; ring). lra. }
  assert (X2 : (1 + eta + b) * (lambda * (lambda - m11)) = eta * z * (1 - u) * (lambda * m12) + (1 + 2 * eta) * (lambda - m11)).
  { rewrite <- V2.
    transitivity (((1 + eta + b) * m21) * m12 + ((1 + eta + b) * m22) * (lambda - m11)); [ring|].
    rewrite G3, G4; ring. }
  unfold a, b in X1, X2.
  split.
  - transitivity (k * ((1 + eta * z + mu * du) * (lambda * m12))); [unfold k; ring|rewrite X1; unfold k; ring].
  - transitivity (k * ((1 + eta + mu * dv) * (lambda * (lambda - m11)) - eta * z * (1 - u) * (lambda * m12)));
      [unfold k; ring|rewrite X2; unfold k; ring].
Qed.
End Modes.
