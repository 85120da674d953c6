"""A local web page: drop a video, type a sentence, jump to the moment. Needs Gradio (`rdmf[web]`).

session   what one visitor's page has encoded, and its answers as HTML, without any web library
app       the page and its server, on loopback only
"""
