"""For tests: real servers, a whole Natter as a child process, and the pytest plugin that hands them out."""
