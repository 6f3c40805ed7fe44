// What a generated client contains beside the types and functions of its server.
export * from "./errors";
export * from "./events";
export * from "./transport";
export * from "./pictures";
export * from "./inputs";
export * from "./text";
export * from "./models";
