"""The vocabulary of WebDAV: names, XML, headers, multistatus, errors.  Pure."""
