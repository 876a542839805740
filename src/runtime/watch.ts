/** The end of an actor, told to each watcher exactly once. */
export interface Terminated {
  readonly address: string;
  /** The epoch of the node that it lived on. */
  readonly epoch: number;
  readonly incarnation: number;
  readonly reason: string;
}
