"""Which time-stepping scheme? What each does to a mode, and where it differs from the equation."""
