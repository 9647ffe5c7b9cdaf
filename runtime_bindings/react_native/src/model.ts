import { conversationJson, grammarText, messageOf, tokenIds } from "./arguments";
import { MmoeError } from "./errors";
import { native, value } from "./native";
import type {
  Grammar,
  Memory,
  Message,
  ModelInfo,
  Progress,
  Sampling,
  SessionMemory,
  TokenIds,
  Tool,
} from "./records";
import { Session } from "./session";

export interface LoadOptions {
  /** Of the process's pool, which all models share; 0 leaves the choice to the library. */
  readonly threads?: number;
  /** Reads every file and compares it with the manifest first. */
  readonly verifyChecksums?: boolean;
  readonly onProgress?: (progress: Progress) => void;
}

/** Opens a folder that `mmoe-export convert` wrote. */
export async function loadModel(folder: string, options: LoadOptions = {}): Promise<Model> {
  const { threads = 0, verifyChecksums = false, onProgress } = options;
  return new Model(value(await native().modelOpen(folder, threads, verifyChecksums, onProgress)));
}

/** The library's version, such as `0.1.0`. */
export function libraryVersion(): string {
  return value(native().version());
}

/** Memory of the process. */
export function memory(): Memory {
  return value(native().memory());
}

/** An artifact of mmoe-export, mapped into memory and shared by its sessions. `loadModel` opens it. */
export class Model {
  /** What the program is, and what loading it took. */
  readonly info: ModelInfo;
  /** What the checkpoint's author recommends; greedy without a recommendation. */
  readonly sampling: Sampling;

  /** @internal */
  constructor(private readonly handle: number) {
    this.info = value(native().modelInfo(handle));
    this.sampling = value(native().modelSampling(handle));
  }

  /** The ids of a text. `parseSpecial` turns the text of special tokens into their ids: not for text of a user. */
  tokenize(text: string, options: { addBos?: boolean; parseSpecial?: boolean } = {}): number[] {
    const { addBos = true, parseSpecial = false } = options;
    return Array.from(value(native().modelTokenize(this.handle, text, addBos, parseSpecial)));
  }

  /** The text of ids; bytes that are no UTF-8 become U+FFFD. */
  detokenize(ids: TokenIds, options: { skipSpecial?: boolean } = {}): string {
    return value(native().modelDetokenize(this.handle, tokenIds(ids), options.skipSpecial ?? true));
  }

  /**
   * The bytes that one token adds to a text; of a character that several tokens make, its part. An id that the tokenizer does
   * not know has none. `first`: whether the text begins with it, which some tokenizers write without its space.
   */
  tokenBytes(id: number, options: { first?: boolean } = {}): Uint8Array {
    return value(native().modelTokenBytes(this.handle, id, options.first ?? true));
  }

  /** The ids of a conversation by the artifact's chat template; they end with the header of the assistant's turn. */
  chat(messages: readonly Message[], tools: readonly Tool[] = []): number[] {
    return this.chatJson(conversationJson(messages, tools));
  }

  /** The same for all that a template may read, as the JSON object that `apply_chat_template` takes. */
  chatJson(conversation: string, now: string | null = null): number[] {
    return Array.from(value(native().modelChatJson(this.handle, conversation, now)));
  }

  /** As `chatJson`, without as many of the oldest turns as it takes to have `mostIds` at most. */
  chatFit(conversation: string, mostIds: number, now: string | null = null): { ids: number[]; leftOut: number } {
    const { ids, leftOut } = value(native().modelChatFit(this.handle, conversation, mostIds, now));
    return { ids: Array.from(ids), leftOut };
  }

  /** An answer (its text with that of special tokens, or its ids) as a message with the calls of tools that it makes. */
  toolCalls(answer: string | TokenIds): Message {
    const text = typeof answer === "string" ? answer : this.detokenize(answer, { skipSpecial: false });
    return messageOf(value(native().modelToolCalls(this.handle, text)));
  }

  /** Compiles a schema or a grammar, so that a caller knows beforehand what `generate` would refuse. */
  async checkGrammar(grammar: Grammar): Promise<void> {
    const { kind, text } = grammarText(grammar);
    if (text === null) throw new MmoeError("invalid_argument", "give jsonSchema or grammar");
    value(await native().modelCheckGrammar(this.handle, kind, text));
  }

  /** Reads the weights into memory and runs the program once, which a first answer would wait for. */
  async warmUp(onProgress?: (progress: Progress) => void): Promise<void> {
    value(await native().modelWarmUp(this.handle, onProgress));
  }

  /** What a session will take with so many tokens in its context; null for a full one. */
  sessionMemory(tokens: number | null = null): SessionMemory {
    return value(native().modelSessionMemory(this.handle, tokens));
  }

  /** A new, empty context; without a sampling it chooses tokens as the artifact recommends. */
  newSession(sampling: Partial<Sampling> = this.sampling): Session {
    return new Session(this, value(native().sessionOpen(this.handle)), sampling);
  }

  /** Closes the model and its sessions; calls that run in them fail with "closed". Closing twice is harmless. */
  async close(): Promise<void> {
    value(await native().modelClose(this.handle));
  }
}
