#!/usr/bin/env node
/**
 * The command line: the same program as that of cargo and pip.
 */

import { native } from "./native.js";

// Node's own handlers raise the signal once more after ours, which would count as a second Ctrl-C.
// Listeners replace them; they never run, as this thread waits in the program.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => {});

process.exit(native.runCli(process.argv.slice(2)));
