#!/usr/bin/env python3
"""cri.py - speaks to the CRI of containerd or cri-o, as the kubelet does

Usage: cri.py SOCKET METHOD JSON
Calls runtime.v1.RuntimeService/METHOD with the request and prints the response as JSON; the message of a
failure goes to stderr, and the status is 1. The request and the response are written by the names of the CRI's
own api.proto, of which the table below has what the tests use. curl(1) carries the HTTP/2.
"""
import json
import struct
import subprocess
import sys

# message: {field: (number, type)}; a type is "text", "number", "map", or a message
MESSAGES = {
    "RunPodSandboxRequest": {"config": (1, "PodSandboxConfig"), "runtime_handler": (2, "text")},
    "RunPodSandboxResponse": {"pod_sandbox_id": (1, "text")},
    "PodSandboxConfig": {
        "metadata": (1, "PodSandboxMetadata"),
        "hostname": (2, "text"),
        "log_directory": (3, "text"),
        "labels": (6, "map"),
        "annotations": (7, "map"),
        "linux": (8, "LinuxPodSandboxConfig"),
    },
    "PodSandboxMetadata": {"name": (1, "text"), "uid": (2, "text"), "namespace": (3, "text"), "attempt": (4, "number")},
    "LinuxPodSandboxConfig": {
        "cgroup_parent": (1, "text"),
        "security_context": (2, "LinuxSandboxSecurityContext"),
        "sysctls": (3, "map"),
    },
    "LinuxSandboxSecurityContext": {"namespace_options": (1, "NamespaceOption"), "privileged": (6, "number")},
    "NamespaceOption": {"network": (1, "number"), "pid": (2, "number"), "ipc": (3, "number"), "target_id": (4, "text")},
    "StopPodSandboxRequest": {"pod_sandbox_id": (1, "text")},
    "RemovePodSandboxRequest": {"pod_sandbox_id": (1, "text")},
    "CreateContainerRequest": {
        "pod_sandbox_id": (1, "text"),
        "config": (2, "ContainerConfig"),
        "sandbox_config": (3, "PodSandboxConfig"),
    },
    "CreateContainerResponse": {"container_id": (1, "text")},
    "ContainerConfig": {
        "metadata": (1, "ContainerMetadata"),
        "image": (2, "ImageSpec"),
        "command": (3, "text"),
        "args": (4, "text"),
        "working_dir": (5, "text"),
        "envs": (6, "KeyValue"),
        "mounts": (7, "Mount"),
        "log_path": (11, "text"),
        "linux": (15, "LinuxContainerConfig"),
    },
    "ContainerMetadata": {"name": (1, "text"), "attempt": (2, "number")},
    "ImageSpec": {"image": (1, "text")},
    "KeyValue": {"key": (1, "text"), "value": (2, "text")},
    "Mount": {
        "container_path": (1, "text"),
        "host_path": (2, "text"),
        "readonly": (3, "number"),
        "propagation": (5, "number"),
    },
    "LinuxContainerConfig": {
        "resources": (1, "LinuxContainerResources"),
        "security_context": (2, "LinuxContainerSecurityContext"),
    },
    "LinuxContainerResources": {
        "cpu_period": (1, "number"),
        "cpu_quota": (2, "number"),
        "cpu_shares": (3, "number"),
        "memory_limit_in_bytes": (4, "number"),
        "oom_score_adj": (5, "number"),
    },
    "LinuxContainerSecurityContext": {
        "capabilities": (1, "Capability"),
        "privileged": (2, "number"),
        "namespace_options": (3, "NamespaceOption"),
        "run_as_user": (5, "Int64Value"),
        "run_as_username": (6, "text"),
        "readonly_rootfs": (7, "number"),
        "no_new_privs": (11, "number"),
        "run_as_group": (12, "Int64Value"),
        "masked_paths": (13, "text"),
        "readonly_paths": (14, "text"),
        "seccomp": (15, "SecurityProfile"),
    },
    "Capability": {"add_capabilities": (1, "text"), "drop_capabilities": (2, "text")},
    "Int64Value": {"value": (1, "number")},
    "SecurityProfile": {"profile_type": (1, "number"), "localhost_ref": (2, "text")},
    "StartContainerRequest": {"container_id": (1, "text")},
    "StopContainerRequest": {"container_id": (1, "text"), "timeout": (2, "number")},
    "RemoveContainerRequest": {"container_id": (1, "text")},
    "ContainerStatusRequest": {"container_id": (1, "text")},
    "ContainerStatusResponse": {"status": (1, "ContainerStatus")},
    "ContainerStatus": {
        "id": (1, "text"),
        "state": (3, "number"),
        "exit_code": (7, "number"),
        "reason": (10, "text"),
        "message": (11, "text"),
    },
    "UpdateContainerResourcesRequest": {"container_id": (1, "text"), "linux": (2, "LinuxContainerResources")},
    "ExecSyncRequest": {"container_id": (1, "text"), "cmd": (2, "text"), "timeout": (3, "number")},
    "ExecSyncResponse": {"stdout": (1, "text"), "stderr": (2, "text"), "exit_code": (3, "number")},
    "ListPodSandboxRequest": {},
    "ListPodSandboxResponse": {"items": (1, "PodSandbox")},
    "PodSandbox": {"id": (1, "text"), "state": (3, "number"), "runtime_handler": (7, "text")},
}
MAP_ENTRY = {"key": (1, "text"), "value": (2, "text")}


