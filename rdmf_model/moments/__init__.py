"""From a video file and a sentence to the moment.

    selection   one score per clip -> which segment stands out: diffusion that stops at cuts, then competition
    search      `VideoSearch`: encode a video once, ask it many sentences, with or without a trained run
    answer      what came out, for programs and for files
    timeline    the picture, with thumbnails;  page  the HTML page

Three lines of Python:

    from rdmf_model import VideoSearch
    answer = VideoSearch.open("video.mp4").ask("a man opens a door")
    print(answer.windows[0])
"""
