// The interface that the TypeScript half declares by hand fits what the native half generates.

import type {
  Native,
  NativeClient,
  NativeEmulator,
  NativeStream,
  NativeTask,
} from "../../../dist/cjs/native.js";
import type * as generated from "../../../dist/native/native.js";

declare const native: typeof generated;
declare const client: generated.Client;
declare const emulator: generated.Emulator;
declare const stream: generated.EventStream;
declare const task: generated.Task;

export const checked: [Native, NativeClient, NativeEmulator, NativeStream, NativeTask] = [
  native,
  client,
  emulator,
  stream,
  task,
];
