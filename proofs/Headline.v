(* Headline.v: what a trained layer is promised, in one statement.

   Words used here:
     design_box     0 < u < 1/2, 1 < z, z u < 1, excess > 1, wavelength > 2, rate > 0 (Design.v)
     F, k, s, D_u, D_v   the parameters of the design;  T clips, step size h
     mode_grows_in_layer, mode_grows_in_pde   an eigenvalue outside the unit circle / in the right half plane (Transfer.v)
     trajectory     perturbations of the homogeneous state under the linearised step of T clips (Modes.v)
     run            n steps of the layer computed by the Thomas algorithm, any gain per clip and step (Step.v) *)
From Coq Require Import Reals Lra Psatz.
From Coquelicot Require Import Complex.
From RDMF Require Import Generated Spectra SteadyStates Chart Turing Transfer ClipLaplacian Step WellBalanced Cosine
  Modes Design.
Open Scope R_scope.

Lemma pde_determinant_value : forall u z w h mu d D_v, 0 < w ->
  pde_determinant u z (h * w) (h * mu * (d * D_v)) (h * mu * D_v) = (h * w) ^ 2 * mode_determinant u z d (D_v * mu / w).
Proof.
  intros; unfold pde_determinant, normalised_jacobian_uu, normalised_jacobian_uv, normalised_jacobian_vu,
    normalised_jacobian_vv, mode_determinant; field; lra.
Qed.

