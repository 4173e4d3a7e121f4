"""The scheduler API's messages as protobuf: their definitions, and the way to and from ours."""
