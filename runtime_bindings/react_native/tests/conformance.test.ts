// The scenarios of tests/conformance, whose README describes their format.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import {
  Chat,
  type GenerateOptions,
  loadModel,
  type Message,
  MmoeError,
  type Model,
  type Sampling,
  type Session,
  type Stats,
  type Step,
  type WhenFull,
} from "../src/index";
import { artifact, newFolder, scenarios, variants } from "./library";

// Whatever JSON says; each call knows the members that it has.
type Json = any;
type Handler = (call: Json) => Json | Promise<Json>;

const files = readdirSync(scenarios).filter((name) => name.endsWith(".json"));
const all: Json[] = files.flatMap((name) => {
  // A seed of 64 bits is more than a number of JavaScript holds.
  const text = readFileSync(join(scenarios, name), "utf8").replace(/("seed": )(\d{16,})/g, '$1"$2"');
  return JSON.parse(text);
});

test("there are scenarios", () => assert.ok(all.length >= 30, `${all.length}`));

for (const scenario of all) {
  test(scenario.name, async () => {
    const folder = scenario.artifact === undefined ? artifact : join(variants, scenario.artifact);
    const model = await loadModel(folder);
    try {
      const handlers = { ...modelCalls(model), ...callsOf(model, scenario) };
      for (const call of scenario.calls) {
        const found = await result(handlers, call);
        assert.deepEqual(found, withParsedCalls(call.expect ?? {}), `${scenario.name}: ${JSON.stringify(call).slice(0, 500)}`);
      }
    } finally {
      await model.close();
    }
  });
}

async function result(handlers: Record<string, Handler>, call: Json): Promise<Json> {
  const handler = handlers[call.call];
  assert.ok(handler, `no call: ${call.call}`);
  try {
    return (await handler(call)) ?? {};
  } catch (error) {
    if (!(error instanceof MmoeError)) throw error;
    return { error: error.code };
  }
}

function callsOf(model: Model, scenario: Json): Record<string, Handler> {
  const sampling = scenario.sampling === undefined ? undefined : samplingOf(scenario.sampling);
  if (scenario.chat === undefined) return sessionCalls(model.newSession(sampling));
  const { system, tools, when_full: whenFull, answer_room: answerRoom } = scenario.chat;
  return chatCalls(
    new Chat(model, {
      ...(system === undefined ? {} : { system }),
      ...(sampling === undefined ? {} : { sampling }),
      ...(tools === undefined ? {} : { tools: tools.map((text: string) => JSON.parse(text)) }),
      ...(whenFull === undefined ? {} : { whenFull: whenFull as WhenFull }),
      ...(answerRoom === undefined ? {} : { answerRoom }),
    }),
  );
}

/** Its arguments are JSON, which may be written in more than one way. */
function withParsedCalls(expected: Json): Json {
  if (Array.isArray(expected.calls)) return { ...expected, calls: expected.calls.map(parsedCall) };
  if (!Array.isArray(expected.messages)) return expected;
  const messages = expected.messages.map((message: Json) => withParsedCalls(message));
  return { ...expected, messages };
}

function parsedCall([name, text]: [string, string]): Json {
  return [name, JSON.parse(text)];
}

/** Role, content and, where there are calls of tools, pairs of a name and their arguments. */
function withCalls({ role, content, toolCalls }: Message): Json {
  const calls = toolCalls?.map((call) => [call.name, call.arguments]);
  return calls === undefined ? { role, content } : { role, content, calls };
}

function samplingOf(values: Json): Partial<Sampling> {
  const named: Record<string, keyof Sampling> = {
    temperature: "temperature",
    top_k: "topK",
    top_p: "topP",
    min_p: "minP",
    repetition_penalty: "repetitionPenalty",
    frequency_penalty: "frequencyPenalty",
    presence_penalty: "presencePenalty",
    seed: "seed",
  };
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => {
      const field = named[name];
      assert.ok(field, `no value of a sampling: ${name}`);
      return [field, typeof value === "string" ? BigInt(value) : value];
    }),
  );
}

function idsOf({ ids, times = 1 }: Json): number[] {
  return Array.from({ length: times }).flatMap(() => ids);
}

function promptOf(call: Json): string | number[] | null {
  if (call.ids !== undefined) return idsOf(call);
  return call.text === undefined ? null : call.text.repeat(call.times ?? 1);
}

function optionsOf(call: Json): GenerateOptions {
  return {
    ...(call.stop === undefined ? {} : { stop: call.stop }),
    ...(call.min_new_tokens === undefined ? {} : { minNewTokens: call.min_new_tokens }),
    ...(call.max_new_tokens === undefined ? {} : { maxNewTokens: call.max_new_tokens }),
    ...(call.json_schema === undefined ? {} : { jsonSchema: call.json_schema }),
    ...(call.grammar === undefined ? {} : { grammar: call.grammar }),
  };
}

function conversation(call: Json): string {
  return readFileSync(join(scenarios, "conversations", `${call.conversation}.json`), "utf8");
}

