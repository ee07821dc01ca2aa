"""`natter dev`: everything for somebody who writes an assistant, with a page to talk to it and no Node."""
