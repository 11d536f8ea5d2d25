"""`advisor ask` without its terminal: the questions as data, and an interview that knows which one comes next."""
