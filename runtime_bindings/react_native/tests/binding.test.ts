// What the scenarios cannot say: promises, signals, abandoned streams, wrong arguments.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import {
  Chat,
  GREEDY,
  install,
  libraryVersion,
  loadModel,
  memory,
  MmoeError,
  type ModelInfo,
  type Progress,
  type Step,
} from "../src/index";
import { addonPath, artifact, native, newFolder } from "./library";

const PROMPT = "And the sea and the";

async function collect(steps: AsyncGenerator<Step, void>): Promise<Step[]> {
  const found: Step[] = [];
  for await (const step of steps) found.push(step);
  return found;
}

function textOf(steps: readonly Step[]): string {
  return steps.map(({ text }) => text).join("");
}

function fails(code: string, message: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof MmoeError, `${error}`);
    assert.equal(error.code, code);
    assert.match(error.message, message);
    return true;
  };
}

test("a model tells what its manifest says", async () => {
  const told: Progress[] = [];
  const model = await loadModel(artifact, { verifyChecksums: true, onProgress: (each) => told.push(each) });
  const manifest = JSON.parse(readFileSync(join(artifact, "mmoe.json"), "utf8"));
  const expected: Partial<ModelInfo> = {
    vocabSize: manifest.runtime.vocab_size,
    maxSeqLen: manifest.runtime.max_seq_len,
    maxContextLen: manifest.runtime.max_context_len,
    programBytes: manifest.files["model.pte"].bytes,
    bosId: manifest.runtime.bos_id,
    slidingWindow: null,
  };
  for (const [name, value] of Object.entries(expected)) assert.equal(model.info[name as keyof ModelInfo], value, name);
  assert.match(libraryVersion(), /^\d+\.\d+\.\d+$/);
  // Each stage in turn, each to its end, and all of it before the promise.
  assert.deepEqual([...new Set(told.map(({ stage }) => stage))], [0, 1, 2]);
  for (const stage of [0, 1, 2]) {
    const last = told.filter((each) => each.stage === stage).at(-1);
    assert.ok(last && last.total > 0 && last.done === last.total, JSON.stringify(last));
  }
  await model.close();
  await model.close();
  await assert.rejects(model.warmUp(), fails("closed", /is not open/));
});

test("what a listener throws is not swallowed, and does not keep the call from ending", () => {
  const script = `
    const { install, loadModel } = require(${JSON.stringify(join(__dirname, "..", "src", "index.js"))});
    install(require(${JSON.stringify(addonPath)}));
    process.on("uncaughtException", (error) => console.log("uncaught", error.message));
    loadModel(${JSON.stringify(artifact)}, { onProgress: () => { throw new Error("thrown"); } })
      .then((model) => model.close())
      .then(() => console.log("closed"));`;
  const run = spawnSync(process.execPath, ["-e", script], { encoding: "utf8" });
  assert.equal(run.stderr, "");
  assert.match(run.stdout, /^(uncaught thrown\n)+closed\n$/);
});

test("steps come one by one, and their texts are that of their ids", async () => {
  const model = await loadModel(artifact);
  const session = model.newSession(GREEDY);
  const steps = await collect(session.generate(PROMPT, { maxNewTokens: 12 }));
  assert.equal(steps.length, 13);
  assert.deepEqual(steps.slice(0, -1).map(({ finishReason }) => finishReason), Array(12).fill(null));
  assert.equal(steps.at(-1)?.finishReason, "length");
  const ids = steps.slice(0, -1).map(({ id }) => id);
  assert.equal(textOf(steps), model.detokenize(ids));
  const { stats } = session;
  assert.equal(stats.prefillTokens, model.tokenize(PROMPT).length);
  assert.ok(stats.ttftSeconds > 0 && stats.decodeSeconds > 0 && stats.loadSeconds > 0);
  const { peakBytes, anonymousBytes, fileBytes } = memory();
  assert.ok(peakBytes >= Math.max(anonymousBytes, fileBytes) && fileBytes > 0);
  // By hand: the most probable token of the logits, one after another.
  const other = model.newSession(GREEDY);
  await other.prefill(model.tokenize(PROMPT));
  for (const id of ids) {
    const logits = other.logits();
    assert.equal(logits.indexOf(Math.max(...logits)), id);
    await other.decode(id);
  }
  await model.close();
});

