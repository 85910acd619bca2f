"""Where customers answer our surveys: plain pages, no log-in."""
