import { MmoeError } from "./errors";
import type { Grammar, Limits, Message, TokenIds, Tool } from "./records";

/** Ids as the shim takes them; a number that is none is refused, where a typed array would wrap it around. */
export function tokenIds(ids: TokenIds): Int32Array {
  if (ids instanceof Int32Array) return ids;
  for (const id of ids) {
    if ((id | 0) !== id) throw new MmoeError("invalid_argument", `${id} is no token id`);
  }
  return Int32Array.from(ids);
}

export function stops(limits: Limits): string[] {
  const { stop = [] } = limits;
  return typeof stop === "string" ? [stop] : [...stop];
}

/** An `mmoe_grammar_kind` and the text; null for any text. */
export function grammarText({ jsonSchema, grammar }: Grammar): { kind: number; text: string | null } {
  if (jsonSchema !== undefined && grammar !== undefined) {
    throw new MmoeError("invalid_argument", "give jsonSchema or grammar, not both");
  }
  if (grammar !== undefined) return { kind: 2, text: grammar };
  if (jsonSchema === undefined) return { kind: 0, text: null };
  return { kind: 1, text: typeof jsonSchema === "string" ? jsonSchema : JSON.stringify(jsonSchema) };
}

/** What the library's templates read. */
export function conversationJson(messages: readonly Message[], tools: readonly Tool[]): string {
  const turns = messages.map(({ role, content, toolCalls }) => {
    const calls = toolCalls?.map((call) => ({ type: "function", function: call }));
    return calls === undefined ? { role, content } : { role, content, tool_calls: calls };
  });
  return JSON.stringify({
    messages: turns,
    tools: tools.length === 0 ? null : tools,
    add_generation_prompt: true,
  });
}

/** A message that the library has written. */
export function messageOf(json: string): Message {
  const { role, content, tool_calls: calls } = JSON.parse(json);
  return calls === undefined
    ? { role, content }
    : { role, content, toolCalls: calls.map((call: { function: unknown }) => call.function) };
}
