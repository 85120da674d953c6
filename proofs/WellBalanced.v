(* WellBalanced.v: the step's fixed points, patterned ones too, are exactly the steady states of the clips' system.

   Words used here: as in Step.v;
     steady_pattern   D_u lap u + f = 0 and D_v lap v + g = 0 at every clip, f and g the generated reactions *)
From Coq Require Import Reals Lra Lia.
From RDMF Require Import Generated SteadyStates ClipLaplacian Step.
Open Scope R_scope.

Definition steady_pattern (T : nat) (F k D_u D_v : R) (s u v : field) : Prop := forall i, (i < T)%nat ->
  D_u * lap T u i + reaction_u F k (s i) (u i) (v i) = 0 /\
  D_v * lap T v i + reaction_v F k (s i) (u i) (v i) = 0.

Theorem fixed_point_iff : forall T F k h D_u D_v s u v, 0 < h ->
  (is_step T F k h D_u D_v s u v u v <-> steady_pattern T F k D_u D_v s u v).
Proof.
  intros T F k h D_u D_v s u v Hh.
  assert (K : forall a b : R, (a - h * b = 0 -> a = h * b) /\ (h * b = 0 -> b = 0)).
  { intros a b; split; [lra|intro E; apply Rmult_integral in E; lra]. }
  split; intros H i Hi; destruct (H i Hi) as [E1 E2].
  - unfold implicit_u, explicit_u, implicit_v, explicit_v in *; unfold reaction_u, reaction_v.
    split; apply (K 0); lra.
  - unfold implicit_u, explicit_u, implicit_v, explicit_v; unfold reaction_u, reaction_v in *.
    split.
    + transitivity (F * h + u i - h * (D_u * lap T u i + (F * (1 - u i) - s i * u i * v i ^ 2))); [ring|].
      rewrite E1; ring.
    + transitivity (h * s i * u i * v i ^ 2 + v i - h * (D_v * lap T v i + (s i * u i * v i ^ 2 - v i * (F + k)))); [ring|].
      rewrite E2; ring.
Qed.

(* A homogeneous steady state is a fixed point, whatever the diffusion and the step size. *)
Theorem homogeneous_fixed_point : forall T F k h D_u D_v s u v, 0 < h -> steady F k s u v ->
  is_step T F k h D_u D_v (fun _ => s) (fun _ => u) (fun _ => v) (fun _ => u) (fun _ => v).
Proof.
  intros T F k h D_u D_v s u v Hh [E1 E2]; apply fixed_point_iff; [exact Hh|].
  intros i Hi; rewrite !lap_constant by exact Hi; lra.
Qed.
