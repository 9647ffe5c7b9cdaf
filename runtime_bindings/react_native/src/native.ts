import { ErrorCode, MmoeError } from "./errors";
import type { Memory, ModelInfo, Progress, Sampling, SessionMemory, Stats, Step } from "./records";

/** What every call of the shim gives: it throws nothing. */
export type Result<T> = { readonly value: T } | { readonly status: ErrorCode; readonly message: string };

type OnProgress = (progress: Progress) => void;

/** The calls of cpp/: the same in Node's addon and on a phone. Handles are whole numbers. */
export interface Native {
  version(): Result<string>;
  abiVersion(): Result<number>;
  memory(): Result<Memory>;

  modelOpen(folder: string, threads: number, verify: boolean, on?: OnProgress): Promise<Result<number>>;
  modelClose(model: number): Promise<Result<null>>;
  modelInfo(model: number): Result<ModelInfo>;
  modelSampling(model: number): Result<Sampling>;
  modelWarmUp(model: number, on?: OnProgress): Promise<Result<null>>;
  modelSessionMemory(model: number, tokens: number | null): Result<SessionMemory>;
  modelTokenize(model: number, text: string, addBos: boolean, parseSpecial: boolean): Result<Int32Array>;
  modelDetokenize(model: number, ids: Int32Array, skipSpecial: boolean): Result<string>;
  modelTokenBytes(model: number, id: number, first: boolean): Result<Uint8Array>;
  modelChatJson(model: number, conversation: string, now: string | null): Result<Int32Array>;
  modelChatFit(
    model: number,
    conversation: string,
    mostIds: number,
    now: string | null,
  ): Result<{ ids: Int32Array; leftOut: number }>;
  modelToolCalls(model: number, text: string): Result<string>;
  modelCheckGrammar(model: number, kind: number, text: string): Promise<Result<null>>;

  sessionOpen(model: number): Result<number>;
  sessionClose(session: number): Promise<Result<null>>;
  sessionSetSampling(
    session: number,
    temperature: number,
    topK: number,
    topP: number,
    minP: number,
    repetitionPenalty: number,
    frequencyPenalty: number,
    presencePenalty: number,
    seed: string,
  ): Result<null>;
  sessionSetLogitBias(session: number, ids: Int32Array, biases: Float32Array): Result<null>;
  sessionSetLimits(session: number, stop: string[], least: number, most: number | null): Result<null>;
  sessionSetGrammar(session: number, kind: number, text: string | null): Promise<Result<null>>;
  sessionHideToolCalls(session: number, on: boolean): Result<null>;
  sessionCountExperts(session: number, on: boolean): Result<null>;
  sessionExpertCounts(session: number): Result<number[][]>;
  sessionSetSpeculation(session: number, maxDraftTokens: number | null, document: Int32Array): Result<null>;
  sessionPrefill(session: number, ids: Int32Array): Promise<Result<null>>;
  sessionPrompt(session: number, ids: Int32Array): Promise<Result<null>>;
  sessionNext(session: number): Promise<Result<Step>>;
  sessionFlush(session: number): Result<string>;
  sessionCommit(session: number): Promise<Result<null>>;
  sessionDecode(session: number, id: number): Promise<Result<null>>;
  sessionLogits(session: number, vocabSize: number): Result<Float32Array>;
  sessionLogprobs(session: number, top: number): Result<{ ids: Int32Array; logprobs: Float32Array }>;
  sessionPosition(session: number): Result<number>;
  sessionTruncate(session: number, position: number): Result<null>;
  sessionReset(session: number): Result<null>;
  sessionSave(session: number, path: string): Promise<Result<null>>;
  sessionRestore(session: number, path: string): Promise<Result<null>>;
  sessionCancel(session: number): Result<null>;
  sessionClearCancel(session: number): Result<null>;
  sessionStats(session: number): Result<Stats>;
}

const ABI_VERSION = 2;

declare global {
  // What the module for phones installs.
  var mmoeNative: Native | undefined;
}

let installed: Native | undefined;

/** Says which shim to call; a phone's installs itself as a global. */
export function install(native: Native): void {
  const found = value(native.abiVersion());
  if (found !== ABI_VERSION) {
    throw new MmoeError("version", `the library has ABI ${found}, this package needs ${ABI_VERSION}`);
  }
  installed = native;
}

export function native(): Native {
  if (installed === undefined) {
    if (globalThis.mmoeNative === undefined) {
      throw new MmoeError("not_found", "the native module is not installed");
    }
    install(globalThis.mmoeNative);
  }
  return installed as Native;
}

/** What a call gave, or its failure as an exception. */
export function value<T>(result: Result<T>): T {
  if ("status" in result) throw new MmoeError(result.status, result.message);
  return result.value;
}
