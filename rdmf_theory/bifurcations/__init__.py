"""Where does a homogeneous state change, and what happens there? Equations, lines, curves, special points."""
