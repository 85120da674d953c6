"""Which functions are generated from the derivation? In Python, Coq and C++."""