# --- the wire format: protobuf.dev "Encoding" ---


def varint(n):
    n &= (1 << 64) - 1
    out = bytearray()
    while n > 0x7F:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def block(number, data):
    return varint(number << 3 | 2) + varint(len(data)) + data


def encode_one(number, kind, value):
    if kind == "number":
        return varint(number << 3) + varint(int(value))
    if kind == "text":
        return block(number, value.encode())
    if kind == "map":
        return b"".join(block(number, encode(MAP_ENTRY, {"key": k, "value": v})) for k, v in value.items())
    return block(number, encode(MESSAGES[kind], value))


def encode(fields, message):
    out = b""
    for name, value in message.items():
        number, kind = fields[name]
        for one in value if isinstance(value, list) else [value]:
            out += encode_one(number, kind, one)
    return out


def read_varint(data, at):
    n = shift = 0
    while True:
        byte = data[at]
        at += 1
        n |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return n, at


def decode(fields, data):
    """Fields that are not in the table are passed over; of a repeated one there is a list when it is a message."""
    names = {number: (name, kind) for name, (number, kind) in fields.items()}
    message, at = {}, 0
    while at < len(data):
        key, at = read_varint(data, at)
        if key & 7 == 0:
            value, at = read_varint(data, at)
        elif key & 7 == 2:
            length, at = read_varint(data, at)
            value, at = data[at : at + length], at + length
        else:
            at += 8 if key & 7 == 1 else 4
            continue
        name, kind = names.get(key >> 3, (None, None))
        if kind == "text":
            message[name] = value.decode("utf-8", "replace")
        elif kind == "number":
            message[name] = value
        elif kind:
            message.setdefault(name, []).append(decode(MESSAGES[kind], value))
    return message


# --- gRPC over HTTP/2 ---


def call(sock, method, request):
    frame = encode(MESSAGES[method + "Request"], request)
    answer = subprocess.run(
        ["curl", "-sS", "--max-time", "60", "--http2-prior-knowledge", "--unix-socket", sock, "-D", "/dev/stderr"]
        + ["-H", "content-type: application/grpc", "-H", "te: trailers", "--data-binary", "@-"]
        + ["http://localhost/runtime.v1.RuntimeService/" + method],
        input=struct.pack(">BI", 0, len(frame)) + frame,
        capture_output=True,
        check=False,
    )
    headers = dict(
        line.split(": ", 1) for line in answer.stderr.decode("utf-8", "replace").splitlines() if ": " in line
    )
    if headers.get("grpc-status") != "0":
        sys.exit(headers.get("grpc-message", answer.stderr.decode("utf-8", "replace")))
    return decode(MESSAGES.get(method + "Response", {}), answer.stdout[5:])


print(json.dumps(call(sys.argv[1], sys.argv[2], json.loads(sys.argv[3]))))
