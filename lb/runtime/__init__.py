"""The load balancer's I/O: Marathon over HTTP, HAProxy as a process and over its sockets."""
