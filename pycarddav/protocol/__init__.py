"""From a request to a response, without I/O but the store's."""
