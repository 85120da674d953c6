"""Video files: what is in them, the frames and the sound of each clip, cut-outs. Needs PyAV (`rdmf[video]`).

probe      checks a file, and plans which frame stands for each clip, without decoding
frames     decodes the planned frames, one clip at a time, in constant memory
sound      the sound track, one clip at a time
cut        writes a moment of a file to a new file
"""
