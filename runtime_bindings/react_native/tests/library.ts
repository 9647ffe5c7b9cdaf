import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { install, type Native } from "../src/index";

function required(name: string): string {
  const found = process.env[name];
  if (found === undefined) throw new Error(`set ${name}; .ci/react-native does`);
  return resolve(found);
}

export const addonPath = required("MMOE_NODE_ADDON");
export const native: Native = createRequire(__filename)(addonPath);
install(native);

/** The bundled checkpoint, converted. */
export const artifact = required("MMOE_TEST_ARTIFACT");
/** tests/conformance, and what `python -m tests.conformance.variants` wrote. */
export const scenarios = required("MMOE_TEST_SCENARIOS");
export const variants = required("MMOE_TEST_VARIANTS");

const scratch = mkdtempSync(join(tmpdir(), "mmoe-"));
process.on("exit", () => rmSync(scratch, { recursive: true }));

/** An empty folder, until the process ends. */
export function newFolder(): string {
  return mkdtempSync(join(scratch, "folder-"));
}
