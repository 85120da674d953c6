"""The explorer: one page, without a server, on which the theory can be dragged.

formulas.js   generated from `formulas.py` by `codegen.javascript`
step.js       the layer's step on clips, and what the page asks of a point
page.js, page.html, page.css   controls and pictures
page          puts them together
"""
