"""What does any reaction system do at one parameter point? Definitions, homogeneous states, modes and thresholds."""
