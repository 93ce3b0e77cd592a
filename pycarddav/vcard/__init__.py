"""vCards (RFC 6350, 2426): reading, matching, converting.  Pure."""
