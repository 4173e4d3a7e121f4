"""Ends with 0 if the server at this port of its own container says that it is well.

Imports next to nothing, as it runs every few seconds in every container.
"""

import socket
import sys

with socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=4) as connection:
    if len(sys.argv) > 2:  # what to say, and what the answer must hold: servers that speak no HTTP
        question, wanted = sys.argv[2], sys.argv[3]
    else:
        question, wanted = "GET /health HTTP/1.0\r\nHost: localhost\r\n\r\n", " 200 "
    connection.sendall(question.encode())
    answer = connection.recv(4096).decode(errors="replace")
sys.exit(wanted not in answer)
