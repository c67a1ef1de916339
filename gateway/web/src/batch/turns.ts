let last: Promise<unknown> = Promise.resolve();

/** Run `work` after what was handed in before: large photos are decoded one at a time. */
export function inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
  const mine = last.then(work, work);
  last = mine.catch(() => undefined);
  return mine;
}
