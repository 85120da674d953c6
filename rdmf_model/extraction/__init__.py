"""From video files to feature folders: resumable, reproducible, with a manifest.

features.npy files   OUTPUT/KIND/VIDEO.npy, float16, (T, width); the layout that `rdmf train` reads
records              OUTPUT/records/ENCODER/VIDEO.json: what each video's features were made from
manifest.json        all records and settings in one file
.partial/            rows of unfinished videos; a killed extraction goes on from there
"""
