"""Browser tests of the chatkit element, against a stock ChatKitServer."""
