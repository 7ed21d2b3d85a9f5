// The same from CommonJS.

import test = require("node:test");
import sessionwire = require("sessionwire");
import testing = require("sessionwire/testing");

export const emulator: sessionwire.Emulator = testing.useEmulator(test);
