"""What has no mathematics: printing, files, figures, time limits."""
