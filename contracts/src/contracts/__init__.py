"""The language of Natter: commands, queries, events, errors, subjects and streams."""
