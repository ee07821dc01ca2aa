/** Runs jobs while the page is idle: the newest first, for a few milliseconds at a time. */

/** No job is begun in an idle period with less time than this left: a job may take this long. */
const JOB_MS_MAX = 4;
/** After this long without an idle period, one job is done all the same. */
const WAIT_MS_MAX = 1_000;
/** Safari has no requestIdleCallback: one job is done after each pause of this length. */
const PAUSE_MS = 30;

const jobs: (() => void)[] = [];
let isRequested = false;

/** Returns a function that cancels the job. */
export function whenIdle(work: () => void): () => void {
  jobs.push(work);
  request();
  return () => {
    const index = jobs.indexOf(work);
    if (index !== -1) jobs.splice(index, 1);
  };
}

function request(): void {
  if (isRequested || jobs.length === 0) return;
  isRequested = true;
  if (typeof requestIdleCallback === "undefined") setTimeout(() => run(() => 0), PAUSE_MS);
  else requestIdleCallback((deadline) => run(() => deadline.timeRemaining()), { timeout: WAIT_MS_MAX });
}

function run(msLeft: () => number): void {
  isRequested = false;
  do jobs.pop()?.();
  while (jobs.length > 0 && msLeft() > JOB_MS_MAX);
  request();
}