test("a stream that is left leaves the session ready", async () => {
  const model = await loadModel(artifact);
  const session = model.newSession(GREEDY);
  const whole = textOf(await collect(session.generate(PROMPT, { maxNewTokens: 8 })));
  assert.ok(whole.length > 8, whole);
  for await (const step of session.generate(PROMPT, { maxNewTokens: 8 })) {
    if (step.text !== "") break;
  }
  assert.equal(textOf(await collect(session.generate(PROMPT, { maxNewTokens: 8 }))), whole);
  await session.close();
  await assert.rejects(session.next(), fails("closed", /is not open/));
  await model.close();
});

test("a signal ends a text between two tokens, and before the first", async () => {
  const model = await loadModel(artifact);
  const session = model.newSession(GREEDY);
  const controller = new AbortController();
  const steps: Step[] = [];
  for await (const step of session.generate(PROMPT, { signal: controller.signal })) {
    steps.push(step);
    if (steps.length === 3) controller.abort();
  }
  assert.equal(steps.length, 4);
  assert.deepEqual(steps.at(-1)?.finishReason, "cancelled");
  const never = await collect(session.generate(PROMPT, { signal: controller.signal }));
  assert.deepEqual(never, [{ id: -1, text: "", finishReason: "cancelled" }]);
  // Nothing of it is left for the next text.
  const next = await collect(session.generate(PROMPT, { maxNewTokens: 3 }));
  assert.equal(next.at(-1)?.finishReason, "length");
  await model.close();
});

test("a signal ends a prefill that is under way", async () => {
  const model = await loadModel(artifact);
  const session = model.newSession(GREEDY);
  const controller = new AbortController();
  // Before the library has begun: it looks for a cancel in front of each chunk, and this is the only one.
  const abortBefore = (handle: number, ids: Int32Array) => {
    controller.abort();
    return native.sessionPrompt(handle, ids);
  };
  install({ ...native, sessionPrompt: abortBefore });
  try {
    const steps = await collect(session.generate(PROMPT, { signal: controller.signal, maxNewTokens: 1 }));
    assert.deepEqual(steps, [{ id: -1, text: "", finishReason: "cancelled" }]);
    assert.equal(session.position, 0);
  } finally {
    install(native);
  }
  assert.equal((await collect(session.generate(PROMPT, { maxNewTokens: 1 }))).length, 2);
  await model.close();
});

test("a signal that comes when a call has ended already is not left for the next text", async () => {
  const model = await loadModel(artifact);
  const session = model.newSession(GREEDY);
  const controller = new AbortController();
  const abortBehind = async (handle: number) => {
    const step = await native.sessionNext(handle);
    controller.abort();
    return step;
  };
  install({ ...native, sessionNext: abortBehind });
  try {
    const steps = await collect(session.generate(PROMPT, { signal: controller.signal }));
    assert.deepEqual(steps.map(({ finishReason }) => finishReason), [null, "cancelled"]);
  } finally {
    install(native);
  }
  assert.equal((await collect(session.generate(PROMPT, { maxNewTokens: 3 }))).at(-1)?.finishReason, "length");
  await model.close();
});

test("JavaScript goes on while a call waits for its thread and computes", async () => {
  const model = await loadModel(artifact);
  const session = model.newSession(GREEDY);
  // All threads that compute wait for somebody who writes to the pipe: until then the call cannot have ended.
  const pipe = join(newFolder(), "pipe");
  execFileSync("mkfifo", [pipe]);
  const threads = Number(process.env.UV_THREADPOOL_SIZE ?? 4);
  const readers = Array.from({ length: threads }, () => open(pipe, "r"));
  let ended = false;
  const running = session.prefill([1, 2, 3]).then(() => {
    ended = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 1));
  assert.equal(ended, false);
  const writer = openSync(pipe, "w");
  for (const reader of readers) await (await reader).close();
  closeSync(writer);
  await running;
  assert.equal(session.position, 3);
  await model.close();
});

