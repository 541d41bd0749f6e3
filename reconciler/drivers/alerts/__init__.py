"""Where alerts go: what the operator's file says of a recipient, and the one seam behind which a message leaves."""
