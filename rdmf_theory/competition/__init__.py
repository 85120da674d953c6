"""Competition over a whole video: diffusion that stops at cuts, and the shadow system with one substrate per video."""
