"""The outside of the house: the socket, WSGI, the log."""
