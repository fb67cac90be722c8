"""`paddlemodel doctor`: the steps from the spec to the first answer; the sentences are the status's."""
