"""Where do conditions hold? Admissible designs, certified pavings, areas, distances and samples."""
