"""One benchmark tool's output a file; each has `recognises(head)` and `read(text, reject)`."""
