"""The page of `rdmf serve`, and its server.

It listens on this machine's loopback address alone; uploads are limited in size and checked as `rdmf localize` checks
its files; files outside the upload folder are not served; nothing is sent to or loaded from anywhere else.
"""

from __future__ import annotations

import atexit
import os
import tempfile
from pathlib import Path
from typing import Any

from rdmf_model.encoders.base import Encoder
from rdmf_model.moments.page import ANSWER_STYLE
from rdmf_model.web.session import ZERO_SHOT, Session
from rdmf_theory.errors import ParameterError
from rdmf_theory.support.extras import install_hint

HOST = "127.0.0.1"
STYLE = f"""{ANSWER_STYLE}
.rdmf .wrong {{ color: #b42318; font-weight: 600; }}
footer {{ display: none !important; }}
"""
SCRIPT = """<script>
document.addEventListener("click", event => {
  const box = event.target.closest(".rdmf"), video = document.querySelector("#rdmf-video video");
  if (!box || !video) return;
  const button = event.target.closest("button[data-start]"), strip = event.target.closest("svg, .frames");
  if (button) video.currentTime = +button.dataset.start;
  else if (strip) {
    const frame = strip.getBoundingClientRect();
    video.currentTime = Math.max(0, (event.clientX - frame.left) / frame.width * +box.dataset.duration);
  } else return;
  video.play().catch(() => 0);
});
</script>"""


def build(encoder: Encoder, clip_length: float, runs: dict[str, Path]) -> Any:
    """The page, not yet served.

    Arguments:
        runs: name -> run folder; each is one way to answer, beside zero-shot.

    Raises: ParameterError where Gradio is missing.
    """
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    _own_upload_folder()
    try:
        import gradio
    except ImportError:
        raise ParameterError(f"rdmf serve needs Gradio. {install_hint('web')}") from None
    methods = [ZERO_SHOT, *runs]

    def ask(
        video: str | None,
        query: str,
        chosen: list[str],
        session: Session | None,
        progress: Any = gradio.Progress(),  # noqa: B008
    ) -> tuple[str, Session, Any]:
        session = session or Session(encoder, clip_length, runs)
        tell = lambda done, total: progress((done, total), desc="encoding", unit="clips")  # noqa: E731
        answer = session.ask(None if video is None else Path(video), query or "", chosen, tell)
        if not session.answers:
            return answer, session, gradio.DownloadButton(interactive=False)
        folder = os.environ["GRADIO_TEMP_DIR"]
        with tempfile.NamedTemporaryFile(
            "w", suffix=".jsonl", prefix="predictions-", dir=folder, delete=False
        ) as stream:
            stream.write(session.predictions())
        return answer, session, gradio.DownloadButton(value=stream.name, interactive=True)

    with gradio.Blocks(title="RDMF: find the moment", delete_cache=(3600, 3600)) as page:
        gradio.Markdown("## Find the moment\nDrop a video, describe the moment in a sentence, click to jump.")
        session = gradio.State(None)
        video = gradio.Video(label="video", sources=["upload"], elem_id="rdmf-video", height=360)
        query = gradio.Textbox(label="sentence", placeholder="a man opens a door", elem_id="rdmf-query", max_lines=1)
        chosen = gradio.CheckboxGroup(methods, value=methods[-1:], label="answer by", visible=len(methods) > 1)
        button = gradio.Button("find", variant="primary", elem_id="rdmf-find")
        answer = gradio.HTML(elem_id="rdmf-answer")
        download = gradio.DownloadButton("download predictions", interactive=False, elem_id="rdmf-download")
        for event in (button.click, query.submit):
            event(
                ask,
                [video, query, chosen, session],
                [answer, session, download],
                show_progress_on=answer,
                concurrency_limit=2,
                concurrency_id="ask",
                api_visibility="private",
            )
    return page


def _own_upload_folder() -> None:
    """Keep this process's uploads in a folder of their own, removed when it ends.

    Gradio names an upload by its content in one folder for all servers of a machine, and deletes its uploads when it
    closes: another server that was given the same video would lose it.
    """
    if "GRADIO_TEMP_DIR" not in os.environ:
        folder = tempfile.TemporaryDirectory(prefix="rdmf-uploads-", ignore_cleanup_errors=True)
        os.environ["GRADIO_TEMP_DIR"] = folder.name
        atexit.register(folder.cleanup)


def serve(page: Any, port: int | None, largest_mb: int, *, block: bool = True, open_browser: bool = False) -> str:
    """Serve the page on loopback.

    Arguments:
        port: None: the first free one from 7860.
        largest_mb: size of the largest upload, MiB.

    Returns: the address.
    Raises: ParameterError for a port that is taken.
    """
    if largest_mb < 1:
        raise ParameterError(f"the largest upload must be at least 1 MiB. Got {largest_mb}.")
    try:
        _, address, _ = page.queue(max_size=32).launch(
            server_name=HOST,
            server_port=port,
            share=False,
            inbrowser=open_browser,
            prevent_thread_lock=True,
            quiet=True,
            show_error=False,
            max_file_size=largest_mb * 2**20,
            allowed_paths=[],
            css=STYLE,
            head=SCRIPT,
            footer_links=[],
        )
    except OSError as error:
        raise ParameterError(f"--port {port} cannot be used ({error}). Give another one.") from None
    if block:
        page.block_thread()
    return str(address)
