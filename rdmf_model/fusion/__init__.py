"""How do clips and text meet? Reaction-diffusion and its rivals behind one base class."""
