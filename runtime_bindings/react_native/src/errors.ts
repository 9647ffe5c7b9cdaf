/** What went wrong, in the library's words; `mmoe.h` says what each means. */
export type ErrorCode =
  | "invalid_argument"
  | "not_found"
  | "corrupt"
  | "version"
  | "context_full"
  | "busy"
  | "cancelled"
  | "closed"
  | "buffer_too_small"
  | "out_of_resources"
  | "unsupported"
  | "io"
  | "runtime";

/** Every failure of the library; `message` is one sentence that names the cause. */
export class MmoeError extends Error {
  override readonly name = "MmoeError";

  constructor(
    readonly code: ErrorCode,
    message: string,
  ) {
    super(message);
  }
}

export function isCode(error: unknown, code: ErrorCode): error is MmoeError {
  return error instanceof MmoeError && error.code === code;
}
