/** How many nodes a cluster has in which datacenter, and what follows from that for each of them. */

/** Nodes in each datacenter, by the name of the shape. */
export const SHAPES = { '1': [1], '1+1': [1, 1], '3+1': [3, 1] } as const
export type Shape = keyof typeof SHAPES

export interface Place {
  /** `dc1-2`: the second of the first datacenter. */
  readonly name: string
  readonly datacenter: string
  /** Counted from 0. */
  readonly datacenterIndex: number
  /** Counted from 1, in its datacenter. */
  readonly number: number
  /** Where on the ring it begins. */
  readonly token: string
}

/** The tokens of a datacenter share the ring equally; those of the next lie just beside them, since no two may be equal. */
export function placesOf(shape: Shape): Place[] {
  return SHAPES[shape].flatMap((nodes, datacenterIndex) => {
    return Array.from({ length: nodes }, (_, n) => ({
      name: `dc${datacenterIndex + 1}-${n + 1}`,
      datacenter: `dc${datacenterIndex + 1}`,
      datacenterIndex,
      number: n + 1,
      token: String((2n ** 64n / BigInt(nodes)) * BigInt(n) - 2n ** 63n + BigInt(datacenterIndex) * 1000n),
    }))
  })
}

/** What NetworkTopologyStrategy is told: up to three replicas in each datacenter. */
export function replication(shape: Shape): Record<string, number> {
  return Object.fromEntries(SHAPES[shape].map((nodes, i) => [`dc${i + 1}`, Math.min(nodes, 3)]))
}
