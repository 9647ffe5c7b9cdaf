"""ExecuTorch's error codes, in words a user can act on (`executorch/runtime/core/error.h`)."""

import re

OPERATOR_MISSING = 0x14

EXPLANATIONS: dict[int, str] = {
    0x01: "an internal error of the runtime",
    0x02: "the runtime is in a state that does not allow this call",
    0x10: "the program does not support this call; an input is larger than the program was exported for",
    0x11: "the program calls something this runtime does not implement",
    0x12: "an argument is invalid: an input's number, dtype, shape or value is not what the program expects",
    0x13: "a value has another type than the program expects",
    OPERATOR_MISSING: "an operator that the program calls is not registered; load the library of mmoe "
    "operators built for this version",
    0x15: "too many operators are registered",
    0x16: "an operator was registered twice",
    0x20: "a backend or a method of the program is not in this runtime",
    0x21: "there is not enough memory",
    0x22: "the file cannot be read; check that it exists, is a file and is readable",
    0x23: "the file is not a program this runtime can read: it is cut, damaged, not a .pte, "
    "or written by another version of ExecuTorch; convert the checkpoint again",
    0x24: "the program's external data is damaged",
    0x25: "a resource of the device is exhausted",
    0x30: "a delegate in the program was lowered for another version of its backend; convert the "
    "checkpoint again",
    0x31: "a backend could not get enough memory",
    0x32: "a backend lost its handle",
}

# The bindings print codes as `0x14` or, when a program is being loaded, as `0x:14`.
_CODE = re.compile(r"0x:?([0-9a-fA-F]+)")


def error_code(message: str) -> int | None:
    """The ExecuTorch error code in the text of an exception of the Python bindings, if there is one."""
    found = _CODE.findall(message)
    return int(found[-1], 16) if found else None


def explain(message: str) -> str:
    """A bindings message as one readable clause; the original follows in brackets."""
    code = error_code(message)
    reason = EXPLANATIONS.get(code) if code is not None else None
    return f"{reason} [{message}]" if reason else message
