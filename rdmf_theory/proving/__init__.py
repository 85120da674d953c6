"""What does `rdmf prove` run? Identities, boxes and solver claims, and the theorems that Coq judges."""