Theorem headline : forall u z excess wavelength rate, design_box u z excess wavelength rate ->
  let F := design_F u z excess wavelength rate in
  let k := design_k u z excess wavelength rate in
  let s := design_s u z excess wavelength rate in
  let D_u := design_D_u u z excess wavelength rate in
  let D_v := design_D_v u z excess wavelength rate in
  let d := excess * turing_threshold u z in
  let in_band := fun mu => band_lo u z d < D_v * mu / rate < band_hi u z d in
  forall (T : nat) (h : R), (0 < T)%nat -> 0 < h ->
  (* the homogeneous state is a fixed point of the step *)
  is_step T F k h D_u D_v (fun _ => s) (fun _ => u) (fun _ => steady_v u z) (fun _ => u) (fun _ => steady_v u z) /\
  (* it is stable to uniform perturbations *)
  mode_decays_in_layer u z (h * rate) 0 0 /\
  (* exactly the modes of the PDE's band grow, for every step size *)
  (forall mu, 0 <= mu ->
     (mode_grows_in_layer u z (h * rate) (h * mu * D_u) (h * mu * D_v) <-> in_band mu) /\
     (mode_grows_in_pde u z (h * rate) (h * mu * D_u) (h * mu * D_v) <-> in_band mu)) /\
  (* the band is not empty, and the wavelength of the design is its fastest growing mode *)
  0 < band_lo u z d < band_hi u z d /\ in_band (mode_eigenvalue wavelength) /\
  (* on T clips a pattern of mode j grows geometrically if mode j is in the band *)
  (forall j, (j < T)%nat -> in_band (mu T j) -> exists growth e1 e2, 1 < growth /\ e1 <> 0 /\
     trajectory T u z (h * rate) (h * D_u) (h * D_v)
       (fun n i => growth ^ n * e1 * cosine T j i) (fun n i => growth ^ n * e2 * cosine T j i)) /\
  (* and every perturbation decays if all modes are outside the closed band *)
  ((forall j, (j < T)%nat -> D_v * mu T j / rate < band_lo u z d \/ band_hi u z d < D_v * mu T j / rate) ->
     forall p q, trajectory T u z (h * rate) (h * D_u) (h * D_v) p q -> exists c r, 0 <= c /\ 0 < r < 1 /\
     forall n i, (i < T)%nat -> Rabs (p n i) <= c * r ^ n /\ Rabs (q n i) <= c * r ^ n) /\
  (* every state stays in bounds, whatever gains the text asks for *)
  (forall gains u0 v0 n, (forall m, gain_ok T (gains m)) -> admissible T u0 v0 ->
     admissible T (fst (run T F k h D_u D_v n gains u0 v0)) (snd (run T F k h D_u D_v n gains u0 v0))).
Proof.
  intros u z excess wavelength rate Hbox F k s D_u D_v d in_band T h HT Hh.
  assert (Hb := Hbox); destruct Hb as (B1 & B2 & B3 & B4 & B5 & B6).
  destruct (design_positive u z excess wavelength rate Hbox) as (PF & Pk & Ps & PU & PV); fold F k s D_u D_v in PF, Pk, Ps, PU, PV.
  destruct (design_ratio_above u z excess wavelength rate Hbox) as [HT' D0]; fold d in HT', D0.
  assert (ED : D_u = d * D_v) by (unfold D_u, D_v, d; apply design_ratio).
  assert (Eta : 0 < h * rate) by (apply Rmult_lt_0_compat; assumption).
  assert (Sign : forall mu, pde_determinant u z (h * rate) (h * mu * D_u) (h * mu * D_v)
                 = (h * rate) ^ 2 * mode_determinant u z d (D_v * mu / rate)).
  { intro mu; rewrite ED; apply pde_determinant_value; exact B6. }
  assert (E2 : 0 < (h * rate) ^ 2) by (apply pow_lt; exact Eta).
  assert (Band : forall mu, pde_determinant u z (h * rate) (h * mu * D_u) (h * mu * D_v) < 0 <-> in_band mu).
  { intro mu; rewrite Sign; unfold in_band; rewrite <- (band_iff u z d B1 B2 D0 _ HT').
    set (e := (h * rate) ^ 2) in *; split; intro; nra. }
  assert (Nn : forall mu, 0 <= mu -> 0 <= h * mu * D_u /\ 0 <= h * mu * D_v).
  { intros mu Hm; split; (apply Rmult_le_pos; [apply Rmult_le_pos|]; lra). }
  split; [|split; [|split; [|split; [|split; [|split; [|split]]]]]].
  - apply homogeneous_fixed_point; [exact Hh|].
    unfold F, k, s, design_F, design_k, design_s; cbv zeta; apply chart_steady; lra.
  - apply layer_decays_iff; try lra.
    unfold pde_determinant, normalised_jacobian_uu, normalised_jacobian_uv, normalised_jacobian_vu, normalised_jacobian_vv.
    replace ((h * rate * - z - 0) * (h * rate * 1 - 0) - h * rate * -2 * (h * rate * (z * (1 - u))))
      with ((h * rate) ^ 2 * (z * (1 - 2 * u))) by ring.
    apply Rmult_lt_0_compat; [exact E2|apply Rmult_lt_0_compat; lra].
  - intros mu Hm; destruct (Nn mu Hm) as [A B].
    split; [rewrite layer_grows_iff by lra|rewrite pde_grows_iff; try lra; [|assert (0 < h * rate * (z - 1)) by (apply Rmult_lt_0_compat; lra); lra]];
      apply Band.
  - apply (band_positive u z d B1 B2 D0 HT').
  - unfold in_band.
    assert (V := design_D_v_value u z excess wavelength rate Hbox); fold D_v d in V.
    replace (D_v * mode_eigenvalue wavelength / rate) with (fastest_mode u z d) by (rewrite V; field; lra).
    apply (band_iff u z d B1 B2 D0 _ HT').
    destruct (largest_growth_positive u z d B1 B2 D0 HT') as [G M].
    apply (mode_grows_iff u z d B1 B2 D0 (fastest_mode u z d) (Rlt_le _ _ M)).
    exists (RtoC (largest_growth u z d)); split; [apply largest_growth_attained; assumption|exact G].
  - intros j Hj Hin; apply Band in Hin.
    apply clips_grow; try assumption; try lra; try (apply Rmult_le_pos; lra).
    replace (mu T j * (h * D_u)) with (h * mu T j * D_u) by ring; replace (mu T j * (h * D_v)) with (h * mu T j * D_v) by ring.
    exact Hin.
  - intros Hout p q Htr.
    apply (clips_decay T u z (h * rate) (h * D_u) (h * D_v)); try assumption; try lra; try (apply Rmult_le_pos; lra).
    intros j Hj; replace (mu T j * (h * D_u)) with (h * mu T j * D_u) by ring; replace (mu T j * (h * D_v)) with (h * mu T j * D_v) by ring.
    rewrite Sign; apply Rmult_lt_0_compat; [exact E2|].
    apply (outside_band u z d B1 B2 D0); [exact HT'|apply Hout; exact Hj].
  - intros gains u0 v0 n Hg H0; apply run_admissible; try assumption; lra.
Qed.
