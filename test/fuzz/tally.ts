import type { HttpResponse } from './responses.ts';

/** Counts of requests and their results. */
export class Tally {
  requests = 0;
  branch: number;
  readonly kinds = new Map<string, number>();
  readonly statuses = new Map<number, number>();

  constructor(firstBranch: number) {
    this.branch = firstBranch;
  }

  count(kind: string, requests: number, answers: readonly HttpResponse[]): void {
    this.requests += requests;
    this.kinds.set(kind, (this.kinds.get(kind) ?? 0) + requests);
    for (const { status } of answers) this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1);
  }
}
