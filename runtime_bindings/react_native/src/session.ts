import { grammarText, stops, tokenIds } from "./arguments";
import { isCode, MmoeError } from "./errors";
import type { Model } from "./model";
import { native, type Result, value } from "./native";
import {
  type GenerateOptions,
  type Grammar,
  GREEDY,
  type Limits,
  type Logprobs,
  type Sampling,
  type Stats,
  type Step,
  type TokenIds,
} from "./records";

/**
 * The context of one conversation. It does one thing at a time: a second call while one runs fails with "busy"; only
 * `cancel` and `close` may come at any moment, and end the running call. `Model.newSession` opens it. Close it: nothing
 * else frees its memory before the model is closed.
 */
export class Session {
  private lastStats: Stats;
  private computing = false;

  /** @internal */
  constructor(
    readonly model: Model,
    private readonly handle: number,
    sampling: Partial<Sampling>,
  ) {
    try {
      this.setSampling(sampling);
      this.lastStats = value(native().sessionStats(handle));
    } catch (error) {
      void native().sessionClose(handle);
      throw error;
    }
  }

  /** Tokens in the context. */
  get position(): number {
    return value(native().sessionPosition(this.idleHandle()));
  }

  /** Figures of the last prefill and of the decode since; while something runs, as of the last step. */
  get stats(): Stats {
    try {
      this.lastStats = value(native().sessionStats(this.idleHandle()));
    } catch (error) {
      if (!isCode(error, "busy")) throw error;
    }
    return this.lastStats;
  }

  /** Appends ids in chunks; if it is cancelled, `position` tells how far it came. */
  async prefill(ids: TokenIds): Promise<void> {
    await this.compute((session) => native().sessionPrefill(session, tokenIds(ids)));
  }

  /** Makes the context exactly `ids`: what it holds of them from the front is kept, only the rest is run. */
  async prompt(ids: TokenIds): Promise<void> {
    await this.compute((session) => native().sessionPrompt(session, tokenIds(ids)));
  }

  /** Runs the token chosen last, if there is one, and chooses the next, which is not in the context yet. */
  async next(): Promise<Step> {
    const step = await this.compute((session) => native().sessionNext(session));
    this.lastStats = this.stats;
    return step;
  }

