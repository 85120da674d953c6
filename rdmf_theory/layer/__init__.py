"""What does a step, and a run of steps, do? Modes, gain, bandwidth, runs, and how far a clip sees."""
