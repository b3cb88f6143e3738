#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""
Asks a runtime for pods and containers as kubelet does: cri.py SOCKET METHOD JSON

The interface is CRI's RuntimeService (k8s.io/cri-api, runtime/v1/api.proto) over gRPC, of which
curl does the HTTP/2. The JSON is the request, by the names of its fields; the id in the answer, if
there is one, is printed.
"""
import json
import struct
import subprocess
import sys

METADATA = {"name": (1, None), "uid": (2, None), "namespace": (3, None), "attempt": (4, None)}
NAMESPACES = {"network": (1, None)}
SANDBOX_LINUX = {
    "cgroup_parent": (1, None),
    "security_context": (2, {"namespace_options": (1, NAMESPACES)}),
}
SANDBOX = {
    "metadata": (1, METADATA),
    "log_directory": (3, None),
    "labels": (6, None),
    "linux": (8, SANDBOX_LINUX),
}
CONTAINER = {
    "metadata": (1, {"name": (1, None)}),
    "image": (2, {"image": (1, None)}),
    "command": (3, None),
    "linux": (15, {"resources": (1, {"cpu_shares": (3, None)})}),
}
REQUESTS = {
    "Version": {},
    "RunPodSandbox": {"config": (1, SANDBOX)},
    "CreateContainer": {
        "pod_sandbox_id": (1, None),
        "config": (2, CONTAINER),
        "sandbox_config": (3, SANDBOX),
    },
    "StartContainer": {"container_id": (1, None)},
    "StopPodSandbox": {"pod_sandbox_id": (1, None)},
    "RemovePodSandbox": {"pod_sandbox_id": (1, None)},
}


def varint(number):
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def encode(message, fields):
    """A message of protobuf: numbers, texts, messages, and lists of them."""
    out = b""
    for name, values in message.items():
        number, inner = fields[name]
        for value in values if isinstance(values, list) else [values]:
            if isinstance(value, int):
                out += varint(number << 3) + varint(value)
                continue
            data = encode(value, inner) if isinstance(value, dict) else value.encode()
            out += varint(number << 3 | 2) + varint(len(data)) + data
    return out


def call(socket, method, message):
    """The bytes of the answer's message. Exits with what the runtime says if it refuses."""
    body = encode(message, REQUESTS[method])
    command = ["curl", "--silent", "--show-error", "--max-time", "60", "--http2-prior-knowledge",
               "--unix-socket", socket, "--header", "content-type: application/grpc",
               "--header", "te: trailers", "--data-binary", "@-", "--dump-header", "/dev/stderr",
               f"http://localhost/runtime.v1.RuntimeService/{method}"]
    done = subprocess.run(command, input=b"\0" + struct.pack(">I", len(body)) + body,
                          capture_output=True, check=False)
    if b"grpc-status: 0" not in done.stderr:
        lines = [line for line in done.stderr.decode(errors="replace").splitlines() if line]
        said = [line for line in lines if line.startswith("grpc-message: ")]
        sys.exit(f"{method}: {(said or lines or ['no answer'])[-1]}")
    return done.stdout[5:]


def main():
    socket, method, text = sys.argv[1:]
    answer = call(socket, method, json.loads(text))
    # Field 1, a text of less than 128 bytes: the id of a pod or a container.
    if len(answer) > 2 and answer[0] == 1 << 3 | 2:
        print(answer[2:2 + answer[1]].decode())


main()
