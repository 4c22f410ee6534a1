"""The addresses, by what they are about. A route is a few lines: parameters in, one question, an answer out."""
