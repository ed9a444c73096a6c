/**
 * node:http and node:https without their WebSocket: an import statement reads every export of a module, and reading that
 * one loads a second HTTP client, which an agent has no use for (8 MB in Node 24).
 */
export const httpModule: typeof import('node:http') = process.getBuiltinModule('node:http');
export const httpsModule: typeof import('node:https') = process.getBuiltinModule('node:https');
