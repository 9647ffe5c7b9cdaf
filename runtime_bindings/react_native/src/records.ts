/** What a model is, and what loading it took. */
export interface ModelInfo {
  readonly vocabSize: number;
  /** Tokens per call of the program: the chunk of a prefill. */
  readonly maxSeqLen: number;
  /** Tokens that the cache holds. */
  readonly maxContextLen: number;
  readonly layers: number;
  readonly bosId: number | null;
  /** Of the process's pool. */
  readonly threads: number;
  readonly hasChat: boolean;
  readonly loadSeconds: number;
  readonly programBytes: number;
  /** Keys that the layers with a window see; null without such layers. */
  readonly slidingWindow: number | null;
  /** Rows that they keep: `truncate` goes back no further than these reach. */
  readonly windowRows: number | null;
  /** For `setSpeculation`; 0: the artifact was converted without. */
  readonly maxDraftTokens: number;
}

/** How the next token is chosen. */
export interface Sampling {
  /** 0: greedy. */
  readonly temperature: number;
  /** 0: all. */
  readonly topK: number;
  /** (0, 1]; 1: all. */
  readonly topP: number;
  /** [0, 1) of the most probable token's probability; 0: all. */
  readonly minP: number;
  /** 1: none. */
  readonly repetitionPenalty: number;
  /** Taken from a token's logit for each time that the text holds it; 0: none. */
  readonly frequencyPenalty: number;
  /** Taken once if the text holds the token; 0: none. */
  readonly presencePenalty: number;
  /** 64 bits, without a sign. */
  readonly seed: number | bigint;
}

/** The most probable token, ties to the lower id. */
export const GREEDY: Sampling = {
  temperature: 0,
  topK: 0,
  topP: 1,
  minP: 0,
  repetitionPenalty: 1,
  frequencyPenalty: 0,
  presencePenalty: 0,
  seed: 0,
};

/** Why a text ended. */
export type FinishReason = "stop_token" | "stop_string" | "length" | "context_full" | "cancelled";

/** A token, or the end of a text: then there is a reason, and the token is not part of the text. */
export interface Step {
  /** -1 where there is none. */
  readonly id: number;
  /** What became readable: whole characters, maybe none. */
  readonly text: string;
  readonly finishReason: FinishReason | null;
}

/** Figures of the last prefill and of the decode since. */
export interface Stats {
  readonly loadSeconds: number;
  /** From the start of the prefill until the token after it was chosen. */
  readonly ttftSeconds: number;
  readonly prefillTokens: number;
  readonly prefillSeconds: number;
  readonly decodeTokens: number;
  readonly decodeSeconds: number;
  /** The part of `decodeSeconds` inside the program. */
  readonly programSeconds: number;
  readonly draftedTokens: number;
  readonly acceptedTokens: number;
}

/** Memory of the process, bytes; peaks are the highest seen at the end of a library call. */
export interface Memory {
  readonly anonymousBytes: number;
  readonly fileBytes: number;
  readonly peakAnonymousBytes: number;
  readonly peakFileBytes: number;
  readonly peakBytes: number;
}

/** What a session takes, known before it is opened, bytes. */
export interface SessionMemory {
  readonly plannedBytes: number;
  readonly cacheBytes: number;
  readonly speculationBytes: number;
}

/** How far opening or warming up is; `stage` is an `mmoe_load_stage`. */
export interface Progress {
  readonly stage: number;
  readonly done: number;
  readonly total: number;
}

export interface TokenLogprob {
  readonly id: number;
  /** Natural logarithm of the probability. */
  readonly logprob: number;
}

/** What the model itself thought of the chosen token and of the most probable ones. */
export interface Logprobs {
  readonly chosen: TokenLogprob;
  readonly top: readonly TokenLogprob[];
}

/** A call that the assistant makes. */
export interface ToolCall {
  readonly name: string;
  readonly arguments: Readonly<Record<string, unknown>>;
}

export interface Message {
  /** "system", "user", "assistant", "tool" or what else the template knows. */
  readonly role: string;
  readonly content: string;
  readonly toolCalls?: readonly ToolCall[];
}

export type Tool = Readonly<Record<string, unknown>>;

/** Token ids as a caller gives them. */
export type TokenIds = readonly number[] | Int32Array;

/** What ends a text besides the model itself and the end of its context. */
export interface Limits {
  /** The text ends before the first of these. */
  readonly stop?: string | readonly string[];
  /** Until there are so many tokens, no stop token is chosen and no stop string looked for. */
  readonly minNewTokens?: number;
  /** Without it there is no limit. */
  readonly maxNewTokens?: number;
}

/** What a text must be; one of the two at most. */
export interface Grammar {
  /** A JSON schema, as an object or as text. */
  readonly jsonSchema?: string | Readonly<Record<string, unknown>> | boolean;
  /** A grammar in llama.cpp's GBNF. */
  readonly grammar?: string;
}

export interface GenerateOptions extends Limits, Grammar {
  /** Ends the text, whose last step then has the reason "cancelled". */
  readonly signal?: AbortSignal;
  /** Leaves calls of tools out of the steps' texts; a `Chat` with tools does. */
  readonly hideToolCalls?: boolean;
}