function counts({ prefillTokens, decodeTokens }: Stats): Json {
  return { prefill_tokens: prefillTokens, decode_tokens: decodeTokens };
}

function modelCalls(model: Model): Record<string, Handler> {
  return {
    info: () => ({
      vocab_size: model.info.vocabSize,
      max_context_len: model.info.maxContextLen,
      layers: model.info.layers,
      bos_id: model.info.bosId,
      has_chat: model.info.hasChat,
    }),
    tokenize: (call) => ({
      ids: model.tokenize(promptOf(call) as string, {
        addBos: call.add_bos ?? true,
        parseSpecial: call.parse_special ?? false,
      }),
    }),
    detokenize: (call) => ({ text: model.detokenize(idsOf(call), { skipSpecial: call.skip_special ?? true }) }),
    token_bytes: (call) => ({ bytes: Array.from(model.tokenBytes(call.id, { first: call.first ?? true })) }),
    chat: (call) => ({ ids: model.chat(call.messages) }),
    chat_json: (call) => ({ ids: model.chatJson(conversation(call), call.now) }),
    chat_fit: (call) => {
      const { ids, leftOut } = model.chatFit(conversation(call), call.most_ids, call.now);
      return { ids, left_out: leftOut };
    },
    tool_calls: (call) => {
      const { content, calls = [] } = withCalls(model.toolCalls(call.text));
      return { content, calls };
    },
    sampling: () => {
      const { temperature, topK, topP, minP, repetitionPenalty, seed } = model.sampling;
      return { temperature, top_k: topK, top_p: topP, min_p: minP, repetition_penalty: repetitionPenalty, seed };
    },
    check_grammar: (call) => model.checkGrammar(optionsOf(call)),
    warm_up: async () => {
      const stages: number[] = [];
      await model.warmUp(({ stage, done }) => {
        if (done === 0) stages.push(stage);
      });
      return { stages };
    },
    session_memory: (call) => ({ cache_bytes: model.sessionMemory(call.tokens ?? null).cacheBytes }),
    close_model: () => model.close(),
  };
}

/** Reads a stream as far as the call says. */
async function read(steps: AsyncGenerator<Step, void>, call: Json, cancel: () => void): Promise<Json> {
  const found: Step[] = [];
  for await (const step of steps) {
    found.push(step);
    if (found.length === call.cancel_after) cancel();
    if (found.length === call.abandon_after) break;
  }
  const ids = found.filter(({ finishReason }) => finishReason === null).map(({ id }) => id);
  const text = found.map((step) => step.text).join("");
  if (call.abandon_after !== undefined) return { ids, text };
  return { ids, text, finish_reason: found.at(-1)?.finishReason };
}

function sessionCalls(session: Session): Record<string, Handler> {
  const saved = join(newFolder(), "saved");
  return {
    prompt: (call) => session.prompt(idsOf(call)),
    prefill: (call) => session.prefill(idsOf(call)),
    next: async () => {
      const { id, text, finishReason } = await session.next();
      return { id, text, finish_reason: finishReason };
    },
    set_limits: (call) => session.setLimits(optionsOf(call)),
    set_grammar: (call) => session.setGrammar(optionsOf(call)),
    hide_tool_calls: (call) => session.hideToolCalls(call.on ?? true),
    count_experts: (call) => session.countExperts(call.on ?? true),
    expert_counts: () => ({ counts: session.expertCounts() }),
    set_speculation: (call) => session.setSpeculation(call.max_draft_tokens ?? null, call.ids ?? []),
    set_logit_bias: (call) => session.setLogitBias(new Map(call.bias)),
    logprobs: (call) => {
      const { chosen, top } = session.logprobs(call.top ?? 0);
      return { chosen: chosen.id, top: top.map(({ id }) => id) };
    },
    flush: () => ({ text: session.flush() }),
    commit: () => session.commit(),
    decode: (call) => session.decode(call.id),
    logits: () => {
      const logits = session.logits();
      return { count: logits.length, argmax: logits.indexOf(Math.max(...logits)) };
    },
    position: () => ({ position: session.position }),
    truncate: (call) => session.truncate(call.position),
    save: () => session.save(saved),
    restore: () => session.restore(saved),
    reset: () => session.reset(),
    cancel: () => session.cancel(),
    clear_cancel: () => session.clearCancel(),
    close: () => session.close(),
    set_sampling: (call) => session.setSampling(samplingOf(call.sampling)),
    stats: () => counts(session.stats),
    generate: (call) => read(session.generate(promptOf(call), optionsOf(call)), call, () => session.cancel()),
  };
}

function chatCalls(chat: Chat): Record<string, Handler> {
  return {
    send: (call) => {
      const said = call.messages ?? promptOf(call);
      return read(chat.send(said, optionsOf(call)), call, () => chat.cancel());
    },
    stats: () => counts(chat.stats),
    history: () => ({ messages: chat.history }),
    turns: () => ({ messages: chat.turns.map(withCalls) }),
    left_out: () => ({ messages: chat.leftOut }),
    restore_turns: (call) => chat.restore(call.messages),
    reset: () => chat.reset(),
    close: () => chat.close(),
  };
}