test("what is called while a call runs is refused, even if that has not begun", async () => {
  const begin: (() => void)[] = [];
  const late = (session: number, ids: Int32Array) =>
    new Promise<void>((resolve) => begin.push(resolve)).then(() => native.sessionPrefill(session, ids));
  install({ ...native, sessionPrefill: late });
  try {
    const model = await loadModel(artifact);
    const session = model.newSession(GREEDY);
    const running = session.prefill([1, 2, 3]);
    await assert.rejects(session.next(), fails("busy", /session/));
    await assert.rejects(session.prefill([4]), fails("busy", /session/));
    assert.throws(() => session.reset(), fails("busy", /session/));
    assert.throws(() => session.position, fails("busy", /session/));
    assert.equal(session.stats.prefillTokens, 0);
    for (const each of begin) each();
    await running;
    assert.equal(session.position, 3);
    // Nor does a refused call, or one that fails, keep the next one out.
    await assert.rejects(session.prefill([0.5]), fails("invalid_argument", /0\.5/));
    assert.ok((await session.next()).id >= 0);
    await model.close();
  } finally {
    install(native);
  }
});

test("a turn that comes while one runs is refused, and is not recorded", async () => {
  const model = await loadModel(artifact);
  const chat = new Chat(model, { sampling: GREEDY });
  const first = chat.send("Who made the sea?", { maxNewTokens: 4 });
  await first.next();
  await assert.rejects(chat.send("And the land?", { maxNewTokens: 4 }).next(), fails("busy", /turn/));
  assert.throws(() => chat.reset(), fails("busy", /turn/));
  await assert.rejects(chat.restore([]), fails("busy", /turn/));
  await collect(first);
  assert.deepEqual(chat.history.map(({ role }) => role), ["user", "assistant"]);
  await collect(chat.send("And the land?", { maxNewTokens: 4 }));
  assert.deepEqual(chat.history.map(({ role }) => role), ["user", "assistant", "user", "assistant"]);
  await model.close();
});

test("a conversation goes on from its turns and its snapshot", async () => {
  const file = join(newFolder(), "snapshot");
  const model = await loadModel(artifact);
  const answer = async (chat: Chat) => textOf(await collect(chat.send("And his son?", { maxNewTokens: 8 })));
  const chat = new Chat(model, { sampling: GREEDY, system: "Be brief." });
  await collect(chat.send("Who was the king?", { maxNewTokens: 12 }));
  await chat.save(file);
  const { turns } = chat;
  const expected = await answer(chat);
  const { prefillTokens } = chat.stats;

  const other = new Chat(model);
  await other.restore(turns, file);
  assert.equal(await answer(other), expected);
  assert.equal(other.stats.prefillTokens, prefillTokens, "only the new turn is run");

  writeFileSync(file, "no snapshot");
  const third = new Chat(model);
  await assert.rejects(third.restore(turns, file), fails("corrupt", /./));
  assert.deepEqual(third.turns, []);
  await model.close();
});

test("NUL characters and characters beyond 16 bits arrive", async () => {
  const model = await loadModel(artifact);
  for (const text of ["a\0b", "\0", "😀 über 山", "x".repeat(10_000)]) {
    assert.equal(model.detokenize(model.tokenize(text)), text);
  }
  // Half of a pair is no character.
  assert.equal(model.detokenize(model.tokenize("a\ud800b")), "a\ufffdb");
  const [whole, cut] = ["a\0b", "a"].map((content) => model.chat([{ role: "user", content }]).length);
  assert.ok((whole as number) > (cut as number));
  await model.close();
});

test("bytes of tokens are those of their text", async () => {
  const model = await loadModel(artifact);
  for (const text of ["In the beginning", "na\u0308ive \u{1f468}\u200d\u{1f469} \u6771\u4eac", "a\0b", "\n\t "]) {
    const pieces = model.tokenize(text, { addBos: false }).map((id, index) => model.tokenBytes(id, { first: index === 0 }));
    assert.equal(Buffer.concat(pieces).toString("hex"), Buffer.from(text).toString("hex"));
  }
  const special = model.tokenize("<|eot|>", { addBos: false, parseSpecial: true });
  assert.deepEqual(special.map((id) => model.tokenBytes(id)), [Uint8Array.from(Buffer.from("<|eot|>"))]);
  for (const unknown of [-1, model.info.vocabSize, 2 ** 31 - 1]) assert.deepEqual(model.tokenBytes(unknown), new Uint8Array());
  for (const none of [0.5, 2 ** 31, Number.NaN]) {
    assert.throws(() => model.tokenBytes(none), fails("invalid_argument", /modelTokenBytes: argument 2 must be a whole number/));
  }
  await model.close();
  assert.throws(() => model.tokenBytes(1), fails("closed", /is not open/));
});

