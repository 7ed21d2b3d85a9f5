// A task that outlives its process: g01, g02 and g03 in the cases of every language.

import { Play, play } from "./handle-cases.mjs";

play(Play);
