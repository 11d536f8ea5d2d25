"""What is read from outside: model files, the Hub, this computer. Everything here is treated as untrusted."""
