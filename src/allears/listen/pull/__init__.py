"""Pull: ask other places for news, again and again, from where the last answer ended."""