  /**
   * Makes a text or ids the context, as `prompt` does, and streams what follows: a step for each token, and a last one
   * with the reason why the text ended. Without a prompt it goes on from the context. Nothing runs until it is read, and
   * nothing ahead of the reader.
   */
  async *generate(prompt: string | TokenIds | null = null, options: GenerateOptions = {}): AsyncGenerator<Step, void> {
    const { signal } = options;
    const restricted = grammarText(options);
    let running = false;
    let sent = false;
    const abort = () => {
      if (!running) return;
      this.cancel();
      sent = true;
    };
    const interruptible = async <T>(call: () => Promise<T>): Promise<T> => {
      if (signal?.aborted) throw new MmoeError("cancelled", "the signal was aborted");
      running = true;
      try {
        return await call();
      } finally {
        running = false;
        // The call may have ended before it met the cancel, which the session's next one would meet. A closed session has none.
        if (sent) native().sessionClearCancel(this.handle);
      }
    };
    signal?.addEventListener("abort", abort);
    let begun = false;
    try {
      for (;;) {
        let step: Step;
        try {
          if (!begun) {
            if (prompt !== null) {
              const ids = typeof prompt === "string" ? this.model.tokenize(prompt) : prompt;
              await interruptible(() => this.prompt(ids));
            }
            this.setLimits(options);
            await this.compute((session) => native().sessionSetGrammar(session, restricted.kind, restricted.text));
            this.hideToolCalls(options.hideToolCalls ?? false);
            begun = true;
          }
          step = await interruptible(() => this.next());
        } catch (error) {
          if (!isCode(error, "cancelled")) throw error;
          // What was held back is of this text only if that has begun.
          step = { id: -1, text: begun ? this.flush() : "", finishReason: "cancelled" };
        }
        yield step;
        if (step.finishReason !== null) return;
      }
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }

  /** Limits the text that follows; `prompt`, `prefill`, `truncate` and `reset` begin one without limits. */
  setLimits(limits: Limits): void {
    const { minNewTokens = 0, maxNewTokens = null } = limits;
    value(native().sessionSetLimits(this.idleHandle(), stops(limits), minNewTokens, maxNewTokens));
  }

  /** Restricts the text that follows; without arguments it is any again. */
  async setGrammar(grammar: Grammar = {}): Promise<void> {
    const { kind, text } = grammarText(grammar);
    await this.compute((session) => native().sessionSetGrammar(session, kind, text));
  }

  /** Leaves calls of tools out of the text of the steps that follow, or shows all again. */
  hideToolCalls(on = true): void {
    value(native().sessionHideToolCalls(this.idleHandle(), on));
  }

  /** Begins to count which experts the tokens that the session runs are sent to, or ends it. */
  countExperts(on = true): void {
    value(native().sessionCountExperts(this.idleHandle(), on));
  }

  /** How often each expert of each MoE layer was chosen since `countExperts`: a row for each layer. */
  expertCounts(): number[][] {
    return value(native().sessionExpertCounts(this.idleHandle()));
  }

  /** Runs guesses of what follows together with a token; null for as many as the program can judge, 0 for none. */
  setSpeculation(maxDraftTokens: number | null = null, document: TokenIds = []): void {
    value(native().sessionSetSpeculation(this.idleHandle(), maxDraftTokens, tokenIds(document)));
  }

  /** Text that was held back because a stop string may begin with it, for a caller that stops here. */
  flush(): string {
    return value(native().sessionFlush(this.idleHandle()));
  }

  /** Puts the token chosen last into the context, as the next token or prefill would. */
  async commit(): Promise<void> {
    await this.compute((session) => native().sessionCommit(session));
  }

  /** Appends one given token and leaves its logits. */
  async decode(id: number): Promise<void> {
    await this.compute((session) => native().sessionDecode(session, id));
  }

  /** Logits of the last token run, `[vocabSize]`. */
  logits(): Float32Array {
    return value(native().sessionLogits(this.idleHandle(), this.model.info.vocabSize));
  }

  /** Replaces the sampling and restarts its random numbers; a field that is not there has its value of `GREEDY`. */
  setSampling(sampling: Partial<Sampling>): void {
    const all = { ...GREEDY, ...sampling };
    value(
      native().sessionSetSampling(
        this.idleHandle(),
        all.temperature,
        all.topK,
        all.topP,
        all.minP,
        all.repetitionPenalty,
        all.frequencyPenalty,
        all.presencePenalty,
        String(all.seed),
      ),
    );
  }

  /** What is added to logits before all else of the sampling, until it is replaced; -Infinity excludes a token. */
  setLogitBias(bias: ReadonlyMap<number, number>): void {
    const biases = Float32Array.from(bias.values());
    value(native().sessionSetLogitBias(this.idleHandle(), tokenIds([...bias.keys()]), biases));
  }

  /** What the model thought of the token that `next` chose, and of the `top` most probable ones. */
  logprobs(top = 0): Logprobs {
    const { ids, logprobs } = value(native().sessionLogprobs(this.idleHandle(), top));
    const [chosen, ...rest] = Array.from(ids, (id, index) => ({ id, logprob: logprobs[index] as number }));
    return { chosen: chosen as Logprobs["chosen"], top: rest };
  }

  /** Keeps the first `position` tokens; costs nothing. */
  truncate(position: number): void {
    value(native().sessionTruncate(this.idleHandle(), position));
  }

  /** Empties the context; statistics, random numbers and a pending cancel start afresh. */
  reset(): void {
    value(native().sessionReset(this.idleHandle()));
  }

  /** Writes the context, the sampling and the text where it is to a file. */
  async save(path: string): Promise<void> {
    await this.compute((session) => native().sessionSave(session, path));
  }

  /** Makes this the session that `save` wrote: it goes on with the same tokens and text, bit for bit. */
  async restore(path: string): Promise<void> {
    await this.compute((session) => native().sessionRestore(session, path));
  }

  /** Ends the running call, or the next one if none runs, with "cancelled". */
  cancel(): void {
    value(native().sessionCancel(this.handle));
  }

  /** Drops a cancel that no call has met yet. */
  clearCancel(): void {
    value(native().sessionClearCancel(this.handle));
  }

  /** Ends a running call and frees the context. Closing twice is harmless. */
  async close(): Promise<void> {
    value(await native().sessionClose(this.handle));
  }

  /** The handle, for a call that is alone in the session. */
  private idleHandle(): number {
    if (this.computing) throw new MmoeError("busy", "another call of this session runs");
    return this.handle;
  }

  /**
   * Computing calls run on threads that begin in no certain order, so what is called while one is under way is refused here:
   * the library might run the second and refuse the first.
   */
  private async compute<T>(call: (session: number) => Promise<Result<T>>): Promise<T> {
    const session = this.idleHandle();
    this.computing = true;
    try {
      return value(await call(session));
    } finally {
      this.computing = false;
    }
  }
}
