import type { en } from "./en";
import type { Shape } from "./shape";
import { app } from "./zh/app";
import { batch } from "./zh/batch";
import { options } from "./zh/options";
import { photo } from "./zh/photo";
import { problem } from "./zh/problem";

export const zh: Shape<typeof en> = { ...app, batch, options, photo, problem };
