import { app } from "./en/app";
import { batch } from "./en/batch";
import { options } from "./en/options";
import { photo } from "./en/photo";
import { problem } from "./en/problem";

export const en = { ...app, batch, options, photo, problem };
