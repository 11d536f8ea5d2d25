"""The planned server, started as deployed and asked over HTTP."""
