export { Chat, type ChatOptions, type WhenFull } from "./chat";
export { type ErrorCode, MmoeError } from "./errors";
export { libraryVersion, loadModel, type LoadOptions, memory, Model } from "./model";
export { install, type Native, type Result } from "./native";
export * from "./records";
export { Session } from "./session";
