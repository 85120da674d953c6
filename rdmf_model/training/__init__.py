"""How are weights found? Data preparation, losses, schedule, trainer."""
