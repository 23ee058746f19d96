/** The words that a test and its load generator speak: what to offer, and what came of it. */

/** One caller and its kept connections. */
export interface CallerOfLoad {
  readonly name: string
  /** PEM. */
  readonly certificate: string
  readonly key: string
  readonly connections: number
}

export interface Setup {
  readonly port: number
  /** PEM. */
  readonly authority: string
  readonly callers: readonly CallerOfLoad[]
}

/** What one caller asks. */
export interface Offer {
  readonly caller: string
  readonly request: 'get' | 'put'
  /** Arrivals a second, a Poisson process; `closed` = each connection asks again as soon as it has its answer. */
  readonly rate: number | 'closed'
  /** Connections used; all unless given. */
  readonly connections?: number
}

export interface Phase {
  readonly offers: readonly Offer[]
  /** Seconds before anything counts, and seconds that count. */
  readonly warmUp: number
  readonly seconds: number
  readonly seed: number
}

/** Answers of one kind. */
export interface Figures {
  readonly count: number
  /** Ms from handing the request to the socket to the whole answer; NaN if there were none. */
  readonly p50: number
  readonly p99: number
  readonly max: number
}

export interface Outcome {
  readonly caller: string
  readonly offered: number
  /** 200 and 201. */
  readonly served: Figures
  /** 503 `overloaded`. */
  readonly refused: Figures
  /** Arrivals that found every connection waiting for an answer; they were never sent. */
  readonly unsent: number
  /** 503 because the storage did not answer in time. */
  readonly late: number
  /** Whatever should not be: other statuses, wrong problems, connections that closed, requests without an answer. */
  readonly faults: readonly string[]
}
