"""Which steady patterns are there? Their equations, their branches, where they begin, and whether they are stable."""
