import { conversationJson } from "./arguments";
import { MmoeError } from "./errors";
import type { Model } from "./model";
import type { GenerateOptions, Message, Sampling, Stats, Step, Tool } from "./records";
import type { Session } from "./session";

/** What a turn does that does not fit: fail, or leave out the oldest turns behind the system message. */
export type WhenFull = "refuse" | "drop_oldest";

export interface ChatOptions {
  /** What the conversation begins with. */
  readonly system?: string;
  /** By default as the artifact recommends. */
  readonly sampling?: Partial<Sampling>;
  /** What the assistant may call, each as the JSON schema of a function. */
  readonly tools?: readonly Tool[];
  readonly whenFull?: WhenFull;
  /** With "drop_oldest", tokens that an answer has room for at least: of `maxNewTokens` and half the context, the least. */
  readonly answerRoom?: number;
}

/**
 * A conversation by the artifact's chat template, in a session of its own. What the session's context holds of it already
 * is not run again, so a turn costs its own tokens only.
 */
export class Chat {
  private readonly session: Session;
  private readonly tools: readonly Tool[];
  private readonly whenFull: WhenFull;
  private readonly answerRoom: number;
  private opening: readonly Message[];
  private all: readonly Message[];
  private leaving: readonly Message[] = [];
  private sending = false;

  /** Fails with "unsupported" if the artifact has no chat template. */
  constructor(
    readonly model: Model,
    options: ChatOptions = {},
  ) {
    const { system, sampling, tools = [], whenFull = "refuse", answerRoom = 256 } = options;
    if (answerRoom < 0) throw new MmoeError("invalid_argument", "answerRoom must not be negative");
    this.tools = tools;
    this.whenFull = whenFull;
    this.answerRoom = Math.min(answerRoom, Math.floor(model.info.maxContextLen / 2));
    this.opening = system === undefined ? [] : [{ role: "system", content: system }];
    this.all = this.opening;
    // A model without a template should say so before somebody types.
    model.chat([...this.opening, { role: "user", content: "" }], tools);
    this.session = model.newSession(sampling);
  }

  /** The turns so far as the template is given them, calls of tools and their results among them. */
  get turns(): readonly Message[] {
    return this.all;
  }

  /** The turns so far, the system message first: their roles and texts. */
  get history(): readonly Message[] {
    return plain(this.all);
  }

  /** What the last turn left out to make room, the oldest first; it is no longer in `history`. */
  get leftOut(): readonly Message[] {
    return plain(this.leaving);
  }

  /** Figures of the last turn. */
  get stats(): Stats {
    return this.session.stats;
  }

  /**
   * Says something, or gives other messages such as the results of tools, and streams the answer, as `generate` does.
   *
   * The turn becomes part of `history` when its answer has ended. One that fails, is cancelled, or is not read to its end
   * leaves the conversation as it was. While one runs, another fails with "busy".
   */
  async *send(said: string | readonly Message[], options: GenerateOptions = {}): AsyncGenerator<Step, void> {
    this.begin();
    try {
      yield* this.stream(typeof said === "string" ? [{ role: "user", content: said }] : said, options);
    } finally {
      this.sending = false;
    }
  }

  /** Ends the running turn, or the next one if none runs. */
  cancel(): void {
    this.session.cancel();
  }

  /** Forgets all turns but the system message. Fails with "busy" while a turn runs. */
  reset(): void {
    this.refuseIfSending();
    this.session.reset();
    this.all = this.opening;
    this.leaving = [];
  }

  /** Writes the context to a file; the `turns` are for the caller to keep. Fails with "busy" while a turn runs. */
  async save(path: string): Promise<void> {
    this.begin();
    try {
      await this.session.save(path);
    } finally {
      this.sending = false;
    }
  }

  /**
   * Goes on from other turns; a system message in front of them is what `reset` keeps. With the `snapshot` that `save` wrote
   * behind these turns the next one runs its own tokens only, and the sampling is that of the file. Fails with "busy" while a
   * turn runs, and for turns or a file that it cannot take; the conversation then is what it was.
   */
  async restore(turns: readonly Message[], snapshot?: string): Promise<void> {
    this.begin();
    try {
      this.model.chat([...turns, { role: "user", content: "" }], this.tools);
      if (snapshot !== undefined) await this.session.restore(snapshot);
      this.opening = turns.slice(0, 1).filter(({ role }) => role === "system");
      this.all = [...turns];
      this.leaving = [];
    } finally {
      this.sending = false;
    }
  }

  /** Between two tokens of a turn the session is free, and another one would answer in its place. */
  private begin(): void {
    this.refuseIfSending();
    this.sending = true;
  }

  private refuseIfSending(): void {
    if (this.sending) throw new MmoeError("busy", "a turn of this conversation is running");
  }

  /** Ends a running turn and frees the context. Closing twice is harmless. */
  async close(): Promise<void> {
    await this.session.close();
  }

  private async *stream(added: readonly Message[], options: GenerateOptions): AsyncGenerator<Step, void> {
    const turns = [...this.all, ...added];
    const { ids, leftOut } = this.prompt(turns, options.maxNewTokens);
    const behind = turns.findIndex(({ role }) => role !== "system" && role !== "developer");
    const first = behind < 0 ? turns.length : behind;
    const leaving = turns.splice(first, leftOut);
    let text = "";
    const answer: number[] = [];
    for await (const step of this.session.generate(ids, { ...options, hideToolCalls: this.tools.length > 0 })) {
      text += step.text;
      if (step.finishReason === null) {
        answer.push(step.id);
      } else if (step.finishReason !== "cancelled") {
        this.all = [...turns, this.message(text, answer)];
        this.leaving = leaving;
      }
      yield step;
    }
  }

  private prompt(turns: readonly Message[], maxNewTokens?: number): { ids: number[]; leftOut: number } {
    if (this.whenFull === "refuse") return { ids: this.model.chat(turns, this.tools), leftOut: 0 };
    const room = Math.min(maxNewTokens ?? this.answerRoom, this.answerRoom);
    return this.model.chatFit(conversationJson(turns, this.tools), this.model.info.maxContextLen - room);
  }

  private message(text: string, ids: readonly number[]): Message {
    if (this.tools.length > 0) {
      const called = this.model.toolCalls(ids);
      if (called.toolCalls !== undefined) return called;
    }
    return { role: "assistant", content: text };
  }
}

function plain(turns: readonly Message[]): Message[] {
  return turns.map(({ role, content }) => ({ role, content }));
}
