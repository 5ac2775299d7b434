"""Makes a MongoDB server the only member of a replica set, without a MongoDB client.

usage: mongo_initiate.py PORT SET

One attempt: exits with 0 when the server is the set's writable primary under this port, with 1 when it is not yet.
Run it until it succeeds. It speaks OP_MSG with BSON, as far as the commands used here need it.
"""

import socket
import struct
import sys

OP_MSG = 2013
# The server's code for "this member is in no set yet".
NOT_YET_INITIALIZED = 94
# An answer to these commands has a few kilobytes.
MAX_ANSWER_BYTES = 1 << 20
TIMEOUT_SECONDS = 5


def encode(document):
    """BSON of a dict with bool, int, str, dict and list values."""
    body = b""
    for key, value in document.items():
        name = key.encode() + b"\0"
        if isinstance(value, bool):
            body += b"\x08" + name + bytes([value])
        elif isinstance(value, int):
            body += b"\x10" + name + struct.pack("<i", value)
        elif isinstance(value, str):
            text = value.encode() + b"\0"
            body += b"\x02" + name + struct.pack("<i", len(text)) + text
        elif isinstance(value, dict):
            body += b"\x03" + name + encode(value)
        elif isinstance(value, list):
            body += b"\x04" + name + encode({str(i): item for i, item in enumerate(value)})
        else:
            raise TypeError(f"{key}: {type(value).__name__} is not needed here")
    return struct.pack("<i", len(body) + 5) + body + b"\0"


# Values of a fixed size that are read as plain numbers, by BSON type.
NUMBERS = {0x01: "<d", 0x09: "<q", 0x10: "<i", 0x11: "<Q", 0x12: "<q"}


def decode(data, at=0, as_list=False):
    """The document that begins at the given offset, and the offset behind it."""
    end = at + struct.unpack_from("<i", data, at)[0]
    at += 4
    fields = {}
    while data[at]:
        kind = data[at]
        stop = data.index(0, at + 1)
        key = data[at + 1 : stop].decode()
        at = stop + 1
        if kind in NUMBERS:
            fields[key] = struct.unpack_from(NUMBERS[kind], data, at)[0]
            at += struct.calcsize(NUMBERS[kind])
        elif kind == 0x02:
            size = struct.unpack_from("<i", data, at)[0]
            fields[key] = data[at + 4 : at + 3 + size].decode()
            at += 4 + size
        elif kind in (0x03, 0x04):
            fields[key], at = decode(data, at, as_list=kind == 0x04)
        elif kind == 0x05:
            size = struct.unpack_from("<i", data, at)[0]
            fields[key] = data[at + 5 : at + 5 + size]
            at += 5 + size
        elif kind == 0x07:
            fields[key] = data[at : at + 12]
            at += 12
        elif kind == 0x08:
            fields[key] = bool(data[at])
            at += 1
        elif kind == 0x0A:
            fields[key] = None
        else:
            raise ValueError(f"{key}: BSON type {kind:#x} is not known here")
    return (list(fields.values()) if as_list else fields), end


def receive(connection, size):
    data = b""
    while len(data) < size:
        part = connection.recv(size - len(data))
        if not part:
            raise ConnectionError("the server closed the connection")
        data += part
    return data


def call(connection, command):
    """Runs one command on the database admin and returns the answer."""
    body = struct.pack("<I", 0) + b"\0" + encode({**command, "$db": "admin"})
    connection.sendall(struct.pack("<iiii", 16 + len(body), 1, 0, OP_MSG) + body)
    size = struct.unpack("<iiii", receive(connection, 16))[0]
    if not 21 < size <= MAX_ANSWER_BYTES:
        raise ValueError(f"an answer of {size} bytes")
    return decode(receive(connection, size - 16), 5)[0]


def attempt(connection, host, name):
    hello = call(connection, {"hello": 1})
    if hello.get("isWritablePrimary") and hello.get("me") == host:
        return True
    member = [{"_id": 0, "host": host}]
    current = call(connection, {"replSetGetConfig": 1})
    if current.get("code") == NOT_YET_INITIALIZED:
        print(call(connection, {"replSetInitiate": {"_id": name, "members": member}}))
    elif current.get("ok") and [m["host"] for m in current["config"]["members"]] != [host]:
        # The server has got another port since.
        config = {"_id": name, "version": current["config"]["version"] + 1, "members": member}
        print(call(connection, {"replSetReconfig": config, "force": True}))
    return False


def main():
    port, name = int(sys.argv[1]), sys.argv[2]
    try:
        with socket.create_connection(("127.0.0.1", port), TIMEOUT_SECONDS) as connection:
            return 0 if attempt(connection, f"127.0.0.1:{port}", name) else 1
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
