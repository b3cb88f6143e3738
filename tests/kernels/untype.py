#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Makes a kernel that knows no types out of one that does, for scripts/test-kernels.

  untype.py unpack IMAGE VMLINUX             the kernel in a bzImage, as an ELF file
  untype.py types VMLINUX BTF                its types, as a file
  untype.py forget VMLINUX ADDRESS UNTYPED   the same kernel with a function there that returns NULL

With btf_parse_vmlinux() forgotten the kernel is as one that was built without
CONFIG_DEBUG_INFO_BTF: its verifier finds no types, and goes on without.
"""
import subprocess
import struct
import sys

ENDBR, NOP, CALL = b"\xf3\x0f\x1e\xfa", b"\x0f\x1f\x44\x00\x00", 0xe8
RETURN_NULL = b"\x31\xc0\xc3"  # xor %eax,%eax; ret


def read(path):
    with open(path, "rb") as file:
        return file.read()


def write(path, data):
    with open(path, "wb") as file:
        file.write(data)


def unpack(image):
    """Documentation/arch/x86/boot.rst: setup_sects, payload_offset, payload_length."""
    data = read(image)
    offset, length = struct.unpack_from("<II", data, 0x248)
    begin = ((data[0x1f1] or 4) + 1) * 512 + offset
    # Its last word is the unpacked size.
    return subprocess.run(["zstd", "-dqc"], input=data[begin:begin + length - 4], check=True,
                          stdout=subprocess.PIPE).stdout


def types(kernel):
    at, count, names = (struct.unpack_from(form, kernel, where)[0]
                        for form, where in (("<Q", 40), ("<H", 60), ("<H", 62)))
    headers = [struct.unpack_from("<IIQQQQ", kernel, at + 64 * i) for i in range(count)]
    for name, _, _, _, offset, size in headers:
        begin = headers[names][4] + name
        if kernel[begin:begin + 5] == b".BTF\0":
            return kernel[offset:offset + size]
    sys.exit("untype.py: this kernel has no types")


def forget(kernel, address):
    at, = struct.unpack_from("<Q", kernel, 32)
    count, = struct.unpack_from("<H", kernel, 56)
    for i in range(count):
        kind, _, offset, begin, _, size = struct.unpack_from("<IIQQQQ", kernel, at + 56 * i)
        if kind == 1 and begin <= address < begin + size:
            code = offset + address - begin
            break
    else:
        sys.exit("untype.py: the function is nowhere in this kernel")
    # What the kernel itself changes at a function's begin stays as it is.
    if kernel[code:code + 4] == ENDBR:
        code += 4
    if kernel[code] == CALL or kernel[code:code + 5] == NOP:
        code += 5
    return kernel[:code] + RETURN_NULL + kernel[code + 3:]


def main():
    what, source, *rest = sys.argv[1:]
    if what == "unpack":
        write(rest[0], unpack(source))
    elif what == "types":
        write(rest[0], types(read(source)))
    else:
        write(rest[1], forget(read(source), int(rest[0], 16)))


if __name__ == "__main__":
    main()
