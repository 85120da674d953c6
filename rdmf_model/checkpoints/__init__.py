"""How is a run stored and handed on? Checkpoints, run folders, ONNX."""
