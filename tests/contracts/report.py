"""The process of a custom executor in these tests: `report.py PORT`. Stands alone, on purpose.

Says to 127.0.0.1:PORT what its environment and pid are, then waits for a line with the code to
exit with; when the test has gone, it goes, too.
"""

import json
import os
import socket
import sys

test = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
said = {"environment": dict(os.environ), "pid": os.getpid()}
test.sendall(json.dumps(said).encode() + b"\n")
sys.exit(int(test.makefile().readline() or 0))
