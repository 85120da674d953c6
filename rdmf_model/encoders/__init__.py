"""Encoders: from frames, sound and words to feature vectors. Named plug-ins behind one interface.

    base       the interface: clips -> kinds of features, text -> tokens and pooled vector
    registry   names, loaded on first use: lite, clip:FOLDER, audio
    lite       the offline default; efficientnet, minilm, class_names, look are its parts
    clip       CLIP or SigLIP by transformers, from a folder or the hub
    audio      log-mel statistics of the sound track

A plug-in of one's own derives from `base.Encoder` and is added by `registry.register`.
"""