test("seeds have 64 bits", async () => {
  const model = await loadModel(artifact);
  const text = async (seed: number | bigint) => {
    const session = model.newSession({ temperature: 1.5, seed });
    const steps = await collect(session.generate(PROMPT, { maxNewTokens: 24 }));
    await session.close();
    return textOf(steps);
  };
  assert.equal(await text(7), await text(7n));
  // As doubles the two are the same number.
  assert.notEqual(await text(2n ** 60n), await text(2n ** 60n + 1n));
  const session = model.newSession();
  assert.throws(() => session.setSampling({ seed: -1 }), fails("invalid_argument", /seed/));
  assert.throws(() => session.setSampling({ seed: 2n ** 64n }), fails("invalid_argument", /seed/));
  await model.close();
});

test("wrong arguments are named, not misread", async () => {
  await assert.rejects(loadModel("/nowhere"), fails("not_found", /\/nowhere/));
  await assert.rejects(loadModel(artifact, { threads: 5000 }), fails("invalid_argument", /threads must be at most 1024/));
  const model = await loadModel(artifact);
  const session = model.newSession();
  await assert.rejects(session.prefill([0.5]), fails("invalid_argument", /0\.5 is no token id/));
  await assert.rejects(session.prefill([2 ** 31]), fails("invalid_argument", /2147483648/));
  await assert.rejects(session.prefill([]), fails("invalid_argument", /\S/));
  assert.throws(() => session.setLimits({ maxNewTokens: -1 }), fails("invalid_argument", /maxNewTokens/));
  assert.throws(() => session.logprobs(-1), fails("invalid_argument", /top/));
  assert.deepEqual(native.sessionSetLogitBias(1, new Int32Array(2), new Float32Array(1)), {
    status: "invalid_argument",
    message: "there must be as many biases as ids",
  });
  await assert.rejects(
    collect(session.generate(PROMPT, { jsonSchema: {}, grammar: "root ::= " })),
    fails("invalid_argument", /not both/),
  );
  // Calls that no type allows.
  const untyped = native as unknown as Record<string, (...given: unknown[]) => unknown>;
  assert.deepEqual(untyped.sessionPosition?.("1"), {
    status: "invalid_argument",
    message: "sessionPosition: argument 1 must be a number",
  });
  assert.deepEqual(untyped.sessionPosition?.(), {
    status: "invalid_argument",
    message: "sessionPosition: argument 1 must be a number",
  });
  assert.deepEqual(await untyped.sessionPrefill?.(1, [1, 2]), {
    status: "invalid_argument",
    message: "sessionPrefill: argument 2 must be an Int32Array",
  });
  assert.deepEqual(untyped.sessionTruncate?.(1, Number.NaN), {
    status: "invalid_argument",
    message: "sessionTruncate: argument 2 must be a whole number in its range",
  });
  await model.close();
});

test("a schema is followed, as an object and as text", async () => {
  const model = await loadModel(artifact);
  const schema = { enum: ["yes", "no"] };
  for (const jsonSchema of [schema, JSON.stringify(schema)]) {
    const session = model.newSession(GREEDY);
    const steps = await collect(session.generate(PROMPT, { jsonSchema }));
    assert.ok(["yes", "no"].includes(JSON.parse(textOf(steps))));
    await session.close();
  }
  await assert.rejects(model.checkGrammar({}), fails("invalid_argument", /jsonSchema or grammar/));
  await model.close();
});

test("a library of another ABI is refused", () => {
  assert.throws(
    () => install({ ...native, abiVersion: () => ({ value: 1 }) }),
    fails("version", /ABI 1, this package needs 2/),
  );
});

test("the types name every call of the shim, and no other", () => {
  const source = join(__dirname, "..", "..", "src", "native.ts");
  assert.ok(existsSync(source));
  const text = readFileSync(source, "utf8");
  const body = text.slice(text.indexOf("export interface Native"), text.indexOf("const ABI_VERSION"));
  const named = [...body.matchAll(/^ {2}(\w+)\(/gm)].map(([, name]) => name);
  assert.deepEqual(named.sort(), Object.keys(native).sort());
});
