"""Encode the queries of an annotation file into the text folder of the same encoder."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from rdmf_model.data.annotations import check_name
from rdmf_model.data.text_files import read_jsonl
from rdmf_model.encoders.registry import load_encoder
from rdmf_model.extraction.one_video import write_file
from rdmf_theory.errors import DataError


def extract_texts(annotations: Path, output: Path, specification: str) -> Path:
    """Write `OUTPUT/ENCODER_text/qid{qid}.npz` (`last_hidden_state`, `pooler_output`) for each query.

    Returns: the folder.
    Raises: DataError for a record without qid or query, naming its line; ParameterError for an encoder without texts.
    """
    encoder = load_encoder(specification)
    folder = output / f"{encoder.name}_text"
    count = 0
    for source, record in read_jsonl(annotations):
        qid, query = record.get("qid"), record.get("query")
        if isinstance(qid, bool) or not isinstance(qid, int | str) or not isinstance(query, str) or not query.strip():
            raise DataError(f"{source}: needs a qid (number or string) and a query (words). Got {qid!r} and {query!r}.")
        check_name(str(qid), "qid", source)
        features = encoder.encode_text(query)
        content = io.BytesIO()
        np.savez(content, last_hidden_state=features.tokens, pooler_output=features.pooled)
        write_file(folder / f"qid{qid}.npz", content.getvalue())
        count += 1
    if not count:
        raise DataError(f"{annotations}: holds no query.")
    return folder
