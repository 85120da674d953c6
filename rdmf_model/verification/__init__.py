"""Does a checkpoint keep what is claimed? The parts of `rdmf verify`."""
