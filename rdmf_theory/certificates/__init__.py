"""What was proved, on file? Who writes it, whom it is about, and the standalone checkers that judge it."""
